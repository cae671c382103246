package caddymodule

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
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

// A fencedStore can be read, and takes nothing any more.
type fencedStore struct{ store.Store }

func (fencedStore) Commit(context.Context, ...store.Write) (store.Version, error) {
	return 0, fmt.Errorf("%w; restart the gateway, after looking at the disk", store.ErrUnknownOutcome)
}

// A store whose disk has failed is not found to be well because it can be read.
func TestDoctorOfAStoreThatTakesNothing(t *testing.T) {
	s := memstore.New(time.Now)
	put(t, s, signingKey, "x")
	well := []doctor.Finding{doctor.Good("badger answers")}
	if found := (&engine{store: s, kind: "badger"}).storeFindings(t.Context()); !slices.Equal(found, well) {
		t.Errorf("%+v, want %+v", found, well)
	}
	found := (&engine{store: fencedStore{s}, kind: "badger"}).storeFindings(t.Context())
	if len(found) != 1 || found[0].Finding != doctor.StoreUnusable.Name || !strings.Contains(found[0].What, "restart the gateway") {
		t.Errorf("%+v, want store_unusable", found)
	}
}
