package caddymodule

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/entra"
)

// Logs and listeners are judged by what Caddy makes of the Caddyfile.
func TestSiteFindings(t *testing.T) {
	const filter = `format filter {
			wrap json
			fields {
				request>uri query {
					replace code REDACTED
					replace state REDACTED
				}
			}
		}`
	const gateway = `ones {
			public_url https://ones.example
			integration contoso {
				server {
					tenant_id c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10
					client_id a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20
					client_secret {env.ONES_CLIENT_SECRET} 2099-01-01
				}
			}
		}`
	site := func(global, log, service string) string {
		return "{\n" + global + "\n" + gateway + "\n}\nhttps://ones.example {\n" + log + "\n\tones_auth\n\treverse_proxy ones:8080\n}\n" + service
	}
	service := func(bind string) string {
		return "http://:8090 {\n\t" + bind + "\n\tones_bookings {\n\t\tservice_token {env.TOKEN} ones\n\t}\n}\n"
	}
	for name, tt := range map[string]struct {
		config string
		want   []doctor.Kind
	}{
		"nothing is logged":       {site("", "", ""), nil},
		"the example's filter":    {site("", "log {\n"+filter+"\n}", service("bind 127.0.0.1")), nil},
		"the gateway's format":    {site("log {\nlevel DEBUG\nformat ones\n}", "log {\nformat ones\n}", ""), nil},
		"half of it":              {site("debug", "log {\nformat ones\n}", ""), []doctor.Kind{doctor.DebugUnfiltered}},
		"the format, wrapped":     {site("", "log {\nformat filter {\nwrap ones\nrequest>remote_ip delete\n}\n}", ""), nil},
		"a filter in a filter":    {site("", "log {\nformat filter {\nwrap "+strings.TrimPrefix(filter, "format ")+"\nrequest>remote_ip delete\n}\n}", ""), []doctor.Kind{doctor.LogUnfiltered}},
		"the format, added to":    {site("", "log {\nformat append {\nwrap ones\nserver a\n}\n}", ""), nil},
		"credentials, hidden":     {site("servers {\nlog_credentials\n}\nlog {\nformat ones\n}", "log {\nformat ones\n}", ""), nil},
		"credentials, written":    {site("servers {\nlog_credentials\n}", "log {\n"+filter+"\n}", ""), []doctor.Kind{doctor.CredentialsLogged}},
		"a plain log":             {site("", "log", ""), []doctor.Kind{doctor.LogUnfiltered}},
		"a log in a file":         {site("", "log {\noutput file /var/log/x\n}", ""), []doctor.Kind{doctor.LogUnfiltered}},
		"half a filter":           {site("", "log {\n"+strings.Replace(filter, "replace state REDACTED", "", 1)+"\n}", ""), []doctor.Kind{doctor.LogUnfiltered}},
		"no address at all":       {site("", "log {\nformat filter {\nwrap json\nfields {\nrequest>uri delete\n}\n}\n}", ""), nil},
		"no request at all":       {site("", "log {\nformat filter {\nwrap json\nfields {\nrequest delete\n}\n}\n}", ""), nil},
		"thrown away":             {site("", "log {\noutput discard\n}", ""), nil},
		"another site is logged":  {site("", "", "http://other.example {\n\tlog\n\trespond x\n}\n"), nil},
		"another site, one port":  {site("", "", "https://other.example {\n\tlog\n\trespond x\n}\n"), nil},
		"both sites on a port":    {site("", "log", "https://other.example {\n\tlog x {\n"+filter+"\n}\n\trespond x\n}\n"), []doctor.Kind{doctor.LogUnfiltered}},
		"two logs, one is plain":  {site("", "log one {\n"+filter+"\n}\nlog two", ""), []doctor.Kind{doctor.LogUnfiltered}},
		"a filter of all":         {site("log {\n"+filter+"\n}", "log {\n"+filter+"\n}", ""), nil},
		"debugging":               {site("debug", "", ""), []doctor.Kind{doctor.DebugUnfiltered}},
		"debugging, half":         {site("log {\nlevel DEBUG\n"+filter+"\n}", "", ""), []doctor.Kind{doctor.DebugUnfiltered}},
		"debugging, filtered":     {site("log {\nlevel DEBUG\n"+strings.Replace(filter, "fields {", "fields {\nrequest>headers>X-Ones-Assertion delete", 1)+"\n}", "", ""), nil},
		"debugging something":     {site("log x {\nlevel DEBUG\ninclude tls\n}", "", ""), nil},
		"a service for all":       {site("", "", service("")), []doctor.Kind{doctor.ServiceExposed}},
		"a service for all by IP": {site("", "", service("bind 0.0.0.0")), []doctor.Kind{doctor.ServiceExposed}},
		"a service for all by v6": {site("", "", service("bind [::]")), []doctor.Kind{doctor.ServiceExposed}},
		"a service on a socket":   {site("", "", service("bind unix//run/ones.sock")), nil},
		"a gate by its name":      {"{\n" + gateway + "\n}\n&(gate) {\n\tones_auth\n\treverse_proxy ones:8080\n}\nhttps://ones.example {\n\tlog\n\tinvoke gate\n}\n", []doctor.Kind{doctor.LogUnfiltered}},
		"a service by its name":   {"{\n" + gateway + "\n}\n&(service) {\n\tones_bookings {\n\t\tservice_token {env.TOKEN} ones\n\t}\n}\nhttp://:8090 {\n\tinvoke service\n}\n", []doctor.Kind{doctor.ServiceExposed}},
		"bookings for browsers":   {site("", "", "http://:8091 {\n\tones_auth\n\tones_bookings\n}\n"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := configFlags{file: written(t, "Caddyfile", tt.config)}
			config, _, err := f.load()
			if err != nil {
				t.Fatalf("%v in:\n%s", err, tt.config)
			}
			var got, want []string
			checks := map[string]bool{}
			for _, f := range siteFindings(config) {
				checks[f.Check] = true
				if f.Result != doctor.OK {
					got = append(got, f.Finding)
				}
			}
			for _, k := range tt.want {
				want = append(want, k.Name)
			}
			if !slices.Equal(got, want) || !checks["access_log"] || !checks["service_listener"] {
				t.Errorf("found %q, want %q, in:\n%s\n%s", got, want, tt.config, config)
			}
		})
	}
}

