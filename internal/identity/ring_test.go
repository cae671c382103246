package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

var epoch = time.Unix(1_800_000_000, 0)

func ringIDs(r *Ring) []string {
	var ids []string
	for _, k := range r.Keys().Keys {
		ids = append(ids, k.KeyID)
	}
	return ids
}

func must(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// TestRingOverTime: however often and late it is advanced, a key signs only when it
// has been published for an hour, no longer than it has to, and what it has signed
// can be verified for a day after that has expired.
func TestRingOverTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := epoch
		ring, err := NewRing(now)
		must(t, err)
		published := map[string]time.Time{ringIDs(ring)[0]: now.Add(-keyLead)} // the first one has to sign at once
		signed := map[string]time.Time{}
		advance := func() {
			ring, err = ring.Advance(now)
			must(t, err)
			for _, id := range ringIDs(ring) {
				if _, there := published[id]; !there {
					published[id] = now
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(t, "passed")))
			if rapid.Bool().Draw(t, "often") { // as a gateway does that runs
				for range 2 * int(keyLead/time.Minute) {
					advance()
					now = now.Add(time.Minute)
				}
			}
			advance()
			ids := ringIDs(ring)
			id := ring.at(now).public.KeyID
			if !slices.Contains(ids, id) {
				t.Fatalf("%s signs and is not published", id)
			}
			if since := now.Sub(published[id]); since < keyLead-time.Second {
				t.Fatalf("%s signs after %s", id, since)
			}
			signed[id] = now
			for id, at := range signed {
				if now.Before(at.Add(AssertionLife+24*time.Hour)) && !slices.Contains(ids, id) {
					t.Fatalf("%s signed at %s and is no longer published at %s", id, at, now)
				}
			}
			if len(ids) > 4 {
				t.Fatalf("%d keys", len(ids))
			}
			if again, err := ring.Advance(now); err != nil || again != ring {
				t.Fatalf("there was something due twice, %v", err)
			}
		}
	})
}

// The steps of one change of keys.
func TestRingAdvance(t *testing.T) {
	first, err := NewRing(epoch)
	must(t, err)
	at := func(r *Ring, after time.Duration, keys, signs int) *Ring {
		t.Helper()
		now := epoch.Add(after)
		r, err := r.Advance(now)
		must(t, err)
		ids := ringIDs(r)
		if len(ids) != keys || slices.Index(ids, r.at(now).public.KeyID) != signs {
			t.Fatalf("after %s: %d keys, and number %d signs; want %d, %d", after, len(ids), slices.Index(ids, r.at(now).public.KeyID), keys, signs)
		}
		return r
	}
	const day = 24 * time.Hour
	at(first, 30*day-time.Hour-time.Second, 1, 0)
	second := at(first, 30*day-time.Hour, 2, 0)
	second = at(second, 30*day-time.Second, 2, 0)
	second = at(second, 30*day, 2, 1)
	second = at(second, 31*day+5*time.Minute-time.Second, 2, 1)
	third := at(second, 31*day+5*time.Minute, 1, 0)
	if ringIDs(third)[0] == ringIDs(first)[0] {
		t.Error("the key is the same as at first")
	}
	// A gateway that stood still for months goes on with the old key for an hour.
	late := at(third, 200*day, 2, 0)
	late = at(late, 200*day+59*time.Minute, 2, 0)
	late = at(late, 200*day+time.Hour, 2, 1)
	at(late, 201*day+time.Hour+5*time.Minute, 1, 0)
	// One whose clock is behind has to sign all the same.
	at(first, -time.Hour, 1, 0)
}

// An assertion is signed with the key of its time, and verifies with the keys that
// are published later.
func TestHeadersAfterARotation(t *testing.T) {
	ring, err := NewRing(epoch)
	must(t, err)
	s := NewSigner(func() *Ring { return ring }, "https://ones.example", "https://ones.example")
	sign := func(now time.Time) string {
		t.Helper()
		hs, err := s.Headers(alice, "connected", now)
		if err != nil {
			t.Fatal(err)
		}
		return hs.Get(HeaderAssertion)
	}
	kid := func(token string) string {
		t.Helper()
		jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		return jws.Signatures[0].Protected.KeyID
	}
	last := epoch.Add(KeyLife - time.Second)
	ring, err = ring.Advance(epoch.Add(KeyLife - keyLead))
	must(t, err)
	before, after := sign(last), sign(last.Add(time.Second))
	if ids := ringIDs(ring); kid(before) != ids[0] || kid(after) != ids[1] {
		t.Errorf("signed with %s and %s, of %s", kid(before), kid(after), ids)
	}
	verify(t, s, before)
	verify(t, s, after)
}

func TestRingRecord(t *testing.T) {
	ring, err := NewRing(epoch)
	must(t, err)
	ring, err = ring.Advance(epoch.Add(KeyLife))
	must(t, err)
	content, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseRing(content)
	must(t, err)
	if !slices.Equal(ringIDs(again), ringIDs(ring)) || !again.keys[1].from.Equal(ring.keys[1].from) {
		t.Errorf("read %v, want %v", ringIDs(again), ringIDs(ring))
	}
	for _, k := range again.Keys().Keys {
		if !k.IsPublic() {
			t.Error("the key set holds a private key")
		}
	}

	// As it was before: a key without a time. It begins its life when that is noted.
	old, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(old)
	if err != nil {
		t.Fatal(err)
	}
	lone, err := ParseRing(der)
	must(t, err)
	now := epoch.Add(1000 * time.Hour)
	noted, err := lone.Advance(now)
	must(t, err)
	if noted == lone || !slices.Equal(ringIDs(noted), ringIDs(lone)) || !noted.keys[0].from.Equal(now) || !noted.keys[0].private.Equal(old) {
		t.Errorf("the old key became %+v", noted.keys)
	}
}

func TestRingRecordErrors(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"nothing": nil, "no key": []byte(`{"keys":[]}`), "null": []byte(`{}`), "half": []byte(`{"keys":[{"key":"SECRET`),
		"not a key": []byte(`{"keys":[{"key":"U0VDUkVU"}]}`), "text": []byte("SECRET"), "another curve": der,
	} {
		ring, err := ParseRing(content)
		if err == nil {
			t.Errorf("%s: read as %v", name, ring)
		} else if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "U0VD") {
			t.Errorf("%s: the error shows it: %v", name, err)
		}
	}
}
