package m365sim

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed templates
var templateFiles embed.FS

//go:embed style.css
var style []byte

// pages by name; each is the layout with its own content.
var pages = func() map[string]*template.Template {
	layout := template.Must(template.ParseFS(templateFiles, "templates/layout.html"))
	m := map[string]*template.Template{}
	for _, name := range []string{"chooser", "error", "signedout", "overview"} {
		m[name] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return m
}()

// pageData is what the pages show.
type pageData struct {
	Title  string
	Tenant *Tenant
	// Of the chooser.
	App     *App
	People  []choice
	Granted []string
	// Of the error page.
	Code                      int // after AADSTS
	Message                   string
	Trace, Correlation, Stamp string
	// Of the overview.
	Tenants []overviewTenant
	Calls   []recordedCall
	Now     time.Time
}

// A choice is one account of the chooser.
type choice struct {
	*Person
	ID, Initials string
	Hinted       bool
}

type overviewTenant struct {
	*Tenant
	Rooms []overviewRoom
}

type overviewRoom struct {
	*Room
	Today []overviewEvent
}

type overviewEvent struct{ Start, End, Subject, Organizer, Response string }

// page renders a page. The policy has no form-action: Chromium applies it to
// every redirect that follows a form, and those lead to the app and beyond.
func (s *Server) page(status int, name string, data pageData) reply {
	var b bytes.Buffer
	if err := pages[name].ExecuteTemplate(&b, "layout", data); err != nil {
		s.log.Error("a page can't be made", "page", name, "error", err)
		return textReply(http.StatusInternalServerError, "m365sim: this page can't be made")
	}
	return reply{status: status, body: b.Bytes()}.
		with("Content-Type", "text/html; charset=utf-8").
		with("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'").
		with("Referrer-Policy", "same-origin")
}

func serveStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "style.css", time.Time{}, bytes.NewReader(style))
}

// chooser asks which account to use.
func (s *Server) chooser(req *authRequest, hinted *Person) reply {
	data := pageData{Title: "Pick an account", Tenant: req.tenant, App: req.app, Granted: req.scopes}
	for i := range req.tenant.People {
		p := &req.tenant.People[i]
		local, _, _ := strings.Cut(p.Mail, "@")
		data.People = append(data.People, choice{Person: p, ID: "account-" + local, Initials: initials(p.Name), Hinted: p == hinted})
	}
	return s.page(http.StatusOK, "chooser", data)
}

func initials(name string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(name) {
		if b.Len() < 8 {
			b.WriteRune([]rune(word)[0])
		}
	}
	return b.String()
}

// entraPage shows a refusal that must not go back to the app.
func (s *Server) entraPage(c *call, e *entraError) reply {
	return s.page(http.StatusBadRequest, "error", pageData{
		Title: "Sign-in failed", Code: e.code, Message: e.message, Trace: c.id, Correlation: c.correlationID(), Stamp: c.now.UTC().Format(entraTime),
	})
}

func (s *Server) serveNotFound(*call) reply {
	return s.page(http.StatusNotFound, "error", pageData{Title: "There is no such page"})
}

// serveOverview shows the world at a glance.
func (s *Server) serveOverview(c *call) reply {
	data := pageData{Title: "Simulated Microsoft 365", Now: c.now, Calls: slices.Clone(s.seen.Calls)}
	slices.Reverse(data.Calls)
	data.Calls = data.Calls[:min(len(data.Calls), 20)]
	for i := range s.cfg.Tenants {
		t := overviewTenant{Tenant: &s.cfg.Tenants[i]}
		for j := range t.Tenant.Rooms {
			t.Rooms = append(t.Rooms, s.overviewRoom(&t.Tenant.Rooms[j], c.now))
		}
		data.Tenants = append(data.Tenants, t)
	}
	return s.page(http.StatusOK, "overview", data)
}

func (s *Server) overviewRoom(room *Room, now time.Time) overviewRoom {
	zone, err := time.LoadLocation(room.TimeZone)
	if err != nil {
		zone = time.UTC // validate has refused it
	}
	local := now.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	shown := overviewRoom{Room: room}
	events := slices.Clone(s.state.calendar(room.Address).Events)
	slices.SortStableFunc(events, func(a, b *event) int { return a.Start.Compare(b.Start) })
	for _, e := range events {
		if e.overlaps(midnight, midnight.AddDate(0, 0, 1)) {
			shown.Today = append(shown.Today, overviewEvent{
				Start: e.Start.In(zone).Format(clockTime), End: e.End.In(zone).Format(clockTime),
				Subject: e.Subject, Organizer: e.Organizer.Name, Response: e.Response,
			})
		}
	}
	return shown
}
