package reference

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/net/html"
)

type thing struct {
	Name  string   `json:"name" example:"chair" maxLength:"20" doc:"What it is called; see \x60GET\x60 <b>not bold</b>"`
	Kind  string   `json:"kind" enum:"seat,table"`
	Count int      `json:"count,omitempty" minimum:"1" maximum:"9" default:"2"`
	Tags  []string `json:"tags,omitempty" maxItems:"3"`
	Inner *inner   `json:"inner,omitempty"`
}

type inner struct {
	At string `json:"at" format:"date-time"`
}

// written is the page of a small API.
func written(t *testing.T) (page string, doc *huma.OpenAPI) {
	t.Helper()
	config := huma.DefaultConfig("things", "1")
	config.CreateHooks = nil
	config.Info.Description = "Keeps <things>."
	api := humago.New(http.NewServeMux(), config)
	type in struct {
		ID   string `path:"id"`
		As   string `header:"As" example:"alice"`
		Body thing
	}
	huma.Register(api, huma.Operation{OperationID: "put-thing", Method: "PUT", Path: "/things/{id}", Summary: "Put a thing", Errors: []int{404}},
		func(context.Context, *in) (*struct{ Body []thing }, error) { return nil, nil })
	b, err := Page(api.OpenAPI(), []Code{{"not_found", 404}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b), api.OpenAPI()
}

func TestPage(t *testing.T) {
	page, _ := written(t)
	for _, want := range []string{
		`<h1>things</h1>`, `Keeps &lt;things&gt;.`, `<h2 id="put-thing">Put a thing</h2>`, `<code>/things/{id}</code>`,
		`called; see <code>GET</code> &lt;b&gt;not bold&lt;/b&gt;`, `seat | table`, `from 1, up to 9, 2 if left out`, `list of string`,
		`<a href="#schema-Inner">Inner</a>`, `<h3 id="schema-Inner">`, `time, RFC 3339`, `at most 20 characters`, `<b>404</b> Not Found`,
		`curl -X PUT &#34;$ONES_GATEWAY/things/ID&#34;`, `As: alice`, `{&#34;kind&#34;:&#34;seat&#34;,&#34;name&#34;:&#34;chair&#34;}`,
		`<code>not_found</code>`, `href="openapi.json"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// The page stands alone, and each link in it leads somewhere.
func TestPageStandsAlone(t *testing.T) {
	page, _ := written(t)
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, links := map[string]bool{}, []string{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" || n.Data == "link" || n.Data == "img" || n.Data == "iframe" {
			t.Errorf("there is a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("%s is there twice", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href":
				links = append(links, a.Val)
			case a.Key == "style", a.Key == "src", strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s> has %s", n.Data, a.Key)
			}
		}
	}
	for _, to := range links {
		if id, inside := strings.CutPrefix(to, "#"); inside && !ids[id] {
			t.Errorf("%s leads nowhere", to)
		} else if !inside && to != "openapi.json" {
			t.Errorf("a link leads to %s", to)
		}
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style loads something")
	}
}
