package signin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/trail"
)

// Paths of ours. Everything under the prefix is answered here and never reaches ONES.
const (
	pathPrefix       = "/.ones/"
	pathLogin        = "/.ones/login"
	pathLogout       = "/.ones/logout"
	pathSignedOut    = "/.ones/signed-out"
	pathCallback     = "/.ones/callback"
	pathFrontchannel = "/.ones/frontchannel-logout"
	pathConsent      = "/.ones/consent/"
	pathRooms        = "/.ones/rooms/"
	pathRoomCallback = "/.ones/rooms/callback"
)

// CallbackPath is where Microsoft sends browsers back to: the redirect URI of
// the manual's User settings. Its query holds a code and belongs in no log.
const CallbackPath = pathCallback

// RoomCallbackPath is the redirect URI of the manual's Room settings, for the
// accounts of rooms. It is as secret.
const RoomCallbackPath = pathRoomCallback

// SignedOutPath is where Microsoft sends browsers back to after a sign-out there,
// which takes a redirect URI too; FrontchannelLogoutPath what it loads when somebody
// signs out elsewhere.
const (
	SignedOutPath          = pathSignedOut
	FrontchannelLogoutPath = pathFrontchannel
)

// Gate returns a gate of this site.
func (s *Site) Gate(cfg GateConfig) *Gate {
	g := &Gate{GateConfig: cfg, site: s, mux: http.NewServeMux()}
	g.handle(pathLogin, s.loginPage, nil)
	g.handle(pathLogin+"/{integration}", s.startLogin, nil)
	g.handle(pathCallback, g.callback, nil)
	g.handle(pathLogout, s.logoutPage, s.logout)
	g.handle(pathSignedOut, s.signedOut, nil)
	g.handle(pathRooms+"{room}/connect", g.forAdmins(g.roomPage), g.forAdmins(g.connectRoom))
	g.handle(pathRooms+"{room}/disconnect", nil, g.forAdmins(g.disconnectRoom))
	g.handle(pathRoomCallback, g.roomCallback, nil)
	g.handle(pages.StatusPath, g.forAdmins(g.statusPage), nil)
	g.handle(pages.StatusPeoplePath, g.forAdmins(g.peoplePage), g.forAdmins(g.peoplePage))
	g.handle(pages.StatusBookingsPath, g.forAdmins(g.bookingsPage), nil)
	g.handle(pages.StatusBookingsPath+"/{booking}", g.forAdmins(g.bookingPage), g.forAdmins(g.retryBooking))
	g.handle(pathAccount, g.account, nil)
	g.handle(pathEnd, nil, s.endOne)
	g.handle(pathEndAll, nil, s.endAll)
	g.handle(pathDisconnect, s.disconnectPage, s.disconnect)
	g.handle(pathConsent+"{integration}", s.consentPage, nil)
	g.handle(pathFrontchannel, s.frontchannelLogout, nil)
	g.handle("/.ones/integrations", s.listIntegrations, nil)
	g.handle("/.ones/me", s.me, nil)
	g.handle("/.ones/jwks.json", g.keys, nil)
	g.handle("/.ones/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]string{"status": "ok"}) }, nil)
	g.handle("/.ones/readyz", s.readyz, nil)
	g.handle(pages.StylePath, s.pages.ServeStyle, nil)
	g.handle(pages.MarkPath, s.pages.ServeMark, nil)
	g.handle(pages.StatusStylePath, s.pages.ServeStatusStyle, nil)
	g.handle(pages.StatusScriptPath, s.pages.ServeStatusScript, nil)
	if s.pages.HasLogo() {
		g.handle(pages.LogoPath, s.pages.ServeLogo, nil)
	}
	g.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, pages.NotFound, "not_found", "There is nothing at this path.")
	})
	return g
}

// handle serves a path by GET (and HEAD), by POST, or both.
func (g *Gate) handle(path string, get, post http.HandlerFunc) {
	var methods []string
	if get != nil {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if post != nil {
		methods = append(methods, http.MethodPost)
	}
	allow := strings.Join(methods, ", ")
	g.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !slices.Contains(methods, r.Method):
			w.Header().Set("Allow", allow)
			g.site.refuse(w, r, pages.MethodNotAllowed, "method_not_allowed", "Allowed here: "+allow+".")
		case r.Method == http.MethodPost:
			post(w, r)
		default:
			get(w, r)
		}
	})
}

// loginURL is the login page that leads back to a path.
func (s *Site) loginURL(back string) string { return withReturn(pathLogin, back) }

func withReturn(path, back string) string {
	if back = returnTo(back); back != "/" {
		return path + "?return_to=" + url.QueryEscape(back)
	}
	return path
}

// refuse answers a person with a page and a program with problem details.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, kind pages.Kind, code, detail string) {
	if navigation(r) {
		s.pages.Message(w, r, pages.Message{Kind: kind, Actions: []pages.Action{{Label: pages.ActionHome, URL: "/"}}})
		return
	}
	problem(w, kind.Status(), code, detail, "")
}

// What programs are told where people get a page.
const (
	storeDetail = "Sessions can't be looked up or changed right now; try again."
	crossSite   = "A request that changes something has to come from a page of this site: send Origin or Sec-Fetch-Site as browsers do."
)

// storeAway answers where the store can't be asked.
func (s *Site) storeAway(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.ErrorContext(r.Context(), "sessions can't be looked up or changed", "error", err)
	s.refuse(w, r, pages.StoreUnavailable, "store_unavailable", storeDetail)
}

// problem answers with problem details (RFC 9457).
func problem(w http.ResponseWriter, status int, code, detail, loginURL string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Code     string `json:"code"`
		Detail   string `json:"detail,omitempty"`
		LoginURL string `json:"login_url,omitempty"`
		// What the request is called, on our own paths; what goes to ONES isn't followed.
		RequestID string `json:"request_id,omitempty"`
	}{http.StatusText(status), status, code, detail, loginURL, h.Get(trail.Header)})
}

// answer answers with JSON that nobody may keep.
func answer(w http.ResponseWriter, body any) { answerFor(w, "no-store", body) }

func answerFor(w http.ResponseWriter, cacheControl string, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", cacheControl)
	h.Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(body)
}
