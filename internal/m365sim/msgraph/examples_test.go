package msgraph

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// An example is a request of Microsoft's documentation, with its answer; or
// what is known of an error.
type example struct {
	Name, Method, Path string
	Headers            map[string]string
	Request            any
	Status             int // 0: it isn't known
	Response           any
}

func readExamples(t *testing.T) []example {
	t.Helper()
	text, err := os.ReadFile(cmp.Or(os.Getenv("ONESGATE_GRAPH_EXAMPLES"), "../../../../shared/graph/examples.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("reference data is absent: name a file of examples in ONESGATE_GRAPH_EXAMPLES")
	}
	var all []example
	if err := errors.Join(err, json.Unmarshal(text, &all)); err != nil {
		t.Fatal(err)
	}
	return all
}

// notCompared are members of examples that answers need not have.
var notCompared = map[string]string{
	"@odata.id": "old", "uid": "not in the schema", "isShared": "beta", "isSharedWithMe": "beta", "notificationContentType": "not in the schema",
	"conferenceId": "no telephone", "tollNumber": "no telephone", "quickDial": "no telephone",
	"encryptionCertificate": "may be null", "encryptionCertificateId": "may be null", "includeResourceData": "may be null",
	"street": "depends on the location", "innerError": "some have none",
}

// differs says which members of an example an answer doesn't have, or has with
// another type. Of lists the first element counts.
func differs(path string, want, got any) []string {
	switch w := want.(type) {
	case nil:
		return nil
	case map[string]any:
		g, is := got.(map[string]any)
		if !is {
			return []string{fmt.Sprintf("%s is %T", path, got)}
		}
		var found []string
		for name, member := range w {
			value, there := g[name]
			switch {
			case notCompared[name] != "":
			case !there:
				found = append(found, path+"/"+name+" is missing")
			default:
				found = append(found, differs(path+"/"+name, member, value)...)
			}
		}
		return found
	case []any:
		g, is := got.([]any)
		switch {
		case !is:
			return []string{fmt.Sprintf("%s is %T", path, got)}
		case len(w) == 0:
			return nil
		case len(g) == 0:
			return []string{path + " is empty"}
		}
		return differs(path+"/0", w[0], g[0])
	}
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		return []string{fmt.Sprintf("%s is %T, not %T", path, got, want)}
	}
	return nil
}

// A replay is how an example is replayed, or why it isn't.
type replay struct {
	why    string
	path   string // instead of the example's; a query without a path replaces the query only
	as     string // who calls; "": alice
	scopes []string
	before func(f *fixture)
	change func(f *fixture, body record)
	status int // instead of the example's
	prefer string
}

// replayable brings an example to what the fixture has.
func (r replay) request(f *fixture, ex example) (path string, body any) {
	path = strings.NewReplacer("/v1.0", "", "/beta", "").Replace(ex.Path)
	own, query, _ := strings.Cut(path, "?")
	if given, other, has := strings.Cut(r.path, "?"); r.path != "" {
		own = cmp.Or(given, own)
		if has {
			query = other
		}
	}
	path = f.path(ex.Method, own)
	path = strings.NewReplacer("{id}", f.own, "{invited}", f.invited, "{series}", f.series, "{subscription}", f.id, "{calendar}", f.calendar).Replace(path)
	if query != "" {
		path = strings.Split(path, "?")[0] + "?" + strings.ReplaceAll(query, " ", "%20")
	}
	if ex.Request == nil && r.change == nil {
		return path, nil
	}
	text, _ := json.Marshal(ex.Request)
	addressed := strings.NewReplacer(
		"adelev@contoso.onmicrosoft.com", alice, "meganb@contoso.onmicrosoft.com", bob, "AlexW@contoso.OnMicrosoft.com", alice, "alexw@contoso.onmicrosoft.com", bob,
	).Replace(string(text))
	var changed record
	if _ = json.Unmarshal([]byte(addressed), &changed); changed == nil {
		changed = record{}
	}
	if r.change != nil {
		r.change(f, changed)
	}
	return path, changed
}