// The example is as the doctor wants it.
func TestSiteFindingsOfTheExample(t *testing.T) {
	f := configFlags{file: "../Caddyfile"}
	config, _, warnings, err := f.adapt()
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", err, warnings)
	}
	for _, f := range siteFindings(config) {
		if f.Result != doctor.OK {
			t.Errorf("%+v", f)
		}
	}
}

// What stands in the configuration is found without a gateway, and without any network.
func TestExamineAConfiguration(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	const client = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20"
	ones := func(public, secret string) string {
		// Nobody listens there: the check of the way finds that out at once.
		return "{\n\tadmin unix/" + dir + "/admin.sock\n\tones {\n\t\tpublic_url " + public + "\n\t\tstore badger " + dir + "/store\n\t\tkeyset " + dir + "/keyset.json\n" +
			"\t\tintegration contoso {\n\t\t\tserver {\n\t\t\t\toperator custom {\n\t\t\t\t\tissuer http://127.0.0.1:9/x\n\t\t\t\t\tgraph http://127.0.0.1:9\n\t\t\t\t}\n" +
			"\t\t\t\tclient_id " + client + "\n\t\t\t\tclient_secret " + secret + "\n\t\t\t}\n\t\t}\n\t}\n}\n"
	}
	for name, tt := range map[string]struct {
		config string // "": none
		want   string // of the check "configuration"
		words  string
	}{
		"good":             {config: ones("http://127.0.0.1:9", "a~secret 2099-01-01"), want: string(doctor.OK), words: "can be loaded"},
		"nonsense":         {config: "{\n\tones {\n\t\tpublic_ulr x\n\t}\n}\n", want: doctor.ConfigInvalid.Name, words: "public_ulr"},
		"a variable":       {config: ones("http://127.0.0.1:9", "{env.ONES_TEST_MISSING}"), want: doctor.ConfigInvalid.Name, words: "ONES_TEST_MISSING"},
		"a substitute":     {config: strings.Replace(ones("http://127.0.0.1:9", "x"), "public_url http://127.0.0.1:9", "public_url {$ONES_TEST_MISSING}", 1), want: doctor.ConfigInvalid.Name, words: "public_url"},
		"an address":       {config: ones("ftp://ones", "a~secret"), want: doctor.ConfigInvalid.Name, words: "public URL"},
		"another handler":  {config: ones("http://127.0.0.1:9", "a~secret") + "http://:8099 {\n\tones_auth {\n\t\tcolor \"#zzz\"\n\t}\n}\n", want: doctor.ConfigInvalid.Name, words: "color"},
		"no ones block":    {config: ":8099 {\n\trespond x\n}\n", want: doctor.ConfigMissing.Name, words: "ones block"},
		"not formatted":    {config: strings.Replace(ones("http://127.0.0.1:9", "a~secret"), "\t\tstore", "  store", 1), want: doctor.ConfigWarning.Name, words: "Caddyfile:"},
		"nothing":          {want: doctor.ConfigMissing.Name, words: "no Caddyfile here"},
		"a file not there": {config: "-", want: doctor.ConfigInvalid.Name, words: "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var x examination
			switch tt.config {
			case "":
			case "-":
				x.from.file = dir + "/missing"
			default:
				x.from.file = written(t, "Caddyfile", tt.config)
			}
			found := x.examine(t.Context())
			there := false
			for _, f := range found {
				there = there || f.Check == "configuration" && f.Finding == tt.want && strings.Contains(f.What, tt.words)
				if blamed := strings.Contains(tt.config, "ONES_TEST_MISSING"); f.Finding == doctor.ConfigInvalid.Name && strings.Contains(f.Do, "--envfile") != blamed {
					t.Errorf("a variable is to blame: %v, and to do is %s", blamed, f.Do)
				}
				if strings.Contains(f.What, "a~secret") {
					t.Errorf("the secret stands in %+v", f)
				}
			}
			if !there {
				t.Errorf("the configuration is not found to be %s (%s): %+v", tt.want, tt.words, found)
			}
		})
	}
	if entries, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "store" || e.Name() == "keyset.json" }) {
		t.Errorf("something was made: %v, %v", entries, err)
	}

	x := examination{from: adminFlags{configFlags: configFlags{file: written(t, "Caddyfile", ones("http://127.0.0.1:9", "{env.ONES_TEST_MISSING}"))}}}
	for _, f := range x.examine(t.Context()) {
		switch f.Check {
		case "credentials":
			if f.Result != doctor.NotChecked {
				t.Errorf("a credential that isn't there: %+v", f)
			}
		case "cloud":
			if f.Finding != doctor.Unreachable.Name {
				t.Errorf("the rest does not go on: %+v", f)
			}
		case "rooms", "permissions", "room_accounts":
			if f.What != doctor.NoGateway || f.About != "contoso" {
				t.Errorf("%+v", f)
			}
		}
	}
}

