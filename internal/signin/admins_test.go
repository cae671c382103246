package signin

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

var twoTenants = []Integration{{Name: "contoso"}, {Name: "fabrikam"}}

func TestParseAdmins(t *testing.T) {
	for word, want := range map[string]string{
		"contoso/tid.alice":                  "",
		"contoso/role:Ones.Admin":            "",
		"contoso/role:with/and a space":      "",
		"contoso/alice@contoso.com":          "",
		"fabrikam/any.body":                  "",
		"alice@contoso.com":                  "must be INTEGRATION/USER-ID, INTEGRATION/role:NAME or INTEGRATION/ADDRESS",
		"/alice@contoso.com":                 "must be INTEGRATION/",
		"contoso/":                           "must be INTEGRATION/",
		"":                                   "must be INTEGRATION/",
		"Contoso/alice@contoso.com":          "names the integration Contoso, which is not configured",
		"contoso/role:":                      "names no role",
		"contoso/alice":                      "is neither a user id, as /.ones/me shows it, nor role:NAME, nor an address with an @",
		"contoso/.alice":                     "is neither a user id",
		"contoso/tid.":                       "is neither a user id",
		"contoso/@contoso.com":               "has no address of a mailbox",
		"contoso/alice@":                     "has no address of a mailbox",
		"contoso/alice@contoso.com,b@x.com":  "has no address of a mailbox",
		"contoso/fabrikam/alice@contoso.com": "has no address of a mailbox",
	} {
		_, err := ParseAdmins([]string{word}, twoTenants)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", word, err, want)
		}
	}
	if _, err := ParseAdmins([]string{"contoso/role:x", "fabrikam/role:x", "contoso/role:x"}, twoTenants); err == nil || !strings.Contains(err.Error(), "is there twice") {
		t.Errorf("twice: %v", err)
	}
}

