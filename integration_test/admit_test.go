package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// With allow_groups only some of the tenant enter; guests don't, whatever group
// they are in. Of who is refused nothing is kept.
func TestWhoMayEnter(t *testing.T) {
	const dan, carol = "dan@contoso.example", "carol@contoso.example"
	w := newWorld(t, func(c *m365.Config) {
		app, people := &c.Tenants[0].Apps[0], c.Tenants[0].People
		app.OptionalClaims = append(app.OptionalClaims, "acct")
		for i := range people {
			switch p := &people[i]; p.Mail {
			case dan: // in a group that may enter, but in too many
				for n := range 201 {
					p.Groups = append(p.Groups, fmt.Sprintf("Project %d", n))
				}
			case carol:
				p.Guest = true
			}
		}
	})
	w.write(map[string]any{"Users": `allow_groups Facilities Engineering Sales role:Booker`})
	p := w.gateway()

	for _, mail := range []string{alice, bob} {
		if a := newVisitor(t, w.home).signIn(mail); a.StatusCode != http.StatusOK || a.body != "ones" {
			t.Errorf("%s: %d %s", mail, a.StatusCode, a.body)
		}
	}
	reached := w.countSeen()
	for mail, reason := range map[string]string{
		dan: "groups_not_told", carol: "guest", "eve@contoso.example": "not_in_a_group",
	} {
		v := newVisitor(t, w.home)
		a := v.signIn(mail)
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, reason) || !strings.Contains(a.body, "select_account") {
			t.Errorf("%s: %d %s, want a page that says %s", mail, a.StatusCode, a.body, reason)
		}
		if me := v.call(http.MethodGet, "/.ones/me", nil); me.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s has a session: %s", mail, me.body)
		}
		if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 2, 9), "Ones-Act-As", mail); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s is known: %d %s", mail, a.StatusCode, a.body)
		}
	}
	if n := w.countSeen(); n != reached {
		t.Errorf("%d requests of refused people have reached ONES", n-reached)
	}
	if log := p.errors(); strings.Count(log, "sign-in refused") != 3 {
		t.Errorf("the audit log does not tell of the three:\n%s", log)
	}

	// Who was removed from the group loses what this browser had.
	v := newVisitor(t, w.home)
	v.signIn(bob)
	w.write(map[string]any{"Users": `allow_groups Facilities`})
	if out, status := command(t, w.env(), "reload", "--config", w.dir+"/Caddyfile", "--adapter", "caddyfile"); status != 0 {
		t.Fatal(out)
	}
	if a := v.signIn(bob); a.StatusCode != http.StatusForbidden {
		t.Errorf("bob, after the group was taken away: %d %s", a.StatusCode, a.body)
	}
	if me := v.call(http.MethodGet, "/.ones/me", nil); me.StatusCode != http.StatusUnauthorized {
		t.Errorf("bob's session goes on: %s", me.body)
	}
	u := newVisitor(t, w.home)
	u.signIn(alice)
	roles := u.call(http.MethodGet, "/.ones/me", nil).json(t)["roles"]
	if got, _ := roles.([]any); !slices.Equal(got, []any{"Ones.Admin"}) {
		t.Errorf("alice's roles are %v", roles)
	}
}

// Two people with one card number: the operator is told, and a card finds neither.
func TestSharedCardNumber(t *testing.T) {
	w := newWorld(t, func(c *m365.Config) {
		people := c.Tenants[0].People
		for i := range people {
			switch p := &people[i]; p.Mail {
			case alice:
				p.Pager = "04:A1:B2:C3"
			case bob:
				p.Pager = "4a1b2c3"
			default:
				p.Pager = "not a number"
			}
		}
	})
	w.write(map[string]any{"Users": "card_format hex to decimal digits 10"})
	p := w.gateway()
	book := func() answer {
		return w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 9), "Ones-Act-As", "card:0077705923")
	}
	if newVisitor(t, w.home).signIn(alice); w.lastSeen().Header.Get("X-Ones-Card-Number") != "0077705923" {
		t.Errorf("alice's card is %q", w.lastSeen().Header.Get("X-Ones-Card-Number"))
	}
	if a := book(); a.StatusCode >= 300 {
		t.Errorf("by alice's card: %d %s", a.StatusCode, a.body)
	}
	newVisitor(t, w.home).signIn(bob)
	if a := book(); a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "ambiguous_user") {
		t.Errorf("by a card that two people have: %d %s", a.StatusCode, a.body)
	}
	newVisitor(t, w.home).signIn("carol@contoso.example")
	if _, there := w.lastSeen().Header["X-Ones-Card-Number"]; there {
		t.Errorf("carol's card is %q", w.lastSeen().Header.Get("X-Ones-Card-Number"))
	}
	for _, told := range []string{"belongs to more than one person", "is not of the form"} {
		if log := p.errors(); strings.Count(log, told) != 1 {
			t.Errorf("the log does not tell %q once:\n%s", told, log)
		}
	}
	for _, number := range []string{"0077705923", "4a1b2c3", "not a number"} {
		if strings.Contains(p.errors(), number) {
			t.Errorf("the log shows the number %s", number)
		}
	}
	w.succeeds(`PROBLEM +1 card number belongs to more than one person`, "status")
}
