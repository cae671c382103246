package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// Keys in the store. A session's indexes end with its longest life.
const (
	sessionPrefix = "session/"
	personPrefix  = "session-of/"  // + person id + "/" + ID; the value is the other index, if any
	sidPrefix     = "session-sid/" // + integration + "/" + sid + "/" + ID
)

// maxSID bounds what Microsoft may call a session, in bytes: a GUID has 36.
const maxSID = 128

// page is how many records are read at a time.
const page = 100

// indexes are the keys under which a session is found.
func (s *Session) indexes() []string {
	keys := []string{personPrefix + s.Person.ID + "/" + s.ID}
	if key := s.sidIndex(); key != "" {
		keys = append(keys, key)
	}
	return keys
}

// sidIndex is the key under which it is found by Microsoft's name for its session; "":
// Microsoft has told none.
func (s *Session) sidIndex() string {
	if s.sid == "" || len(s.sid) > maxSID {
		return ""
	}
	return sidPrefix + s.Person.Integration + "/" + s.sid + "/" + s.ID
}

// End ends a session at once and for good, here and, within a second, in every
// instance. Ending one that is over is no error.
func (r *Registry) End(ctx context.Context, s *Session) error {
	return r.endTogether(ctx, []*Session{s})
}

// endTogether ends all of some sessions, or none.
func (r *Registry) endTogether(ctx context.Context, all []*Session) error {
	var writes []store.Write
	for _, s := range all {
		writes = append(writes,
			store.Write{Op: store.Delete, Key: s.key.storeKey()},
			store.Write{Op: store.Announce, Key: Topic, Value: []byte(s.key.String())},
		)
		for _, index := range s.indexes() {
			writes = append(writes, store.Write{Op: store.Delete, Key: index})
		}
	}
	if _, err := r.store.Commit(ctx, writes...); err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	for _, s := range all {
		r.bury(s.key)
	}
	return nil
}

// Lives returns a part of a commit that holds only if s has not ended by then, or
// ErrNone. It also fails, as a conflict, if a use of s has been noted meanwhile.
func (r *Registry) Lives(ctx context.Context, s *Session) (store.Write, error) {
	rec, err := r.store.Get(ctx, s.key.storeKey())
	if errors.Is(err, store.ErrNotFound) {
		return store.Write{}, ErrNone
	}
	if err != nil {
		return store.Write{}, fmt.Errorf("looking up a session: %w", err)
	}
	return store.Write{Key: rec.Key, Op: store.Check, If: store.If(rec.Version)}, nil
}

// ByID returns the session of that ID, or ErrNone; also one whose idle end has
// come by what is known here: it may have been used elsewhere. It does not count
// as a use.
func (r *Registry) ByID(ctx context.Context, id string) (*Session, error) {
	key, ok := parseID(id)
	if !ok {
		return nil, ErrNone
	}
	rec, err := r.store.Get(ctx, key.storeKey())
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("looking up a session: %w", err)
	}
	return r.read(rec)
}

// read makes a session out of a record, with the last use that is known here.
func (r *Registry) read(rec store.Record) (*Session, error) {
	key, ok := parseID(strings.TrimPrefix(rec.Key, sessionPrefix))
	if !ok {
		return nil, fmt.Errorf("reading session %s: its key is none", rec.Key)
	}
	s, err := decode(key, rec.Value, rec.Expires)
	if err != nil {
		return nil, err
	}
	if v, there := r.live.Load(key); there {
		s.usedBy(v.(*Session))
	}
	return s, nil
}

// Of returns the sessions of a person, the one used last first.
func (r *Registry) Of(ctx context.Context, personID string) ([]*Session, error) {
	found, err := r.indexed(ctx, personPrefix+personID+"/")
	now := r.now()
	return slices.DeleteFunc(found, func(s *Session) bool { return !now.Before(s.until()) }), err
}

