package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
)

// ErrNone: the cookie belongs to no live session.
var ErrNone = errors.New("no such session")

// Life says how long sessions live.
type Life struct {
	// Idle ends a session that has not been used for so long.
	Idle time.Duration
	// Max ends a session that has existed for so long, in use or not.
	Max time.Duration
}

// A Session is one browser that somebody has signed in with. Its exported
// fields don't change.
type Session struct {
	// ID names the session in lists and logs; it can't be used as a cookie.
	ID      string
	Person  *identity.Person
	Created time.Time
	// Expires is when the session ends even if it is in use.
	Expires time.Time
	// LogoutHint tells Microsoft at sign-out whose session to end there.
	LogoutHint string
	// Browser is what somebody signed in with, in words.
	Browser string

	// Headers is a place for the identity headers made for this session, so
	// that they are signed once in a few minutes and not per request.
	Headers atomic.Pointer[Headers]

	key     digest
	sid     string // as Microsoft names its session; "" if it doesn't
	idle    time.Duration
	seen    atomic.Int64 // the last use, in Unix nanoseconds
	saved   atomic.Int64 // the last use that the store knows of
	checked atomic.Int64 // Registry.missed, when the store last had this session

	mu   sync.Mutex
	open []*Attachment
	away bool // not in the registry's memory, so its end would not be heard of
	over bool
}

// Used is when the session was used last.
func (s *Session) Used() time.Time { return time.Unix(0, s.seen.Load()) }

// Headers are the identity headers of a session, and under which conditions
// they hold: who signed them, the state of the person's connection, the time on the
// wall, by which ONES judges them.
type Headers struct {
	identity.Headers
	By          *identity.Signer
	Connection  string
	From, Until time.Time
}

// digest is the SHA-256 of a cookie's id.
type digest [sha256.Size]byte

func (d digest) String() string   { return hex.EncodeToString(d[:]) }
func (d digest) storeKey() string { return sessionPrefix + d.String() }

// parseID reads what String writes.
func parseID(id string) (digest, bool) {
	var d digest
	if len(id) != hex.EncodedLen(len(d)) {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(id))
	return d, err == nil
}

// idBytes are the random bytes in a cookie.
const idBytes = 32

func newCookie() (string, digest) {
	var id [idBytes]byte
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:]), sha256.Sum256(id[:])
}

// parseCookie returns the digest of a cookie's value; false if no session of
// ours ever had such a value.
func parseCookie(value string) (digest, bool) {
	var id [idBytes]byte
	if len(value) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return digest{}, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(value)); err != nil || n != idBytes {
		return digest{}, false
	}
	return sha256.Sum256(id[:]), true
}

// record is a session in the store. When it was used last is told by the expiry of
// the store's record, so that using a session rewrites nothing else; see kept.
type record struct {
	Person     *identity.Person `json:"person"`
	Created    time.Time        `json:"created"`
	Expires    time.Time        `json:"expires"`
	Idle       time.Duration    `json:"idle"`
	LogoutHint string           `json:"logout_hint,omitempty"`
	SID        string           `json:"sid,omitempty"`
	Browser    string           `json:"browser,omitempty"`
}

// newSession makes a session that was used last at seen.
func newSession(key digest, r record, seen time.Time) *Session {
	s := &Session{
		ID: key.String(), Person: r.Person, Created: r.Created, Expires: r.Expires,
		LogoutHint: r.LogoutHint, Browser: r.Browser, key: key, sid: r.SID, idle: r.Idle, away: true,
	}
	s.seen.Store(seen.UnixNano())
	s.saved.Store(seen.UnixNano())
	return s
}

// slack is how far a use may go before the store hears of it.
func slack(idle time.Duration) time.Duration { return max(idle/20, time.Second) }

// kept is until when the store keeps the session's record: as long as the session
// may live by a use that the store has not heard of yet.
func (s *Session) kept() time.Time {
	return s.Used().Add(s.idle + slack(s.idle))
}

// until is when the session ends if it is not used again.
func (s *Session) until() time.Time {
	idle := s.Used().Add(s.idle)
	if idle.After(s.Expires) {
		return s.Expires
	}
	return idle
}

func decode(key digest, value []byte, kept time.Time) (*Session, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return nil, fmt.Errorf("reading session %s: %w", key, err)
	}
	if r.Person == nil {
		return nil, fmt.Errorf("reading session %s: it belongs to nobody", key)
	}
	return newSession(key, r, kept.Add(-r.Idle-slack(r.Idle))), nil
}

// use counts as a use of s and reports whether s is still alive, and whether the
// store should hear of it.
func (s *Session) use(now time.Time) (alive, tell bool) {
	if !now.Before(s.until()) {
		return false, false
	}
	at := now.UnixNano()
	// Note only what has moved a little: concurrent requests of one session
	// would otherwise fight for the cache line.
	if at-s.seen.Load() < int64(s.idle/1000) {
		return true, false
	}
	s.seen.Store(at)
	saved := s.saved.Load()
	if at-saved < int64(slack(s.idle)) {
		return true, false
	}
	return true, s.saved.CompareAndSwap(saved, at)
}

// usedBy takes over the last use that another reading of the session tells.
func (s *Session) usedBy(other *Session) {
	for _, at := range []struct{ mine, theirs *atomic.Int64 }{{&s.seen, &other.seen}, {&s.saved, &other.saved}} {
		for {
			mine, theirs := at.mine.Load(), at.theirs.Load()
			if mine >= theirs || at.mine.CompareAndSwap(mine, theirs) {
				break
			}
		}
	}
}
