package session

import "github.com/onesgate/onesgate/internal/identity"

// An Attachment is a request that is being answered for a session, and that ends
// when the session does: a WebSocket, a stream of events, a long download.
type Attachment struct {
	registry *Registry
	session  *Session
	at       int // in session.open
	end      func()
}

// Attach has end called when s ends: here, in another instance (within a second),
// or by its age (within a minute). If it is over already, at once. What is
// attached does not count as a use. Detach it when it is answered.
func (r *Registry) Attach(s *Session, end func()) *Attachment {
	for {
		s.mu.Lock()
		if s.away && !s.over {
			// Ended now, it would not be found: it has to be in memory, full or not.
			v, there := r.live.LoadOrStore(s.key, s)
			if there && v != s {
				s.mu.Unlock()
				s = v.(*Session)
				continue
			}
			if !there {
				r.cached.Add(1)
			}
			s.away = false
			if _, ended := r.ended.Load(s.key); ended && r.live.CompareAndDelete(s.key, s) {
				r.cached.Add(-1)
				s.away, s.over = true, true
			}
		}
		a := &Attachment{registry: r, session: s, at: len(s.open), end: end}
		over := s.over
		if !over {
			s.open = append(s.open, a)
		}
		s.mu.Unlock()
		if over {
			end()
		}
		return a
	}
}

// EndOpen ends what is attached for people who may not come in any more, though
// their sessions live.
func (r *Registry) EndOpen(of func(*identity.Person) bool) {
	r.live.Range(func(_, v any) bool {
		if s := v.(*Session); s.attached() && of(s.Person) {
			s.endOpen()
		}
		return true
	})
}

// Detach ends the attachment. It may be called after the session's end. Where memory
// is full, the session leaves it with the last one.
func (a *Attachment) Detach() {
	r, s := a.registry, a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.at >= len(s.open) || s.open[a.at] != a {
		return // the session has ended
	}
	last := len(s.open) - 1
	s.open[a.at], s.open[last].at = s.open[last], a.at
	s.open[last] = nil
	s.open = s.open[:last]
	if r.cached.Load() > maxCached {
		r.release(s)
	}
}

func (s *Session) attached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open) > 0
}

// endOpen ends what is attached.
func (s *Session) endOpen() {
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for _, a := range open {
		a.end()
	}
}

// close ends what is attached, and what will be.
func (s *Session) close() {
	s.mu.Lock()
	s.over, s.away = true, true
	s.mu.Unlock()
	s.endOpen()
}
