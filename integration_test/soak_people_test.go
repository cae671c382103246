package integration_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// seenAs is what ONES answers in a soak: as whom it has seen who asked.
type seenAs struct {
	ID, Email string
	Sub       string // of the assertion
}

// upstream is ONES in a soak: it says of each request whose it was.
func (s *soak) upstream() {
	s.ones.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen := seenAs{ID: r.Header.Get("X-Ones-User-Id"), Email: r.Header.Get("X-Ones-User-Email")}
		if parts := strings.Split(r.Header.Get("X-Ones-Assertion"), "."); len(parts) == 3 {
			claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(claims, &seen)
		}
		_ = json.NewEncoder(rw).Encode(seen)
	})
	closed := liveONES(s.world)
	s.working.Go(func() { // nobody waits for these
		for {
			select {
			case <-closed:
			case <-s.over:
				return
			case <-s.alive.Done():
				return
			}
		}
	})
}

// people are all who work in a soak.
func (s *soak) people() {
	s.feed.follow(s) // from before the first order
	ids := map[string]string{}
	for i := range soakBrowsers {
		b := &browsing{soak: s, mail: employee(i), dice: s.newDice()}
		if !b.signIn() {
			s.fail("%s can't sign in", b.mail)
			return
		}
		if other := ids[b.id]; other != "" {
			s.fail("%s and %s have the same id", b.mail, other)
		}
		ids[b.id] = b.mail
		s.guests = append(s.guests, b)
		s.works(80*time.Millisecond, b.turn)
	}
	for range soakClients {
		dice := s.newDice()
		s.works(150*time.Millisecond, func() {
			s.books.insist(s.alive, s.somewhere(dice), s.order(""))
		})
	}
	s.works(300*time.Millisecond, s.panel(s.newDice()))
	s.works(200*time.Millisecond, s.reads(s.newDice()))
	s.works(50*time.Millisecond, func() { s.feed.follow(s) })
}

// order makes an order, for somebody or anybody. Some of those made at a time want the same slot.
func (s *soak) order(mail string) *order {
	s.books.mu.Lock()
	n := len(s.books.orders)
	s.books.mu.Unlock()
	o := s.books.next(n / 64)
	if mail != "" {
		o.person = mail
	}
	return o
}

func (s *soak) pick(dice *rand.Rand) *soaked { return s.gateways[dice.IntN(len(s.gateways))] }

// somewhere is the desk of ONES' server at any gateway, another one for each request.
func (s *soak) somewhere(dice *rand.Rand) desk {
	return func(ctx context.Context, o *order, method, path string, body any, header ...string) (answer, error) {
		return s.books.service(s.pick(dice).service)(ctx, o, method, path, body, header...)
	}
}

// ask has ONES' server ask any gateway something that changes nothing. It returns false if that was not
// answered with 200, which is all right with 429 and whatever the judge lets pass.
func (s *soak) ask(dice *rand.Rand, method, path string, body any, header ...string) (a answer, ok bool) {
	g := s.pick(dice)
	req := s.books.ones.request(method, fmt.Sprintf("http://127.0.0.1:%d%s", g.service, path), body, append(header, "Authorization", "Bearer "+serviceToken)...)
	a, err := s.books.ones.try(req.WithContext(s.alive))
	if err != nil || a.StatusCode >= 500 || a.StatusCode == http.StatusTooManyRequests {
		return a, false
	}
	if a.StatusCode != http.StatusOK {
		s.fail("%s %s: %d %s", method, path, a.StatusCode, a.body)
		return a, false
	}
	return a, true
}

func (s *soak) visitor() *visitor {
	v := newVisitor(s.t, s.home)
	v.client.Transport = s.transport
	return v
}

// panel is a room's screen: a page of ONES' that nobody is signed in to, and what stands in the room.
func (s *soak) panel(dice *rand.Rand) func() {
	screen := s.visitor()
	return func() {
		a, err := screen.try(screen.request(http.MethodGet, s.pick(dice).home+"/display/boardroom", nil))
		if err == nil && a.StatusCode == http.StatusOK {
			var seen seenAs
			if err := json.Unmarshal([]byte(a.body), &seen); err != nil || seen != (seenAs{}) {
				s.fail("a screen is seen as somebody: %v %s", err, a.body)
			}
		} else if err == nil && a.StatusCode < 500 {
			s.fail("a screen: %d %s", a.StatusCode, a.body)
		}
		day := s.books.began.AddDate(0, 0, dice.IntN(20))
		window := url.Values{"from": {day.Format(time.RFC3339)}, "to": {day.AddDate(0, 0, 1).Format(time.RFC3339)}}
		s.ask(dice, http.MethodGet, "/v1/rooms/boardroom/schedule?"+window.Encode(), nil) // a connected one
	}
}

