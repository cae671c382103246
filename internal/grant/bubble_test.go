package grant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

const day = 24 * time.Hour

// A bubble is a world of virtual time (testing/synctest): a store in memory and
// Microsoft's token endpoint, neither of which needs a network. Time passes where a
// test sleeps; each instance has a clock of its own, which can be wrong.
type bubble struct {
	store     *memstore.Store
	keys      *seal.Keyset
	microsoft *microsoft

	mu      sync.Mutex
	lost    []grant.Event
	removed bool // the integration
}

func newBubble(t *testing.T) *bubble {
	t.Helper()
	b := &bubble{store: memstore.New(time.Now), microsoft: &microsoft{}}
	var err error
	if b.keys, err = seal.New(); err != nil {
		t.Fatal(err)
	}
	return b
}

// An instance is a keeper, and what only it has.
type instance struct {
	*grant.Keeper
	bubble *bubble
	client *entra.Client
	ahead  atomic.Int64 // its clock, in nanoseconds
	close  func()
}

// instance starts one. Close it before the bubble ends.
func (b *bubble) instance(s store.Store, rt http.RoundTripper, shared bool) *instance {
	g := &instance{bubble: b}
	provider := entra.NewProvider("https://login.example", &http.Client{Transport: rt}, g.now)
	g.client = entra.NewClient(entra.Config{
		ClientID: "ones", Credentials: []entra.Credential{{Secret: "client-secret"}}, Scopes: []string{"Calendars.ReadWrite.Shared"},
	}, provider, slog.New(slog.DiscardHandler))
	g.Keeper = grant.New(grant.Config{
		Store: s, Shared: shared, Seal: b.keys, Now: g.now, Log: slog.New(slog.DiscardHandler),
		Tell: b.tell,
		Client: func(string) (*entra.Client, bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return g.client, !b.removed
		},
	})
	g.close = sync.OnceFunc(func() {
		g.Close()
		provider.Close()
	})
	return g
}

// solo starts a gateway that has the store for itself.
func (b *bubble) solo() *instance { return b.instance(b.store, b.microsoft, false) }

func (g *instance) now() time.Time { return time.Now().Add(time.Duration(g.ahead.Load())) }

