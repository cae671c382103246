package caddymodule

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// formatted returns a logger that writes in the format ones.
func formatted(tb testing.TB, to zapcore.WriteSyncer) *zap.Logger {
	tb.Helper()
	return zap.New(zapcore.NewCore(logFormat(tb), to, zap.InfoLevel))
}

func logFormat(tb testing.TB) *LogFormat {
	tb.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: tb.Context()})
	tb.Cleanup(cancel)
	f := new(LogFormat)
	if err := f.Provision(ctx); err != nil {
		tb.Fatal(err)
	}
	return f
}

// sentOn is what reverse_proxy gives its logger for each request, whether it writes or not.
func sentOn(r *http.Request) zap.Field {
	return zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r})
}

// identified is a request as it goes to ONES.
func identified() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/plan?code=c0de&state=5tate&day=1", nil)
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
		"X-Ones-User", "X-Ones-Email", "X-Ones-Name", "X-Ones-Groups", "X-Ones-Tenant", "X-Ones-Integration", "X-Ones-Card",
	} {
		r.Header.Set(name, "what it says of somebody")
	}
	r.Header.Set("X-Ones-Assertion", strings.Repeat("53cret", 100))
	return r
}

func TestLogFormat(t *testing.T) {
	type line struct {
		Msg, Upstream, Later string
		Request              struct {
			URI     string
			Headers http.Header
		}
		Inner struct{ Why string }
	}
	var out bytes.Buffer
	log := formatted(t, zapcore.AddSync(&out))
	written := func() (l line) {
		t.Helper()
		defer out.Reset()
		if strings.Contains(out.String(), "53cret") || strings.Contains(out.String(), "c0de") || strings.Contains(out.String(), "5tate") {
			t.Errorf("it is not left out: %s", out.String())
		}
		if err := json.Unmarshal(out.Bytes(), &l); err != nil {
			t.Fatalf("%v in %q", err, out.String())
		}
		return l
	}
	whole := func(what string, l line) {
		t.Helper()
		if l.Request.URI != "/plan?code=REDACTED&day=1&state=REDACTED" || l.Request.Headers.Get("X-Ones-Email") == "" || len(l.Request.Headers) != 14 {
			t.Errorf("%s: %+v", what, l)
		}
	}

	r := identified()
	of := log.With(zap.String("upstream", "ones:8080"), sentOn(r))
	r.Header.Del("X-Ones-Email") // as a handler might, later
	of.Info("first", zap.String("later", "x"))
	l := written()
	whole("a logger of a request", l)
	if l.Msg != "first" || l.Upstream != "ones:8080" || l.Later != "x" {
		t.Errorf("%+v", l)
	}

	of.Debug("nobody reads this")
	of.With(zap.Namespace("inner"), zap.String("why", "y")).Info("second")
	l = written()
	whole("in front of a namespace", l)
	if l.Inner.Why != "y" {
		t.Errorf("%+v", l)
	}

	log.Info("third", sentOn(identified()))
	whole("a field of a line", written())

	log.Info("handled request", sentOn(identified()), zap.String("uri", identified().RequestURI), zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{
		"Location": {"https://login.example/authorize?state=5tate&code_challenge=x"},
	}}))
	whole("what was answered", written())

	of.Info("upstream roundtrip", zap.Object("headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"Location": {"/back?code=c0de"}}}))
	whole("what ONES has answered", written())

	log.Info("adjusted config", zap.Reflect("http", map[string]string{"token": "53cret"}), zap.String("later", "y"))
	if l := written(); l.Msg != "adjusted config" || l.Later != "y" {
		t.Errorf("%+v", l)
	}

	one, other := of.With(zap.String("later", "one")), of.With(zap.String("later", "other"))
	one.Info("fourth")
	if l := written(); l.Later != "one" {
		t.Errorf("%+v", l)
	}
	other.Info("fifth")
	if l := written(); l.Later != "other" {
		t.Errorf("%+v", l)
	}
}

// Caddy writes cookies and tokens if log_credentials stands in servers; the format doesn't, and
// nothing else of them changes.
func TestLogFormatHidesCredentials(t *testing.T) {
	var out bytes.Buffer
	log := formatted(t, zapcore.AddSync(&out))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Cookie"] = []string{"a=53cret", "b=53cret\nb=53cret"}
	r.Header.Set("Authorization", "Bearer 53cret")
	r.Header.Set("Proxy-Authorization", "Basic 53cret")
	for _, credentials := range []bool{false, true} {
		out.Reset()
		log.Info("handled request", zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r, ShouldLogCredentials: credentials}),
			zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"Set-Cookie": {"c=53cret"}}, ShouldLogCredentials: credentials}),
			zap.Object("headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"Set-Cookie": {"d=53cret"}}, ShouldLogCredentials: credentials})) // as reverse_proxy has them
		var l struct {
			Request  struct{ Headers http.Header }
			Headers  http.Header `json:"resp_headers"`
			Upstream http.Header `json:"headers"`
		}
		if err := json.Unmarshal(out.Bytes(), &l); err != nil || strings.Contains(out.String(), "53cret") {
			t.Errorf("%v in %s", err, out.String())
		}
		for _, got := range []string{l.Request.Headers.Get("Cookie"), l.Request.Headers.Get("Authorization"), l.Request.Headers.Get("Proxy-Authorization"), l.Headers.Get("Set-Cookie"), l.Upstream.Get("Set-Cookie")} {
			if got != "REDACTED" {
				t.Errorf("%q in %s", got, out.String())
			}
		}
	}
}

