package signin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/signin/pages"
)

// The operator's logo and colour are served, and a site without a logo has none.
func TestTheme(t *testing.T) {
	logo, err := pages.NewLogo([]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	if err != nil {
		t.Fatal(err)
	}
	color, err := pages.ParseColor("#0b5fff")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		theme  pages.Theme
		status int
	}{
		"none": {pages.Theme{}, http.StatusNotFound},
		"both": {pages.Theme{Logo: logo, Color: color}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			gate := New(Config{PublicURL: &url.URL{Scheme: "https", Host: "ones.example"}, Theme: tt.theme}).Gate(GateConfig{})
			get := func(path string) *httptest.ResponseRecorder {
				rec := httptest.NewRecorder()
				gate.mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
				return rec
			}
			if got := get(pages.LogoPath).Code; got != tt.status {
				t.Errorf("logo: status = %d, want %d", got, tt.status)
			}
			if got := strings.Contains(get(pages.StylePath).Body.String(), "#0b5fff"); got != (tt.status == http.StatusOK) {
				t.Errorf("the colour is in the stylesheet = %t", got)
			}
		})
	}
}