// reads is what ONES' server asks for besides.
func (s *soak) reads(dice *rand.Rand) func() {
	return func() {
		mail := employee(dice.IntN(soakPeople))
		day := s.books.began.AddDate(0, 0, dice.IntN(20))
		from, to := day.Format(time.RFC3339), day.Add(8*time.Hour).Format(time.RFC3339)
		switch dice.IntN(5) {
		case 0:
			s.ask(dice, http.MethodGet, "/v1/rooms", nil)
		case 1:
			a, ok := s.ask(dice, http.MethodGet, "/v1/users/"+mail, nil)
			if ok && a.json(s.t)["connection"] != "connected" && a.json(s.t)["connection"] != "unavailable" {
				s.fail("%s is not connected any more: %s", mail, a.body)
			}
		case 2:
			s.ask(dice, http.MethodPost, "/v1/availability", map[string]any{"rooms": []string{"r0", "r1", "boardroom"}, "start": from, "end": to}, "Ones-Act-As", mail)
		case 3:
			s.ask(dice, http.MethodGet, "/v1/rooms/r2/schedule?"+url.Values{"from": {from}, "to": {to}}.Encode(), nil, "Ones-Act-As", mail)
		case 4:
			s.ask(dice, http.MethodGet, "/graph/v1.0/me/calendarView?"+url.Values{"startDateTime": {from}, "endDateTime": {to}}.Encode(), nil, "Ones-Act-As", mail)
		}
	}
}

// A feed is what ONES was told has changed.
type feed struct {
	mu     sync.Mutex
	cursor string
	told   map[string]bool // bookings
}

// follow asks any gateway what has changed since.
func (f *feed) follow(s *soak) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dice := rand.New(rand.NewPCG(s.seed, uint64(len(f.told))))
	a, ok := s.ask(dice, http.MethodGet, "/v1/changes?wait=1&cursor="+url.QueryEscape(f.cursor), nil)
	if !ok {
		return
	}
	var page struct {
		Changes []struct {
			Booking *struct{ ID string }
		}
		NextCursor string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		s.fail("changes: %v %s", err, a.body)
	}
	for _, c := range page.Changes {
		if c.Booking != nil {
			f.told[c.Booking.ID] = true
		}
	}
	f.cursor = page.NextCursor
}

// check demands that ONES was told of all bookings, with nobody at work any more.
func (f *feed) check(s *soak) {
	for last := ""; last != f.cursor || last == ""; {
		last = f.cursor
		f.follow(s)
	}
	for _, o := range s.books.orders {
		if o.id != "" && !f.told[o.id] {
			s.t.Errorf("%s, acknowledged as %s, is in no change", o.key, o.id)
		}
	}
}

// A browsing is somebody with a browser, who has a WebSocket open now and then, and signs out and
// in again.
type browsing struct {
	*soak
	mail, id string // the id as it was at first
	dice     *rand.Rand
	v        *visitor
	socket   *stream
	at       *soaked   // where the socket is
	lived    time.Time // when it last did
}

func (b *browsing) turn() {
	switch n := b.dice.IntN(40); {
	case n < 20:
		b.page()
	case n < 25:
		b.me()
	case n < 33:
		b.talk()
	case n < 39:
		b.insists()
	default:
		b.signOut()
		b.signIn()
	}
}

// signIn signs in until that has gone well. It returns false if something has failed meanwhile.
func (b *browsing) signIn() bool {
	deadline := time.Now().Add(3 * patience)
	for {
		b.v = b.visitor()
		a, err := b.v.trySignIn("contoso", b.mail)
		if err == nil && b.sees(a) {
			return true
		}
		if time.Now().After(deadline) {
			b.fail("%s can't sign in: %v %v", b.mail, err, a)
		}
		if !b.sleep(100 * time.Millisecond) {
			return false
		}
	}
}