// indexed returns the sessions that an index leads to, the one used last first.
func (r *Registry) indexed(ctx context.Context, prefix string) ([]*Session, error) {
	var found []*Session
	for after := ""; ; {
		recs, err := r.store.Scan(ctx, prefix, after, page)
		if err != nil {
			return nil, fmt.Errorf("listing sessions: %w", err)
		}
		for _, rec := range recs {
			// What is longer belongs to somebody whose id goes on after a "/".
			s, err := r.ByID(ctx, strings.TrimPrefix(rec.Key, prefix))
			if errors.Is(err, ErrNone) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found = append(found, s)
		}
		if len(recs) < page {
			break
		}
		after = recs[len(recs)-1].Key
	}
	slices.SortFunc(found, func(a, b *Session) int { return b.Used().Compare(a.Used()) })
	return found, nil
}

// All calls yield for every live session until that returns an error, which it
// returns.
func (r *Registry) All(ctx context.Context, yield func(*Session) error) error {
	for after := ""; ; {
		recs, err := r.store.Scan(ctx, sessionPrefix, after, page)
		if err != nil {
			return fmt.Errorf("listing sessions: %w", err)
		}
		for _, rec := range recs {
			s, err := r.read(rec)
			if err == nil && r.now().Before(s.until()) {
				err = yield(s)
			}
			if err != nil {
				return err
			}
		}
		if len(recs) < page {
			return nil
		}
		after = recs[len(recs)-1].Key
	}
}

// EndAll ends all sessions of a person but one (nil: all), and returns how many
// it has ended, also when it fails.
func (r *Registry) EndAll(ctx context.Context, personID string, but *Session) (int, error) {
	return r.endIndexed(ctx, personPrefix+personID+"/", but)
}

// Forget ends all sessions of a person, and takes away what those that are over have
// left in the indexes. It returns how many it has ended, also when it fails.
func (r *Registry) Forget(ctx context.Context, personID string) (ended int, err error) {
	if ended, err = r.EndAll(ctx, personID, nil); err != nil {
		return ended, err
	}
	prefix := personPrefix + personID + "/"
	for after := ""; ; {
		recs, err := r.store.Scan(ctx, prefix, after, page)
		if err != nil {
			return ended, fmt.Errorf("forgetting sessions: %w", err)
		}
		for _, rec := range recs {
			after = rec.Key
			if err := r.unindex(ctx, rec, strings.TrimPrefix(rec.Key, prefix)); err != nil {
				return ended, fmt.Errorf("forgetting sessions: %w", err)
			}
		}
		if len(recs) < page {
			return ended, nil
		}
	}
}

// unindex takes away the indexes of a session that is over; of is the one of the person.
// What is no id belongs to somebody whose own goes on after a "/".
func (r *Registry) unindex(ctx context.Context, of store.Record, id string) error {
	if _, ok := parseID(id); !ok {
		return nil
	}
	if _, err := r.ByID(ctx, id); !errors.Is(err, ErrNone) {
		return err // nil: it has begun just now
	}
	writes := []store.Write{{Op: store.Delete, Key: of.Key}}
	if len(of.Value) > 0 {
		writes = append(writes, store.Write{Op: store.Delete, Key: string(of.Value)})
	}
	_, err := r.store.Commit(ctx, writes...)
	return err
}

// EndSID ends the sessions that began with a session at Microsoft, which has
// ended there, and returns how many it has ended, also when it fails.
func (r *Registry) EndSID(ctx context.Context, integration, sid string) (int, error) {
	if sid == "" || len(sid) > maxSID {
		return 0, nil
	}
	return r.endIndexed(ctx, sidPrefix+integration+"/"+sid+"/", nil)
}

// endsAtOnce is how many sessions end in one commit, which is synced once.
const endsAtOnce = 50

func (r *Registry) endIndexed(ctx context.Context, prefix string, but *Session) (int, error) {
	found, err := r.indexed(ctx, prefix)
	if err != nil {
		return 0, err
	}
	found = slices.DeleteFunc(found, func(s *Session) bool { return but != nil && s.key == but.key })
	ended := 0
	for some := range slices.Chunk(found, endsAtOnce) {
		if err := r.endTogether(ctx, some); err != nil {
			return ended, err
		}
		ended += len(some)
	}
	return ended, nil
}
