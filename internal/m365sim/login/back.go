package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/page"
)

// back takes a refusal to the app (RFC 6749 section 4.1.2.1).
func (l *Login) back(c *front.Call, req *request, f *failure) front.Reply {
	q := url.Values{
		"error":             {f.oauth},
		"error_description": {f.description(c.ID, c.CorrelationID(), c.Now)},
		"error_uri":         {f.uri(c)},
	}
	if f.suberror != "" {
		q.Set("error_subcode", f.suberror)
	}
	if f.claims != "" {
		q.Set("claims", f.claims)
	}
	return l.toApp(c, req, q)
}

// stop ends a sign-in that Entra would end on a page, so that the app never
// hears of it; unless it has asked for silence.
func (l *Login) stop(c *front.Call, req *request, f *failure) front.Reply {
	if req.prompt == "none" {
		return l.back(c, req, f.silently())
	}
	return f.page(c)
}

type formPost struct {
	Action string
	Fields []field
}

type field struct{ Name, Value string }

// toApp sends the browser to the redirect URI in the response mode that was
// asked for. The state is echoed if there was one.
func (l *Login) toApp(c *front.Call, req *request, q url.Values) front.Reply {
	if req.admin {
		q.Set("admin_consent", "True") // of errors too
		if req.authority.tenant != nil {
			q.Set("tenant", req.authority.tenant.ID)
		}
	}
	if req.state != "" {
		q.Set("state", req.state)
	}
	if req.responseMode == "form_post" {
		form := formPost{Action: req.redirectURI}
		for name := range q {
			form.Fields = append(form.Fields, field{name, q.Get(name)})
		}
		slices.SortFunc(form.Fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
		return page.Render(http.StatusOK, "formpost", "Back to the app", form)
	}
	join := "?"
	switch {
	case req.responseMode == "fragment":
		join = "#"
	case strings.Contains(req.redirectURI, "?"):
		join = "&"
	}
	return redirect(c, req.redirectURI+join+q.Encode())
}

// redirect sends the browser elsewhere by GET.
func redirect(c *front.Call, to string) front.Reply {
	status := http.StatusFound
	if c.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	return front.Redirect(status, to)
}
