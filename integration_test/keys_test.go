package integration_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// keyRows reads the rows of keys that a command has shown.
var keyRows = regexp.MustCompile(`(?m)^(\d+) +(enabled|disabled) +(yes|no)(?: +(\d+))?$`)

// sealing returns the id of the key that seals.
func sealing(t *testing.T, shown string) string {
	t.Helper()
	for _, row := range keyRows.FindAllStringSubmatch(shown, -1) {
		if row[3] == "yes" {
			return row[1]
		}
	}
	t.Fatalf("no key seals:\n%s", shown)
	return ""
}

// The key that seals is changed while two gateways work on one database: nobody
// notices, and nothing is left that needs the old one.
func TestKeyRotationUnderLoad(t *testing.T) {
	c := newCluster(t, func(cfg *m365.Config) {
		// So short that every call of Graph needs a refresh, which opens a grant
		// and seals it again.
		cfg.Tenants[0].Apps[0].AccessTokenLifetime = m365.Duration(10 * time.Second)
	})
	first, firstProcess := c.next()
	second, secondProcess := c.next()
	gateways := []*world{first, second}

	l := &load{t: t, over: make(chan struct{})}
	for i, mail := range []string{alice, bob} {
		v := newVisitor(t, first.home)
		v.signIn(mail)
		for j, w := range gateways {
			l.use(fmt.Sprintf("%s looks at gateway %d", mail, j), func(int) error {
				_, err := v.tries(http.MethodGet, w.home+"/", nil, fine)
				return err
			})
			ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", w.service))
			by := []string{"Authorization", "Bearer " + serviceToken, "Ones-Act-As", mail, "Prefer", "wait=30"}
			l.use(fmt.Sprintf("ONES books for %s at gateway %d", mail, j), func(n int) error {
				room := []string{"boardroom", "harbour"}[i]
				a, err := ones.tries(http.MethodPost, "/v1/bookings", meeting(room, 2+n%40, 8+2*j), created, by...)
				if err != nil {
					return err
				}
				_, err = ones.tries(http.MethodDelete, "/v1/bookings/"+a.json(t)["id"].(string), nil, fine, by...)
				return err
			})
		}
	}

	visitor := newVisitor(t, first.home)
	for range storetest.Rounds(t, "ONESGATE_ROTATIONS", 3) {
		old := sealing(t, first.succeeds(`(?s)enabled +yes.*GATEWAY.*process.*process`, "keys", "list"))
		first.succeeds(`enabled +no`, "keys", "add")
		first.fails("is the primary one", "keys", "retire", "--id", old)
		if now := sealing(t, first.succeeds(`enabled +yes`, "keys", "promote")); now == old {
			t.Fatal("the old key still seals")
		}
		first.succeeds(`sealed anew`, "keys", "rewrap")
		visitor.signIn(alice)
		second.succeeds(old+` +disabled +no +0`, "keys", "retire", "--id", old)
	}
	l.end()
	t.Logf("%d calls, nothing refused", l.calls.Load())

	// Nothing is left that only the memory of a gateway knew.
	for _, p := range []*process{firstProcess, secondProcess} {
		p.stop()
	}
	for _, w := range gateways {
		w.gateway()
		for i, mail := range []string{alice, bob} {
			a := w.serve(http.MethodPost, "/v1/bookings", meeting("harbour", 50+i, 10), "Ones-Act-As", mail, "Prefer", "wait=30", "Idempotency-Key", "last-"+mail)
			if a.StatusCode/100 != 2 {
				t.Errorf("booking for %s: %d %s", mail, a.StatusCode, a.body)
			}
		}
	}
}

// A gateway doesn't start with another keyset than the one that its store was
// sealed with, and says so.
func TestWrongKeyset(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway().stop()
	other := w.dir + "/other.json"
	w.succeeds(`enabled +yes`, "keys", "init", other)
	for keyset, why := range map[string]string{
		other:                "this is not the keyset that the store was sealed with",
		w.dir + "/gone.json": "is gone, but the store holds what was sealed with it",
	} {
		p := start(t, w.env(), "run", "--config", w.write(map[string]any{"Keyset": keyset}), "--adapter", "caddyfile")
		if status := p.wait(); status == 0 || !strings.Contains(p.errors(), why) {
			t.Errorf("%s: status %d, want a refusal with %q:\n%s", keyset, status, why, p.errors())
		}
	}
}