func adminsOf(t *testing.T, words ...string) Admins {
	t.Helper()
	a, err := ParseAdmins(words, twoTenants)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (st *stage) isAdmin(t *testing.T, p identity.Person) bool {
	t.Helper()
	is, err := st.admin(t.Context(), &session.Session{Person: &p})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func TestWhoIsAnAdmin(t *testing.T) {
	st := newStage(t, func(c *GateConfig) {
		c.Admins = adminsOf(t, "contoso/tid.alice", "contoso/role:Ones.Admin", "contoso/Boss@Contoso.example", "fabrikam/fab.zoe")
	})
	for name, tt := range map[string]struct {
		p    identity.Person
		want bool
	}{
		"by id":                                   {identity.Person{Integration: "contoso", ID: "tid.alice"}, true},
		"by id, in another integration":           {identity.Person{Integration: "fabrikam", ID: "tid.alice"}, false},
		"an id of other case":                     {identity.Person{Integration: "contoso", ID: "tid.Alice"}, false},
		"by role":                                 {identity.Person{Integration: "contoso", ID: "tid.bob", Roles: []string{"Booker", "Ones.Admin"}}, true},
		"by role, another integration's":          {identity.Person{Integration: "fabrikam", ID: "fab.bob", Roles: []string{"Ones.Admin"}}, false},
		"a group like the role":                   {identity.Person{Integration: "contoso", ID: "tid.bob", Groups: []string{"Ones.Admin", "role:Ones.Admin"}}, false},
		"a role like an id":                       {identity.Person{Integration: "contoso", ID: "tid.bob", Roles: []string{"tid.alice", "boss@contoso.example"}}, false},
		"an address that only a claim tells":      {identity.Person{Integration: "contoso", ID: "tid.bob", Email: "boss@contoso.example", Name: "boss@contoso.example"}, false},
		"an address in another integration":       {identity.Person{Integration: "fabrikam", ID: "fab.bob", Mailbox: "boss@contoso.example"}, false},
		"an address that only looks the same":     {identity.Person{Integration: "contoso", ID: "tid.bob", Mailbox: "bo\u017fs@contoso.example"}, false},
		"nobody without a mailbox, id or a role":  {identity.Person{Integration: "contoso", ID: "tid.bob"}, false},
		"by address, whatever the case":           {identity.Person{Integration: "contoso", ID: "tid.carol", Mailbox: "bOSS@contoso.EXAMPLE"}, true},
		"an admin of another integration, by id ": {identity.Person{Integration: "fabrikam", ID: "fab.zoe"}, true},
	} {
		if got := st.isAdmin(t, tt.p); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	nobody := newStage(t, nil)
	if nobody.isAdmin(t, identity.Person{Integration: "contoso", ID: "tid.alice", Mailbox: "a@b", Roles: []string{""}}) {
		t.Error("without the word admins somebody is one")
	}
}

// An address that the directory gives to somebody else doesn't take its rights along.
func TestAdminsAddressIsPinned(t *testing.T) {
	st := newStage(t, func(c *GateConfig) {
		c.Admins = adminsOf(t, "contoso/boss@contoso.example", "fabrikam/boss@contoso.example")
	})
	first := identity.Person{Integration: "contoso", ID: "tid.first", Mailbox: "boss@contoso.example"}
	second := identity.Person{Integration: "contoso", ID: "tid.second", Mailbox: "Boss@contoso.example"}
	for range 2 {
		if !st.isAdmin(t, first) {
			t.Error("the first who proves the address is no admin")
		}
		if st.isAdmin(t, second) {
			t.Error("the second who proves the address is an admin too")
		}
	}
	if !st.isAdmin(t, identity.Person{Integration: "fabrikam", ID: "fab.zoe", Mailbox: "boss@contoso.example"}) {
		t.Error("the address in one integration is pinned in another one")
	}
	// A change of the word's case is no new word.
	st.Admins = adminsOf(t, "contoso/BOSS@contoso.example")
	if st.isAdmin(t, second) {
		t.Error("the pin hangs on the case of the Caddyfile")
	}
}

func TestAdminsAddressIsPinnedOnce(t *testing.T) {
	st := newStage(t, func(c *GateConfig) { c.Admins = adminsOf(t, "contoso/boss@contoso.example") })
	names := []string{"a", "b", "c", "d", "e", "f"}
	st.site.Store = newCrowd(st.store, len(names))
	var all sync.WaitGroup
	admins := make(chan string, len(names))
	for _, name := range names {
		all.Go(func() {
			is, err := st.admin(t.Context(), &session.Session{Person: &identity.Person{Integration: "contoso", ID: "tid." + name, Mailbox: "boss@contoso.example"}})
			if err != nil {
				t.Error(err)
			}
			if is {
				admins <- name
			}
		})
	}
	all.Wait()
	if len(admins) != 1 {
		t.Errorf("%d people have the address of one admin", len(admins))
	}
}

// A crowd is a store in which nobody goes on who has found nothing, before all have.
type crowd struct {
	store.Store
	missing *sync.WaitGroup
}

func newCrowd(s store.Store, n int) crowd {
	c := crowd{s, new(sync.WaitGroup)}
	c.missing.Add(n)
	return c
}

func (c crowd) Get(ctx context.Context, key string) (store.Record, error) {
	rec, err := c.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		c.missing.Done()
		c.missing.Wait()
	}
	return rec, err
}

// 16.5.3: with the store away nobody is an admin by address.
func TestAdminsFailClosed(t *testing.T) {
	st := newStage(t, func(c *GateConfig) { c.Admins = adminsOf(t, "contoso/boss@contoso.example") })
	boss := &session.Session{Person: &identity.Person{Integration: "contoso", ID: "tid.boss", Mailbox: "boss@contoso.example"}}
	if is, err := st.admin(t.Context(), boss); err != nil || !is {
		t.Fatal(is, err)
	}
	st.store.fails.Store(true)
	if is, err := st.admin(t.Context(), boss); !errors.Is(err, errBroken) || is {
		t.Errorf("admin = %v, %v", is, err)
	}
}
