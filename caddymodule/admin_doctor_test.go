package caddymodule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// Whoever is connected is found, however many people of other integrations stand before
// them.
func TestConnectedPersonBehindOthers(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	for n := 0; n < maxVisited+usersReadOnce; {
		var some []store.Write
		for range usersReadOnce {
			some = append(some, store.Write{Key: fmt.Sprintf("person/a.%05d", n), Value: fmt.Appendf(nil, `{"id":"a.%05d","integration":"contoso"}`, n)})
			n++
		}
		if _, err := e.store.Commit(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	put(t, e.store, "person/b.zoe", `{"id":"b.zoe","integration":"fabrikam"}`)
	if err := e.grants.Save(t.Context(), "b.zoe", "fabrikam", entra.Tokens{Refresh: "refresh"}, grant.Connected); err != nil {
		t.Fatal(err)
	}
	signedIn := false
	found, err := e.connectedPerson(t.Context(), "fabrikam", people.Entry{}, &signedIn)
	if err != nil || found.ID != "b.zoe" || !signedIn {
		t.Errorf("found %q, anybody: %v, %v", found.ID, signedIn, err)
	}
}

// Whoever was named is looked with, or it is told why not: nobody else is taken instead.
func TestDoctorAsSomebodyOfNoIntegration(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	put(t, e.store, "person/a.bob", `{"id":"a.bob","integration":"gone"}`)
	err := adminServer(t, unchanged).tell(t.Context(), doctorPath, doctorRequest{As: "a.bob"}, new(doctorAnswer))
	if err == nil || !strings.Contains(err.Error(), "the integration gone, which is not configured any more") {
		t.Errorf("%v", err)
	}
}