// All that is not set, or wrong, is told at once, of the handlers too.
func TestExamineTellsAll(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	var x examination
	x.from.file = written(t, "Caddyfile", `{
	admin unix//nowhere/admin.sock
	ones {
		public_url http://127.0.0.1:9
		integration contoso {
			server {
				operator custom {
					issuer http://127.0.0.1:9/x
					graph http://127.0.0.1:9
				}
				client_id {env.ONES_TEST_ONE}
				client_secret {env.ONES_TEST_TWO}
			}
			rooms {
				room boardroom {env.ONES_TEST_THREE}
			}
		}
	}
}

http://:8098 {
	ones_auth {
		admins {env.ONES_TEST_FOUR}
	}
	handle_path /api/m365/* {
		ones_bookings
	}
}

http://:8099 {
	ones_bookings {
		service_token {env.ONES_TEST_FIVE}
		service_token {env.ONES_TEST_SIX}
	}
}
`)
	told := map[string]int{}
	for _, f := range x.examine(t.Context()) {
		if f.Check == "configuration" && f.Finding == doctor.ConfigInvalid.Name {
			for _, name := range []string{"ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX"} {
				if strings.Contains(f.What, "the environment variable ONES_TEST_"+name+" is not set") {
					told[name]++
				}
			}
		}
	}
	if want := map[string]int{"ONE": 1, "TWO": 1, "THREE": 1, "FOUR": 1, "FIVE": 1, "SIX": 1}; !maps.Equal(told, want) {
		t.Errorf("told of %v", told)
	}
}

// Of a gateway that runs, and whose admin socket another start has taken, it isn't said that
// none does: its store tells.
func TestExamineBesideAGatewayWithoutASocket(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var x examination
	x.from.file = written(t, "Caddyfile", "{\n\tadmin unix/"+socket+"\n\tones {\n\t\tpublic_url http://127.0.0.1:9\n\t\tstore badger "+st.store.Path+"\n\t\tkeyset "+st.keyset+"\n"+
		"\t\tintegration contoso {\n\t\t\tserver {\n\t\t\t\toperator custom {\n\t\t\t\t\tissuer http://127.0.0.1:9/x\n\t\t\t\t\tgraph http://127.0.0.1:9\n\t\t\t\t}\n"+
		"\t\t\t\tclient_id a\n\t\t\t\tclient_secret a~secret\n\t\t\t}\n\t\t}\n\t}\n}\n")
	told := map[string]string{}
	for _, f := range x.examine(t.Context()) {
		told[f.Check] += f.Finding + ": " + f.What + "; " + f.Do + "\n"
	}
	if got := told["gateway"]; !strings.Contains(got, socket+": the socket is there, and nobody listens") || strings.Contains(got, "none runs") {
		t.Errorf("of the gateway: %s", got)
	}
	if got := told["store"]; !strings.Contains(got, doctor.StoreInUse.Name) || !strings.Contains(got, "it has to be restarted") {
		t.Errorf("of the store: %s", got)
	}
}

