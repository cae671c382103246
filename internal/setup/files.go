package setup

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// A File is what is written.
type File struct {
	Name    string
	Content []byte
	Mode    fs.FileMode
}

//go:embed templates
var embedded embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"word": word, "text": text, "quote": shell}).ParseFS(embedded, "templates/*"))

// A permission of Microsoft Graph is the same everywhere, by its id.
type permission struct {
	Name string `json:"-"`
	ID   string `json:"id"`
	Type string `json:"type"`
}

// microsoftGraph is the id of Microsoft Graph as an application, in every cloud, and
// permissions those of the manual
// (https://learn.microsoft.com/graph/permissions-reference).
const microsoftGraph = "00000003-0000-0000-c000-000000000000"

var permissions = []permission{
	{"openid", "37f7f235-527c-4136-accd-4a02d197296e", "Scope"},
	{"offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "Scope"},
	{"Calendars.ReadWrite.Shared", "12466101-c9b8-439a-8589-dd09ee67e8e9", "Scope"},
}

// unregistered stands for the client's id in the script that finds it out.
const unregistered = "00000000-0000-0000-0000-000000000000"

// form is what the templates are filled in with.
type form struct {
	Answers
	Socket, Store, Keyset string
	Site                  string
	Loopback              bool
	Port                  int
	ServiceToken          string

	Addresses              Addresses
	Portal, CLI, GraphRoot string
	Permissions            []permission
	AppName, End           string
	ConsentURL, Unknown    string
}

// Contained says that the store is PostgreSQL, and the folders are those of the image.
func (f form) Contained() bool { return f.Place.contained() }

// Ingress says that TLS ends before the gateway.
func (f form) Ingress() bool { return f.Place == Kubernetes }

// Web is the part of an application of that name, in Microsoft Graph's JSON.
func (f form) Web() (string, error) {
	return inJSON(map[string]any{
		"redirectUris": []string{f.Addresses.Rooms, f.Addresses.People, f.Addresses.SignedOut},
		"logoutUrl":    f.Addresses.FrontchannelLogout,
	})
}

// RequiredResourceAccess is the part of an application of that name.
func (f form) RequiredResourceAccess() (string, error) {
	return inJSON([]any{map[string]any{"resourceAppId": microsoftGraph, "resourceAccess": f.Permissions}})
}

// OptionalClaims is the part of an application of that name. The script adds another one
// before its end, which is "]}".
func (f form) OptionalClaims() (string, error) {
	type claim struct {
		Name string `json:"name"`
	}
	return inJSON(map[string]any{"idToken": []claim{{"acct"}, {"sid"}, {"login_hint"}}})
}

func inJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// Files makes the files from answers that have been checked. serviceToken is for ONES'
// own server.
func (a Answers) Files(g Gateway, serviceToken string) ([]File, error) {
	public, err := url.Parse(a.PublicURL)
	if err != nil {
		return nil, err
	}
	f := form{
		Answers: a, ServiceToken: serviceToken, Addresses: g.Addresses(a.PublicURL), Permissions: permissions,
		Socket: "/run/onesgate/admin.sock", Store: "/var/lib/onesgate/store", Keyset: "/etc/onesgate/keyset.json",
		Site: public.Host, Loopback: public.Scheme == "http", Port: cmp.Or(a.ServicePort, 8090),
		Unknown: unregistered, AppName: "ONES at " + public.Hostname(), End: cmp.Or(a.SecretExpires, g.Now.AddDate(1, 0, 0).Format(time.DateOnly)),
	}
	switch {
	case f.Ingress():
		f.Site = "http://:8080"
	case f.Loopback:
		f.Site = "http://" + public.Host
	}
	if a.Data != "" {
		f.Socket, f.Store, f.Keyset = filepath.Join(a.Data, "admin.sock"), filepath.Join(a.Data, "store"), filepath.Join(a.Data, "keyset.json")
	}
	f.Portal, f.CLI, f.GraphRoot = g.Cloud(a.Operator)

	var files []File
	add := func(name string, mode fs.FileMode) {
		var b bytes.Buffer
		if err == nil {
			err = templates.ExecuteTemplate(&b, name, f)
		}
		files = append(files, File{name, b.Bytes(), mode})
	}
	f.ConsentURL = g.ConsentURL(&a)
	add("Caddyfile", 0o644)
	add("onesgate.env", 0o600)
	add("azure.txt", 0o644)
	if f.CLI != "" {
		known := a
		known.ClientID = cmp.Or(a.ClientID, unregistered)
		f.ConsentURL = g.ConsentURL(&known)
		add("azure-app.sh", 0o755)
	}
	return files, err
}

// Write writes files into a folder, all or, as far as can be told beforehand, none. One
// that is there already is an error, unless it may be overwritten.
func Write(dir string, files []File, overwrite bool) error {
	for _, f := range files {
		_, err := os.Lstat(filepath.Join(dir, f.Name))
		switch {
		case err == nil && !overwrite:
			return fmt.Errorf("%s is there already; name another folder with --out, or write --force", filepath.Join(dir, f.Name))
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(dir); err != nil {
			return fmt.Errorf("%s can't be written: %w", f.Name, err)
		}
	}
	return nil
}

// write puts a file in place as a whole. Nobody else can read it before it has its mode.
func (f File) write(dir string) error {
	part, err := os.CreateTemp(dir, f.Name+".*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // in vain, once it has been renamed
	_, err = part.Write(f.Content)
	err = errors.Join(err, part.Chmod(f.Mode), part.Close())
	if err != nil {
		return err
	}
	return os.Rename(part.Name(), filepath.Join(dir, f.Name))
}