// run runs what a gateway does by itself, until stop is called.
func (g *instance) run(works ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, work := range works {
		running.Go(func() { work(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// signIn has owner sign in here, with fresh tokens of Microsoft's.
func (g *instance) signIn(owner string) error {
	access, refresh := g.bubble.microsoft.issue(owner)
	return g.Save(context.Background(), owner, "contoso", entra.Tokens{
		Access: access, Refresh: refresh, Expires: g.now().Add(accessLife), Scopes: []string{"Calendars.ReadWrite.Shared"},
	}, grant.Connected)
}

func (b *bubble) tell(e grant.Event) {
	if e.Kind == grant.Lost {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lost = append(b.lost, e)
	}
}

// losses returns whose grants were told to be lost.
func (b *bubble) losses() (owners []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.lost {
		owners = append(owners, e.Owner)
	}
	return owners
}

// remove takes the integration out of the configuration, or puts it back.
func (b *bubble) remove(removed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removed = removed
}

// A kept is what lies in the store of a grant.
type kept struct {
	State   grant.State
	Updated time.Time
	Due     time.Time
	Sealed  []byte
}

// kept returns what lies in the store of owner's grant, and its refresh token.
func (b *bubble) kept(owner string) (rec kept, refresh string, there bool) {
	stored, err := b.store.Get(context.Background(), "grant/"+owner)
	rec, refresh = b.open(owner, stored)
	return rec, refresh, err == nil
}

func (b *bubble) open(owner string, stored store.Record) (rec kept, refresh string) {
	if json.Unmarshal(stored.Value, &rec) != nil || len(rec.Sealed) == 0 {
		return rec, ""
	}
	plain, err := b.keys.Open(rec.Sealed, "grant", owner)
	if err != nil {
		return kept{}, ""
	}
	return rec, string(plain)
}

// unscheduled returns what is wrong with when grants are looked at: each that may
// be alive has exactly one entry, at the time that its record names, and there are no others.
func (b *bubble) unscheduled() (wrong []string) {
	all := func(prefix string) []store.Record {
		found, _ := b.store.Scan(context.Background(), prefix, "", 1<<30)
		return found
	}
	entries := map[string]bool{}
	for _, entry := range all("grant-due/") {
		entries[entry.Key] = true
	}
	for _, stored := range all("grant/") {
		var rec kept
		if err := json.Unmarshal(stored.Value, &rec); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", stored.Key, err))
			continue
		}
		key := fmt.Sprintf("grant-due/%010d/%s", rec.Due.Unix(), strings.TrimPrefix(stored.Key, "grant/"))
		switch {
		case len(rec.Sealed) > 0 && !entries[key]:
			wrong = append(wrong, fmt.Sprintf("%s is not looked at at %s, as it says", stored.Key, rec.Due))
		case len(rec.Sealed) == 0 && !rec.Due.IsZero():
			wrong = append(wrong, fmt.Sprintf("%s has ended, and is to be looked at at %s", stored.Key, rec.Due))
		}
		delete(entries, key)
	}
	for key := range entries {
		wrong = append(wrong, "there should be no "+key)
	}
	return wrong
}

const (
	accessLife = time.Hour
	// refreshLife is how long Microsoft honours a refresh token that isn't used.
	refreshLife = 90 * day
)

// microsoft is its token endpoint, as a transport. A token says to whom it was
// issued and when; an old one lives on when it was used. What it refuses besides,
// answer says.
type microsoft struct {
	mu     sync.Mutex
	issued int
	quiet  bool // calls are not recorded
	calls  []call
	answer func(c call) (status int, body string) // 0: as usual; -1: not at all
}

// A call is a request for tokens.
type call struct {
	owner, refresh, claims string
	at                     time.Time
}

// issue makes tokens.
func (m *microsoft) issue(owner string) (access, refresh string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.issued++
	which := fmt.Sprintf("-%d-%d-%s", m.issued, time.Now().Unix(), owner)
	return "access" + which, "refresh" + which
}

// issuedTo takes a token apart.
func issuedTo(token string) (owner string, at time.Time) {
	parts := strings.SplitN(token, "-", 4)
	if len(parts) < 4 {
		return "", time.Time{}
	}
	var unix int64
	_, _ = fmt.Sscan(parts[2], &unix)
	return parts[3], time.Unix(unix, 0)
}

func (m *microsoft) answers(answer func(c call) (status int, body string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = answer
}

// refuses makes it refuse everything.
func (m *microsoft) refuses(status int, body string) {
	m.answers(func(call) (int, string) { return status, body })
}

// received returns the calls for owner, or for all (""), so far.
func (m *microsoft) received(owner string) []call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.calls), func(c call) bool { return owner != "" && c.owner != owner })
}

// RoundTrip implements http.RoundTripper.
func (m *microsoft) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
		const at = "https://login.example"
		return reply(r, http.StatusOK, fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/keys"}`, at)), nil
	}
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	c := call{refresh: r.PostForm.Get("refresh_token"), claims: r.PostForm.Get("claims"), at: time.Now()}
	var issued time.Time
	c.owner, issued = issuedTo(c.refresh)
	m.mu.Lock()
	if !m.quiet {
		m.calls = append(m.calls, c)
	}
	answer := m.answer
	m.mu.Unlock()
	if answer != nil {
		switch status, body := answer(c); status {
		case 0:
		case -1:
			<-r.Context().Done()
			return nil, r.Context().Err()
		default:
			return reply(r, status, body), nil
		}
	}
	if time.Since(issued) > refreshLife {
		return reply(r, http.StatusBadRequest, refusedUnused), nil
	}
	access, refresh := m.issue(c.owner)
	return reply(r, http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d,"access_token":%q,"refresh_token":%q}`,
		int(accessLife.Seconds()), access, refresh)), nil
}

const refusedUnused = `{"error":"invalid_grant","error_codes":[700082]}`

func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}
