package signin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
)

// Whose connection lacks consent finds on the account page what to show to the
// administrator.
func TestConsentFromTheAccountPage(t *testing.T) {
	f := newFlow(t, nil)
	f.signIn(t, "/")
	for state, want := range map[grant.State]bool{grant.Connected: false, grant.NeedsAdminConsent: true} {
		tokens := entra.Tokens{Access: "a", Refresh: "r", Expires: time.Now().Add(time.Hour)}
		if err := f.site.Grants.Save(t.Context(), flowTenant+".alice", "contoso", tokens, state); err != nil {
			t.Fatal(err)
		}
		w := f.browse(t, http.MethodGet, "/.ones/account")
		if led := strings.Contains(w.Body.String(), `href="/.ones/consent/contoso"`); led != want {
			t.Errorf("%s: the account page leads there: %v", state, led)
		}
	}
	w := f.browse(t, http.MethodGet, "/.ones/consent/contoso")
	if !strings.Contains(w.Body.String(), `id="admin-consent" href="`+flowIssuer+`/adminconsent?`) || strings.Contains(w.Body.String(), "0001") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.browse(t, http.MethodGet, "/.ones/consent/fabrikam", "Accept", "text/html"); w.Code != http.StatusNotFound {
		t.Errorf("of another integration: %d", w.Code)
	}
}
