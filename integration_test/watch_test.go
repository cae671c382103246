package integration_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// The operator is told of credentials, of connections that are lost, and of an
// integration that is refused: in the log, as events, in metrics and in the status.
func TestTheOperatorIsTold(t *testing.T) {
	ending, key := newCertificate(t, 1)
	next, nextKey := newCertificate(t, 365)
	w := newWorld(t, shortTokens, func(c *m365.Config) { c.Tenants[0].Apps[0].Certificates = []string{ending, next} })
	install := func(certificate, key string) {
		t.Helper()
		for name, text := range map[string]string{"cert.pem": certificate, "key.pem": key} {
			if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	install(ending, key)
	file := w.write(map[string]any{"Credentials": "client_secret an-old-secret\n\t\t\t\tclient_certificate " + w.dir + "/cert.pem " + w.dir + "/key.pem"})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// So that the log has Caddy's events.
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "persist_config off", "persist_config off\n\tdebug", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := w.gateway()
	event := func(name, data string) {
		t.Helper()
		p.logs(`"msg":"event","name":"` + name + `"`)
		if !regexp.MustCompile(`"name":"` + regexp.QuoteMeta(name) + `".*"data":\{` + data).MatchString(p.errors()) {
			t.Errorf("no event %s with %s:\n%s", name, data, p.errors())
		}
	}
	metric := func(lines ...string) {
		t.Helper()
		told := w.admin("/metrics")
		for _, line := range lines {
			if !strings.Contains(told, "\n"+line+"\n") {
				t.Errorf("no metric %s", line)
			}
		}
	}
	book := func(mail string, day int, want ...int) {
		t.Helper()
		a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", day, 10), "Ones-Act-As", mail, "Prefer", "wait=30",
			"Idempotency-Key", mail+strconv.Itoa(day)) // so that it is sent again where a reload closes the connection
		for _, status := range want {
			if a.StatusCode == status {
				return
			}
		}
		t.Errorf("booking for %s: %d %s, want one of %d", mail, a.StatusCode, a.body, want)
	}

	// A certificate ends tomorrow.
	event("ones.secret_expiring", `"credential":"client_certificate 2","days_left":0,"expires":"[0-9-]+","integration":"contoso"`)
	w.succeeds(`(?s)contoso: not asked yet.*client_certificate 2 \(.*cert\.pem\), ends (today|in less than a day).*PROBLEM .*client_certificate 2 expires on .*, (today|in less than a day);.*whose: yours.*to do: make a new secret`, "status")
	metric(`ones_credential_refused{credential="client_secret 1",integration="contoso"} 0`)

	// Microsoft refuses the secret; nobody notices.
	newVisitor(t, w.home).signIn(alice)
	v := newVisitor(t, w.home)
	v.signIn(bob)
	bobs := w.lastSeen().Header.Get("X-Ones-User-Id")
	event("ones.credential_refused", `"credential":"client_secret 1","integration":"contoso","reason":"invalid_client AADSTS7000215; `)
	metric(`ones_integration_up{integration="contoso"} 1`, `ones_credential_refused{credential="client_secret 1",integration="contoso"} 1`, `ones_credential_refused{credential="client_certificate 2",integration="contoso"} 0`)
	w.counts(`(?s)contoso: works.*client_secret 1, REFUSED.*people +2 connected.*PROBLEM +contoso: Microsoft refuses client_secret 1 \(invalid_client AADSTS7000215`)

	// The certificate is replaced while the gateway runs.
	install(next, nextKey)
	w.succeeds(`client_certificate 2 \(.*\), 364 days left`, "status")
	book(alice, 2, http.StatusCreated)
	if out, _ := w.care("status"); strings.Contains(out, "client_certificate 2 expires") {
		t.Errorf("warned of a certificate that was replaced:\n%s", out)
	}

	// Somebody's connection is lost.
	w.loses(bob, "AADSTS50173")
	event("ones.grant_lost", `"connection":"needs_sign_in","integration":"contoso","reason":"invalid_grant bad_token AADSTS50173; [^"]*","room":"","user":"`+regexp.QuoteMeta(bobs)+`"`)
	metric(`ones_grants_lost_total{connection="needs_sign_in",integration="contoso"} 1`, `ones_token_requests_total{integration="contoso",outcome="dead"} 1`)
	w.counts(`people +1 connected, 1 to sign in again`)

	log := p.errors()
	for _, once := range []string{"ones.grant_lost", "ones.secret_expiring", "ones.credential_refused"} {
		if n := strings.Count(log, `"msg":"event","name":"`+once+`"`); n != 1 {
			t.Errorf("told %d times of %s, want once", n, once)
		}
	}

	// Microsoft refuses the integration, until its operator has mended it. No token is
	// left in memory.
	p.stop()
	p = w.gateway()
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /*/oauth2/v2.0/token", "code": "AADSTS7000222"})
	book(alice, 3, http.StatusServiceUnavailable, http.StatusAccepted)
	event("ones.integration_refused", `"integration":"contoso","reason":"invalid_client AADSTS7000222; `)
	metric(`ones_integration_up{integration="contoso"} 0`)
	w.succeeds(`(?s)contoso: DOES NOT WORK since .*PROBLEM +contoso: Microsoft refuses the app registration itself .*whose: yours.*to do: its secret has expired`, "status")
	w.sim(http.MethodDelete, "/_sim/faults", nil)
	if told, status := command(t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--force", "--address", "unix/"+w.dir+"/admin.sock"); status != 0 {
		t.Fatalf("reload: %s", told)
	}
	book(alice, 4, http.StatusCreated)
	metric(`ones_integration_up{integration="contoso"} 1`)
	w.succeeds(`contoso: works`, "status")

	log += p.errors()
	for _, secret := range []string{"an-old-secret", w.secret, serviceToken} {
		if strings.Contains(log, secret) || strings.Contains(w.admin("/ones/status")+w.admin("/metrics"), secret) {
			t.Errorf("%s is told", secret)
		}
	}
}
