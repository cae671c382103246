package signin

import (
	"net/http"
)

// frontchannelLogout ends the sessions that began with one at Microsoft which has
// ended there (OpenID Connect Front-Channel Logout 1.0). Microsoft loads it in a
// hidden frame, with "sid" and no issuer, and no cookie of ours comes along; so
// anybody may call it, and it tells nothing. Grants stay: whoever signs out of
// Microsoft in a browser still wants their rooms.
func (s *Site) frontchannelLogout(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'") // but it may be framed
	if !s.frontchannel.Allow() {
		h.Set("Retry-After", "1")
		http.Error(w, "Too many calls at once. Try again in a second.", http.StatusTooManyRequests)
		return
	}
	sid, err := only(r.URL.Query(), "sid")
	if err != nil {
		http.Error(w, "The parameter sid has to be there, once.", http.StatusBadRequest)
		return
	}
	ctx, cancel := lasting(r)
	defer cancel()
	for _, i := range s.Integrations {
		n, err := s.Sessions.EndSID(ctx, i.Name, sid)
		if n > 0 {
			s.Audit.InfoContext(ctx, "signed out by Microsoft", "integration", i.Name, "sessions", n)
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "a sign-out by Microsoft could not be carried out", "error", err)
			http.Error(w, storeDetail, http.StatusServiceUnavailable)
			return
		}
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("Signed out.\n"))
}
