package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	tid = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10"
	sub = "gi5PR8XIqbtpF8iLfL7iPFWUUWzojyrO2bu6TipLBJQ"
)

// plain is a text with all other names replaced by their kinds.
func plain(text string) string {
	return regexp.MustCompile(`\b(mail|user|name|opaque)-[0-9a-f]{10}\b`).ReplaceAllString(text, "<$1>")
}

func TestText(t *testing.T) {
	r := NewRedaction()
	for in, want := range map[string]string{
		"nothing of that kind":                                            "nothing of that kind",
		"signed in: Alice@contoso.example, again":                         "signed in: <mail>, again",
		"by alice%40contoso.example":                                      "by <mail>",
		"user " + tid + "." + sub + " is here":                            "user <user> is here",
		"contoso/" + tid + ".sub-of-some-issuer":                          "contoso/<user>",
		"booking 3f0c1d52-9f60-4a57-a9a3-2f2f7b1c0001":                    "booking 3f0c1d52-9f60-4a57-a9a3-2f2f7b1c0001",
		"Authorization: Bearer abc.def":                                   "Authorization: Bearer [redacted]",
		"GET /.ones/callback?code=0.AX&state=xyz HTTP":                    "GET /.ones/callback?code=[redacted]&state=[redacted] HTTP",
		"?client_secret=short&x=1":                                        "?client_secret=[redacted]&x=1",
		"Cookie: __Host-onesgate=short; a=b":                              "Cookie: __Host-onesgate=[redacted]; a=b",
		"postgres://ones:pw@db:5432/ones":                                 "postgres://[redacted]@db:5432/ones",
		"an assertion eyJhbGciOiJFUzI1NiJ9.eyJzdWIi.c2ln":                 "an assertion [redacted]",
		"a secret s3cr3t~of.Azure_with-40-characters12345678901234567890": "a secret s3cr3t~of.<opaque>",
		"by josé.müller@contoso.example, again":                           "by <mail>, again",
		"陳大文@contoso.com.hk and alice@münchen.de":                         "<mail> and <mail>",
		"alice@contoso.xn--p1ai":                                          "<mail>",
		"user " + tid + ".17 is here":                                     "user <user> is here",
		"a secret Ab18Q~xY3.bcDe4fGh5ijk.LmN0pqRs6tuV7w-yZ1":              "a secret [redacted]",
		"host=db password='a b c' dbname=x":                               "host=db password=[redacted] dbname=x",
		"https://user:p@ss@host/x":                                        "https://[redacted]@host/x",
		"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n":  "[redacted]\n",
		"github.com/onesgate/onesgate/caddymodule.(*engine).ready":        "github.com/onesgate/onesgate/caddymodule.(*engine).ready",
		"/go/pkg/mod/github.com/caddyserver/caddy/v2@v2.11.9/cmd/main.go": "/go/pkg/mod/github.com/caddyserver/caddy/v2@v2.11.9/cmd/main.go",
		"AADSTS700082: the refresh token has expired":                     "AADSTS700082: the refresh token has expired",
	} {
		if got := plain(r.Text(in)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
	one, other := r.Text("alice@contoso.example"), NewRedaction().Text("alice@contoso.example")
	if one != r.Text("ALICE@contoso.example") || one == r.Text("bob@contoso.example") || one == other {
		t.Errorf("names of people: %s, %s in another bundle", one, other)
	}
}

// Where a member says that it is somebody's address or id, it is taken for one, whatever its
// form: issuers other than Microsoft's have others.
func TestPeopleInJSON(t *testing.T) {
	r := NewRedaction()
	got, err := r.JSON([]byte(`{"user":".alice@x","into":"contoso.17","shared_cards":[["contoso.17"]],"mail":"alice@intranet","mailbox":"Alice <alice@x>",` +
		`"organizer":{"id":".alice","email":"alice@intranet"},"person_id":"contoso.17","id":"3f0c1d52","owner":"contoso.17","account":"contoso.17",` +
		`"other":"contoso.18","pinned":"contoso.18","users":["contoso.17","contoso.18"],"of_room":{"owner":"room:contoso/boardroom"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, got); err != nil {
		t.Fatal(err)
	}
	want := `{"account":"<user>","id":"3f0c1d52","into":"<user>","mail":"<mail>","mailbox":"<name>","of_room":{"owner":"room:contoso/boardroom"},` +
		`"organizer":{"email":"<mail>","id":"<user>"},"other":"<user>","owner":"<user>","person_id":"<user>","pinned":"<user>",` +
		`"shared_cards":[["<user>"]],"user":"<user>","users":["<user>","<user>"]}`
	if text := plain(compact.String()); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if r.name("user", ".alice") != r.Text(r.name("user", ".alice")) {
		t.Error("another name is given another name")
	}
}

// Whatever is drawn at random, as keys and ids are, is found wherever it stands.
func TestRandomWordsAreFound(t *testing.T) {
	r := NewRedaction()
	for range 200 {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		for _, word := range []string{hex.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b)} {
			for _, text := range []string{word, "x=" + word + "&y", `{"a":"` + word + `"}`, "/a/" + word + "/b"} {
				if got := r.Text(text); strings.Contains(got, word) {
					t.Fatalf("%s is left as %s", text, got)
				}
			}
		}
	}
}

func TestJSON(t *testing.T) {
	r := NewRedaction()
	got, err := r.JSON([]byte(`{"version":"v1","n":12345678901234567890,"from":"203.0.113.7:4711","rooms":[{"name":"boardroom","by":"alice@contoso.example"}],
		"people":[{"name":"Alice Chan","email":"Alice@contoso.example","card_number":"4711"}],"organizer":{"id":"` + tid + "." + sub + `","name":"Alice Chan"},
		"subject":"Salaries","token":"t","steps":[{"code":"503 ServiceUnavailable"}],"` + tid + "." + sub + `":true,"nothing":null,"email":""}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"email":"","from":"<name>","n":12345678901234567890,"nothing":null,"organizer":{"id":"<user>","name":"<name>"},` +
		`"people":[{"card_number":"<name>","email":"<mail>","name":"<name>"}],"rooms":[{"by":"<mail>","name":"boardroom"}],` +
		`"steps":[{"code":"503 ServiceUnavailable"}],"subject":"[redacted]","token":"[redacted]","<user>":true,"version":"v1"}`
	var compact bytes.Buffer
	if err := json.Compact(&compact, got); err != nil {
		t.Fatal(err)
	}
	if text := plain(compact.String()); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if _, err := r.JSON([]byte("<html>")); err == nil {
		t.Error("what is no JSON is taken")
	}
}

func TestConfig(t *testing.T) {
	r := NewRedaction()
	got, err := r.Config([]byte(`{"admin":{"listen":"unix//run/onesgate/admin.sock"},"apps":{"ones":{"public_url":"https://ones.example.com","keyset":"{env.CREDENTIALS_DIRECTORY}/keyset",
		"store":{"module":"postgres","url":"postgres://ones:pw@db/ones"},"integrations":[{"name":"contoso","server":{"tenant_id":"{env.ONES_TENANT_ID}",
		"credentials":[{"client_secret":"{env.ONES_CLIENT_SECRET}"},{"client_secret":"in the clear"}]},"users":{"map_groups":{"` + tid + `":"Staff"}},
		"rooms":[{"name":"boardroom","address":"boardroom@contoso.com","capacity":12}]}]},
		"http":{"servers":{"srv0":{"routes":[{"handle":[{"handler":"headers","request":{"set":{"X-Api-Key":["k"],"path":["p"]}}},{"handler":"ones_auth","admins":["contoso/alice@contoso.com"]}]}]}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, got); err != nil {
		t.Fatal(err)
	}
	want := `{"admin":{"listen":"unix//run/onesgate/admin.sock"},"apps":{"http":{"servers":{"srv0":{"routes":[{"handle":[` +
		`{"handler":"headers","request":{"set":{"X-Api-Key":["[redacted]"],"path":["p"]}}},{"admins":["contoso/<mail>"],"handler":"ones_auth"}]}]}}},` +
		`"ones":{"integrations":[{"name":"contoso","rooms":[{"address":"<mail>","capacity":12,"name":"boardroom"}],"server":{"credentials":[` +
		`{"client_secret":"{env.ONES_CLIENT_SECRET}"},{"client_secret":"[redacted]"}],"tenant_id":"{env.ONES_TENANT_ID}"},"users":{"map_groups":{"` + tid + `":"Staff"}}}],` +
		`"keyset":"{env.CREDENTIALS_DIRECTORY}/keyset","public_url":"https://ones.example.com","store":{"module":"postgres","url":"[redacted]"}}}}`
	if text := plain(compact.String()); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestWrite(t *testing.T) {
	made := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	if err := Write(&out, "onesgate-support", made, []File{{"a.txt", []byte("a")}, {"b.json", nil}}); err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		told += h.Name + "=" + string(content) + " "
	}
	if told != "onesgate-support/a.txt=a onesgate-support/b.json= " {
		t.Errorf("holds %s", told)
	}
	if err := Write(full{}, "x", made, []File{{"a.txt", make([]byte, 1<<20)}}); err == nil {
		t.Error("a full disk goes unnoticed")
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
