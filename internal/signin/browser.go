package signin

import (
	"net/http"
	"strings"

	"github.com/onesgate/onesgate/internal/identity"
)

// browserOf says in words what somebody comes with, so that they know their
// sessions apart in a list: "Firefox, Windows". Whatever it is called, it decides
// nothing.
func browserOf(r *http.Request) string {
	agent := r.UserAgent()
	var found []string
	for _, names := range [][]struct{ sign, name string }{browsers, systems} {
		for _, n := range names {
			if strings.Contains(agent, n.sign) {
				found = append(found, n.name)
				break
			}
		}
	}
	if len(found) == 0 {
		program, _, _ := strings.Cut(identity.Clean(agent), "/")
		return program[:min(len(program), 40)]
	}
	return strings.Join(found, ", ")
}

// The first sign that is found counts: most browsers also call themselves what
// stands below them.
var (
	browsers = []struct{ sign, name string }{
		{"Teams/", "Microsoft Teams"},
		{"Edg/", "Edge"},
		{"EdgA/", "Edge"},
		{"EdgiOS/", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systems = []struct{ sign, name string }{
		{"Windows", "Windows"},
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Mac OS X", "macOS"},
		{"Android", "Android"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)