// sees says whether an answer is ONES', and demands that it has seen nobody else.
func (b *browsing) sees(a answer) bool {
	var seen seenAs
	if a.StatusCode != http.StatusOK || json.Unmarshal([]byte(a.body), &seen) != nil {
		return false
	}
	if b.id == "" && seen.ID != "" {
		b.id = seen.ID
	}
	// An address can be missing, where Microsoft gave none at the sign-in.
	if seen.ID != b.id || seen.Sub != b.id || seen.Email != b.mail && seen.Email != "" {
		b.fail("%s, who is %s, is seen as %s", b.mail, b.id, a.body)
	}
	return true
}

func (b *browsing) page() {
	a, err := b.v.try(b.v.request(http.MethodGet, fmt.Sprintf("%s/rooms/%d", b.pick(b.dice).home, b.dice.IntN(100)), nil, "Accept", "text/html"))
	if err == nil && a.StatusCode < 500 && !b.sees(a) {
		b.fail("%s has lost their session: %d from %s %s", b.mail, a.StatusCode, a.Request.URL, a.body)
	}
}

func (b *browsing) me() {
	a, err := b.v.try(b.v.request(http.MethodGet, b.pick(b.dice).home+"/.ones/me", nil))
	if err != nil || a.StatusCode >= 500 {
		return
	}
	if a.StatusCode != http.StatusOK || a.json(b.t)["id"] != b.id {
		b.fail("%s, who is %s: %d %s", b.mail, b.id, a.StatusCode, a.body)
	}
}

// talk opens a WebSocket, or says something on the one that is open.
func (b *browsing) talk() {
	if b.socket == nil {
		b.at, b.lived = b.pick(b.dice), time.Now()
		s, err := b.v.dial(fmt.Sprintf("127.0.0.1:%d", b.at.port), "/socket", b.v.upgrade()...)
		if err == nil {
			var as string
			if as, err = s.handshake(); err == nil && as != b.id {
				b.fail("the WebSocket of %s is seen as %s", b.mail, as)
			}
			b.socket = s
		}
		b.heard(err)
		return
	}
	b.heard(b.socket.ping())
}

// heard takes what became of the last word on the WebSocket.
func (b *browsing) heard(err error) {
	if err == nil {
		b.lived = time.Now()
		return
	}
	defer b.hangUp()
	var refused *upgradeRefused
	if errors.As(err, &refused) && refused.status >= 500 && b.explained(b.at, "/socket", refused.status, refused.body, b.lived) {
		return
	}
	if !b.broken(b.at, "/socket", err, b.lived) {
		b.fail("the WebSocket of %s at gateway %d, alive at %v, is broken: %v", b.mail, b.at.n, b.lived, err)
	}
}

func (b *browsing) hangUp() {
	if b.socket != nil {
		b.socket.conn.Close()
	}
	b.socket = nil
}

// insists books, at any gateway.
func (b *browsing) insists() {
	b.books.insist(b.alive, func(ctx context.Context, _ *order, method, path string, body any, header ...string) (answer, error) {
		return b.v.try(b.v.request(method, b.pick(b.dice).home+"/api/m365"+path, body, append(header, "Origin", b.home)...).WithContext(ctx))
	}, b.order(b.mail))
}

// signOut signs out. If that was answered, the session is over, and what is open of it.
func (b *browsing) signOut() {
	defer b.hangUp()
	g, old := b.pick(b.dice), cookieOf(b.v)
	began := time.Now()
	b.v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a, err := b.v.try(b.v.request(http.MethodPost, g.home+"/.ones/logout", nil, "Origin", b.home, "Accept", "text/html"))
	if err != nil || a.StatusCode >= 500 {
		return
	}
	if !slices.Contains([]int{http.StatusOK, http.StatusSeeOther, http.StatusFound}, a.StatusCode) {
		b.fail("%s signs out: %d %s", b.mail, a.StatusCode, a.body)
	}
	thief := b.visitor()
	setCookie(thief, old)
	if a, err := thief.try(thief.request(http.MethodGet, g.home+"/.ones/me", nil)); err == nil && a.StatusCode < 500 && a.StatusCode != http.StatusUnauthorized {
		b.fail("the session of %s outlives its end: %d %s", b.mail, a.StatusCode, a.body)
	}
	if b.socket == nil {
		return
	}
	_ = b.socket.conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, b.socket); err != nil && !b.broken(b.at, "/socket", err, began) && !wasCut(err) {
		b.fail("the WebSocket of %s outlives the session: %v", b.mail, err)
	}
}