// What Caddy writes of a handler with trace in servers has no token in it, in whatever format.
func TestHandlersAreLoggedWithoutTokens(t *testing.T) {
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel))
	var h caddyhttp.MiddlewareHandler = &Bookings{ServiceTokens: []ServiceToken{{Token: "53cret"}}, GraphPassthrough: true}
	log.Debug(caddy.GetModuleName(h), zap.Any("module", h))
	if line := out.String(); strings.Contains(line, "53cret") || !strings.Contains(line, `"graph_passthrough":true`) {
		t.Error(line)
	}
}

// Caddy's filter gives what it wraps the insides of objects as if they stood outside.
func TestLogFormatWithinAFilter(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	around := &logging.FilterEncoder{
		WrappedRaw: json.RawMessage(`{"format":"ones"}`),
		FieldsRaw:  map[string]json.RawMessage{"request>headers>X-Ones-Email": json.RawMessage(`{"filter":"delete"}`)},
	}
	if err := around.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(around, zapcore.AddSync(&out), zap.InfoLevel))
	log.Info("x", sentOn(identified()), zap.String("last", "y"))
	log.With(zap.String("first", "z"), sentOn(identified())).Info("x", zap.String("last", "y"))
	for line := range strings.Lines(out.String()) {
		var l struct {
			Last    string
			Request struct {
				URI     string
				Headers http.Header
			}
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if l.Last != "y" || l.Request.URI != "/plan?code=REDACTED&day=1&state=REDACTED" || len(l.Request.Headers) != 13 || strings.Contains(line, "53cret") {
			t.Error(line)
		}
	}
}

// Whatever a logger is given, alone or after something else, is written as Caddy's own format
// writes it that is within.
func TestLogFormatKeepsAll(t *testing.T) {
	f := logFormat(t)
	at := time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC)
	fields := []zapcore.Field{
		zap.Binary("binary", []byte{1, 2}),
		zap.ByteString("bytes", []byte("x")),
		zap.Bool("bool", true),
		zap.Complex128("complex128", 1+2i),
		zap.Complex64("complex64", 1+2i),
		zap.Duration("duration", time.Minute),
		zap.Float64("float64", 0.5),
		zap.Float32("float32", 0.5),
		zap.Int("int", -1),
		zap.Int64("int64", -64),
		zap.Int32("int32", -32),
		zap.Int16("int16", -16),
		zap.Int8("int8", -8),
		zap.String("string", "x"),
		zap.Time("time", at),
		zap.Uint("uint", 1),
		zap.Uint64("uint64", 64),
		zap.Uint32("uint32", 32),
		zap.Uint16("uint16", 16),
		zap.Uint8("uint8", 8),
		zap.Uintptr("uintptr", 7),
		zap.Reflect("reflected", map[string]int{"x": 1}),
		zap.Strings("strings", []string{"x", "y"}),
		zap.Dict("object", zap.String("x", "y")),
		sentOn(identified()),
		zap.Namespace("namespace"),
	}
	for i, field := range fields {
		for _, given := range [][]zapcore.Field{{field}, fields[:i], fields[i:]} {
			kept, plain := f.Clone(), f.encoder.Clone()
			for _, g := range given {
				g.AddTo(kept)
				g.AddTo(plain)
			}
			entry := zapcore.Entry{Time: at, Message: "x"}
			got, err := kept.EncodeEntry(entry, []zapcore.Field{zap.Int("last", 1)})
			if err != nil {
				t.Fatal(err)
			}
			want, err := plain.EncodeEntry(entry, []zapcore.Field{zap.Int("last", 1)})
			if err != nil {
				t.Fatal(err)
			}
			if unordered(t, got.Bytes()) != unordered(t, want.Bytes()) || got.Len() != want.Len() {
				t.Errorf("%s: %s, want %s", field.Key, got, want)
			}
		}
	}
}

// unordered is JSON whose keys are in the order of the alphabet: headers have none.
func unordered(t *testing.T, line []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A WebSocket's two directions log with one logger.
func TestLogFormatConcurrently(t *testing.T) {
	var out bytes.Buffer
	log := formatted(t, zapcore.Lock(zapcore.AddSync(&out))).With(sentOn(identified()))
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for range 100 {
				log.Info("copied", zap.Int("read", 1))
			}
		})
	}
	both.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 200 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		if strings.Count(l, `"request":`) != 1 || strings.Count(l, `"read":`) != 1 {
			t.Fatal(l)
		}
	}
}

// Whoever tries to set something hears where that is done.
func TestLogFormatHasNoSettings(t *testing.T) {
	for text, want := range map[string]string{
		"ones":                "",
		"ones json":           "takes no arguments",
		"ones {\nwrap x\n}":   "has no settings, so wrap can't stand here",
		"ones {\nfields\n\n}": "format filter",
	} {
		err := new(LogFormat).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// What a request costs that is sent on, and of which nothing is written.
func BenchmarkLogFormat(b *testing.B) {
	quiet := zapcore.AddSync(new(bytes.Buffer))
	r := identified()
	for name, log := range map[string]*zap.Logger{
		"ones": formatted(b, quiet),
		"json": zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), quiet, zap.InfoLevel)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log.With(zap.String("upstream", "ones:8080"), sentOn(r)).Debug("upstream roundtrip")
			}
		})
	}
}
