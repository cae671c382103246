package msgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/table"
)

// news tells subscribers of changes. Its goroutine begins with the first
// subscription and ends with close; what it shares is guarded by the door.
type news struct {
	subscriptions *table.Table[*subscription]
	exchange      *exchange.Exchange
	door          *front.Door
	client        *http.Client
	log           *slog.Logger

	outbox []message
	wake   chan struct{}
	ctx    context.Context
	stop   context.CancelFunc
	begin  sync.Once
	done   sync.WaitGroup
}

// A message is a notification on its way.
type message struct {
	url   string
	body  []byte
	tries int
	after time.Time // by the real clock
}

// How notifications are sent
// (https://learn.microsoft.com/graph/change-notifications-delivery-webhooks);
// Graph goes on trying for four hours.
const (
	sendTimeLimit = 3 * time.Second
	maxTries      = 6
	firstRetry    = time.Second
	maxOutbox     = 10_000
)

func newNews(g *Graph, subscriptions *table.Table[*subscription], client *http.Client, log *slog.Logger) *news {
	n := &news{subscriptions: subscriptions, exchange: g.exchange, door: g.door, log: log, wake: make(chan struct{}, 1)}
	if client != nil {
		own := *client
		own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // it could lead off loopback
		n.client = &own
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	if subscriptions.Len() > 0 && client != nil {
		n.start()
	}
	return n
}

func (n *news) start() { n.begin.Do(func() { n.done.Go(n.run) }) }

func (n *news) close() {
	n.stop()
	n.done.Wait()
}

func (n *news) add(s *subscription) {
	n.subscriptions.Put(s.ID, s)
	n.start()
}

// of returns a mailbox's subscriptions that are alive, by their ids.
func (n *news) of(mailbox string, now time.Time) []*subscription {
	var alive []*subscription
	for id, s := range n.subscriptions.All() {
		switch {
		case now.After(s.Expires):
			n.subscriptions.Delete(id)
		case s.Mailbox == mailbox:
			alive = append(alive, s)
		}
	}
	slices.SortFunc(alive, func(a, b *subscription) int { return strings.Compare(a.ID, b.ID) })
	return alive
}

// has says whether there is one like it.
func (n *news) has(s *subscription) bool {
	for _, other := range n.subscriptions.All() {
		if other.App == s.App && other.Owner == s.Owner && other.Resource == s.Resource && slices.Equal(other.Kinds, s.Kinds) && other.URL == s.URL {
			return true
		}
	}
	return false
}

// changed tells of a change who wants to know.
func (n *news) changed(c exchange.Change) {
	if n.subscriptions.Len() == 0 {
		return
	}
	for _, s := range n.of(c.Mailbox.Address(), n.door.Now()) {
		if !slices.Contains(s.Kinds, c.Kind) {
			continue
		}
		id := c.ID
		if s.Immutable {
			id = c.Immutable
		}
		path := fmt.Sprintf("Users/%s/Events/%s", s.Owner, id)
		n.post(s.URL, map[string]any{
			"subscriptionId": s.ID, "subscriptionExpirationDateTime": s.Expires.UTC().Format(instant), "changeType": c.Kind,
			"resource": path, "clientState": s.ClientState, "tenantId": s.Tenant,
			"resourceData": map[string]any{"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "@odata.etag": c.ETag, "id": id},
		})
	}
	n.nudge() // a room's answer may have become due sooner
}

func (n *news) post(url string, notification map[string]any) {
	body, err := json.Marshal(map[string]any{"value": []any{notification}})
	if err != nil || len(n.outbox) == maxOutbox {
		n.log.Warn("a notification is lost", "url", url, "error", err)
		return
	}
	n.outbox = append(n.outbox, message{url: url, body: body})
	n.nudge()
}

func (n *news) nudge() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Lifecycle events (https://learn.microsoft.com/graph/change-notifications-lifecycle-events).
var lifecycleEvents = []string{"reauthorizationRequired", "subscriptionRemoved", "missed"}

// Lifecycle sends a lifecycle event to the subscriptions of a mailbox and
// returns to how many; subscriptionRemoved also ends them.
func (g *Graph) Lifecycle(mailbox, event string, now time.Time) (int, error) {
	if !slices.Contains(lifecycleEvents, event) {
		return 0, fmt.Errorf("there is no lifecycle event %q; there are %s", event, strings.Join(lifecycleEvents, ", "))
	}
	alive := g.news.of(strings.ToLower(mailbox), now)
	for _, s := range alive {
		if s.LifecycleURL != "" {
			g.news.post(s.LifecycleURL, map[string]any{
				"subscriptionId": s.ID, "subscriptionExpirationDateTime": s.Expires.UTC().Format(instant), "lifecycleEvent": event,
				"tenantId": s.Tenant, "organizationId": s.Tenant, "clientState": s.ClientState, "resource": s.Resource,
			})
		}
		if event == "subscriptionRemoved" {
			g.news.subscriptions.Delete(s.ID)
		}
	}
	return len(alive), nil
}

// validate asks the addresses of a subscription whether they want it.
func (n *news) validate(ctx context.Context, s *subscription) error {
	for _, address := range []string{s.URL, s.LifecycleURL} {
		if address == "" {
			continue
		}
		if err := n.shakeHands(ctx, address); err != nil {
			return badRequest("ValidationError", "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request: %v", err)
		}
	}
	return nil
}

func (n *news) shakeHands(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeLimit)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	const token = "Validation: Testing client application reachability for subscription Request-Id: m365sim <&>"
	q := u.Query()
	q.Set("validationToken", token)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	res, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("it answered %d", res.StatusCode)
	case !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain"):
		return fmt.Errorf("it answered %q instead of text/plain", res.Header.Get("Content-Type"))
	case string(said) != token:
		return fmt.Errorf("it did not answer with the token")
	}
	return nil
}

// run sends what is in the outbox, and lets rooms answer in time, so that it is
// told without anybody asking.
func (n *news) run() {
	var again []message
	for n.ctx.Err() == nil {
		due, next := n.collect()
		again = append(again, due...)
		again = n.send(again)
		for _, m := range again {
			next = min(next, max(time.Until(m.after), 0))
		}
		timer := time.NewTimer(next)
		select {
		case <-n.ctx.Done():
		case <-n.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// collect takes the outbox, and says how long to wait for the next answer of a
// room.
func (n *news) collect() (due []message, next time.Duration) {
	next = time.Hour
	err := n.door.Do(func(now time.Time) {
		due, n.outbox = n.outbox, nil
		if at := n.exchange.NextAnswer(); !at.IsZero() {
			next = max(at.Sub(now), time.Millisecond)
		}
	})
	if err != nil {
		n.log.Error("the state can't be kept", "error", err)
	}
	return due, next
}

// send tries messages whose time has come and returns those to try again.
func (n *news) send(messages []message) (again []message) {
	for _, m := range messages {
		if time.Now().Before(m.after) {
			again = append(again, m)
			continue
		}
		err := n.sendOne(m)
		if err == nil || n.ctx.Err() != nil {
			continue
		}
		if m.tries++; m.tries == maxTries {
			n.log.Warn("a notification is given up", "url", m.url, "error", err)
			continue
		}
		m.after = time.Now().Add(firstRetry << (m.tries - 1))
		again = append(again, m)
	}
	return again
}

func (n *news) sendOne(m message) error {
	ctx, cancel := context.WithTimeout(n.ctx, sendTimeLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<10))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d", res.StatusCode)
	}
	return nil
}