func (r replay) run(t *testing.T, ex example) {
	f := newFixture(t)
	if r.before != nil {
		r.before(f)
	}
	path, body := r.request(f, ex)
	headers := []string{"Prefer", r.prefer}
	for name, value := range ex.Headers {
		if name == "Prefer" {
			headers = append(headers, name, value)
		}
	}
	a := f.as(cmp.Or(r.as, alice), r.scopes...).call(cmp.Or(ex.Method, http.MethodGet), path, body, headers...)
	want := cmp.Or(r.status, ex.Status)
	if want != 0 && a.StatusCode != want || want == 0 && ex.Response == nil && a.StatusCode >= 300 {
		t.Fatalf("%s: %d %s, want %d", path, a.StatusCode, a.body, want)
	}
	if ex.Response == nil {
		return
	}
	if found := differs("", ex.Response, any(a.json(t))); found != nil {
		t.Errorf("%s: %v\n%s", path, found, a.body)
	}
	failure, _ := ex.Response.(record)["error"].(record)
	if code, _ := failure["code"].(string); code != a.errorCode() {
		t.Errorf("%s: %d %s, want %s", path, a.StatusCode, a.body, code)
	}
}

func TestExamples(t *testing.T) {
	all := readExamples(t)
	count := 0
	names := map[string]bool{}
	for _, ex := range all {
		names[ex.Name] = true
		r, planned := replays[ex.Name]
		if !planned {
			t.Errorf("%s is neither replayed nor is there a reason why not", ex.Name)
			continue
		}
		if r.why != "" {
			continue
		}
		count++
		t.Run(ex.Name, func(t *testing.T) { r.run(t, ex) })
	}
	for name := range replays {
		if !names[name] {
			t.Errorf("%s is no example", name)
		}
	}
	t.Logf("replayed %d of %d", count, len(all))
}

// What is sent to subscribers has what the examples have.
func TestExamplesOfNotifications(t *testing.T) {
	f := newFixture(t)
	m := f.as(alice)
	body := subscriptionTo(f.hook.url + "/all")
	body["lifecycleNotificationUrl"] = f.hook.url
	m.must(http.StatusNoContent, http.MethodDelete, "/subscriptions/"+f.id, nil)
	m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body)
	m.create(plain("News", 2, 3))
	sent := map[string]record{"changeType": f.hook.next(t)}
	f.do(func(now time.Time) {
		if _, err := f.graph.Lifecycle(alice, "missed", now); err != nil {
			t.Error(err)
		}
	})
	sent["lifecycleEvent"] = f.hook.next(t)
	compared := 0
	for _, ex := range readExamples(t) {
		if !strings.Contains(replays[ex.Name].why, "notification") {
			continue
		}
		for _, from := range []any{ex.Request, ex.Response} {
			body, is := from.(record)
			if !is {
				continue
			}
			want := body["value"].([]any)[0].(record)
			delete(want, "id") // of the notification: only old ones have it
			for kind, got := range sent {
				if want[kind] != nil {
					compared++
					if found := differs("", want, any(got)); found != nil {
						t.Errorf("%s: %v: %v", ex.Name, found, got)
					}
				}
			}
		}
	}
	if compared != 6 {
		t.Errorf("%d notifications were compared, want 6", compared)
	}
}

// The comparison itself can fail.
func TestDiffers(t *testing.T) {
	want := record{"a": "x", "b": []any{record{"c": 1.0}}, "d": nil, "uid": "x"}
	for name, got := range map[string]any{
		"no object": "x", "a member less": record{"b": []any{record{"c": 1.0}}, "d": nil}, "another type": record{"a": 3.0, "b": []any{record{"c": 1.0}}, "d": nil},
		"an empty list": record{"a": "x", "b": []any{}, "d": nil}, "an inner one less": record{"a": "x", "b": []any{record{}}, "d": 1.0}, "no list": record{"a": "x", "b": 3.0, "d": nil},
	} {
		if len(differs("", want, got)) != 1 {
			t.Errorf("%s: %v", name, differs("", want, got))
		}
	}
	if found := differs("", want, any(record{"a": "y", "b": []any{record{"c": 2.0}}, "d": "z"})); found != nil {
		t.Errorf("%v", found)
	}
}