// Whoever does not wait for the gateway's answer is not told that the gateway is at fault, and
// what was found until then is told.
func TestExamineBrokenOff(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == doctorPath {
			interrupt()
			_, _ = io.Copy(io.Discard, r.Body) // or it is not seen that who asked has gone
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"apps":{"ones":{}}}`)
	}))
	defer gateway.Close()
	t.Chdir(t.TempDir())
	var told []string
	x := examination{from: adminFlags{address: gateway.Listener.Addr().String()}, told: func(f doctor.Finding) { told = append(told, f.Check+": "+f.Finding) }}
	x.examine(ctx)
	if want := []string{"gateway: ok", "gateway: not_checked"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}

	// And before it has answered at all.
	x = examination{from: x.from}
	for _, f := range x.examine(ctx) {
		if f.Check != "gateway" || f.Result != doctor.NotChecked || !strings.Contains(f.What, "broken off") {
			t.Errorf("%+v", f)
		}
	}
}

// Microsoft's own clouds are known by their hosts.
func TestOperatorOf(t *testing.T) {
	for name, of := range map[string][2]string{
		"microsoft":  {"https://login.microsoftonline.com/x/v2.0", "https://graph.microsoft.com"},
		"21vianet":   {"https://login.partner.microsoftonline.cn/x/v2.0", "https://microsoftgraph.chinacloudapi.cn"},
		"us_gov":     {"https://login.microsoftonline.us/x/v2.0", "https://graph.microsoft.us"},
		"us_gov_dod": {"https://login.microsoftonline.us/x/v2.0", "https://dod-graph.microsoft.us"},
		"custom":     {"https://login.microsoftonline.us/x/v2.0", "https://graph.microsoft.com"},
	} {
		if got := operatorOf(of[0], of[1]); got != name {
			t.Errorf("%v: %s, want %s", of, got, name)
		}
	}
}

// A proxy that lets nobody through is found to be what is in the way, and not Microsoft.
func TestDoctorBehindAProxyThatRefuses(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	hc := microsoftClient()
	hc.Transport.(*http.Transport).Proxy = http.ProxyURL(through)
	provider := entra.NewProvider("https://login.microsoftonline.com/contoso.com/v2.0", hc, time.Now)
	defer provider.Close()
	client := entra.NewClient(entra.Config{ClientID: "x"}, provider, slog.New(slog.DiscardHandler))
	found := doctor.Run(t.Context(), patient("contoso", client, "https://graph.microsoft.com", hc).Checks(), nil, nil)
	for _, f := range found {
		if (f.Check == "cloud" || f.Check == "graph") && (f.Finding != "proxy_unreachable" || !strings.Contains(f.What, "407")) {
			t.Errorf("%+v", f)
		}
	}
}

// Where the configuration is not in force yet, something else may well answer at its
// public_url, but for a port of this machine that it will itself listen on.
func TestDoctorOfWhatIsNotInForce(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	at, err := url.Parse(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	in := takeIn(t.Context(), &App{PublicURL: "http://localhost:" + at.Port()})
	defer in.close()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	listening := func(on string) []byte {
		return []byte(`{"apps":{"http":{"servers":{"srv0":{"listen":["` + on + `"]}}}}}`)
	}
	for name, tt := range map[string]struct {
		config []byte
		beside bool
		want   string
	}{
		"behind another":     {config: listening(":1"), want: string(doctor.NotChecked)},
		"on a socket":        {config: listening("unix//run/x.sock"), want: string(doctor.NotChecked)},
		"beside a gateway":   {config: listening(":" + at.Port()), beside: true, want: string(doctor.NotChecked)},
		"the port is taken":  {config: listening(":" + at.Port()), want: doctor.PublicOther.Name},
		"an address is, too": {config: listening("127.0.0.1:" + at.Port()), want: doctor.PublicOther.Name},
	} {
		found := doctor.Run(ctx, in.checks(ctx, tt.config, tt.beside), nil, nil)
		if i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Check == "public_url" }); i < 0 || found[i].Finding != tt.want {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}
