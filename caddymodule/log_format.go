package caddymodule

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// LogFormat is the log format "ones": what Caddy writes by default (JSON, on a terminal lines for
// people), without what would let somebody in: the codes and states of sign-ins in addresses, the
// assertion in what is sent to ONES, the tokens in the sites' configuration, and cookies and
// tokens of requests, which Caddy itself writes if it is told to. It has no settings: Caddy's format "filter" around it
// leaves out more.
//
// It is cheaper than Caddy's own formats, too. These encode what a logger is given at once, and
// for each request that it has sent on, reverse_proxy gives all of its headers to a logger that
// seldom writes. This one keeps a copy until there is a line to write.
type LogFormat struct {
	encoder zapcore.Encoder // others of the same logger have it, too
	kept    []zapcore.Field // are encoded with each line

	// within is the object that is being encoded, nil if none is: a filter around this format
	// gives what is in an object to the format, not to the encoder that it was given for it.
	within zapcore.ObjectEncoder
}

// neverLogged are the fields of lines that the format changes, each with a filter of Caddy's.
var neverLogged = map[string]json.RawMessage{
	"request>headers>X-Ones-Assertion": json.RawMessage(`{"filter":"delete"}`),
	"request>uri":                      ofSignIn,
	"uri":                              ofSignIn, // of a line that tells of a rewrite
	"resp_headers>Location":            ofSignIn, // to Microsoft, and back
	"headers>Location":                 ofSignIn, // of an answer of ONES, at level DEBUG

	// Caddy hides these itself, unless the option log_credentials stands in servers.
	"request>headers>Cookie":              ofSomebody,
	"request>headers>Authorization":       ofSomebody,
	"request>headers>Proxy-Authorization": ofSomebody,
	"resp_headers>Set-Cookie":             ofSomebody,
	"headers>Set-Cookie":                  ofSomebody,

	// The configuration of all sites, at level DEBUG: a service_token may stand there in the clear.
	"http": json.RawMessage(`{"filter":"delete"}`),
}

// ofSomebody hides what lets somebody in, as Caddy does.
var ofSomebody = json.RawMessage(`{"filter":"regexp","regexp":"(?s).+","value":"REDACTED"}`)

// ofSignIn hides what an address says of a sign-in.
var ofSignIn = json.RawMessage(`{"filter":"query","actions":[
	{"type":"replace","parameter":"code","value":"REDACTED"},
	{"type":"replace","parameter":"state","value":"REDACTED"}]}`)

// CaddyModule implements caddy.Module.
func (LogFormat) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.ones", New: func() caddy.Module { return new(LogFormat) }}
}

// UnmarshalCaddyfile implements caddyfile.Unmarshaler.
func (f *LogFormat) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // its name
	if d.NextArg() {
		return d.Err("the log format ones takes no arguments")
	}
	if d.NextBlock(0) {
		return d.Errf("the log format ones has no settings, so %s can't stand here; to leave out more, write format filter with wrap ones in its block", d.Val())
	}
	return nil
}

// Provision implements caddy.Provisioner.
func (f *LogFormat) Provision(ctx caddy.Context) error {
	filter := &logging.FilterEncoder{FieldsRaw: maps.Clone(neverLogged)} // which Caddy empties
	f.encoder = filter
	return filter.Provision(ctx)
}

// ConfigureDefaultFormat implements caddy.ConfiguresFormatterDefault.
func (f *LogFormat) ConfigureDefaultFormat(to caddy.WriterOpener) error {
	return f.encoder.(caddy.ConfiguresFormatterDefault).ConfigureDefaultFormat(to)
}

// Clone implements zapcore.Encoder.
func (f *LogFormat) Clone() zapcore.Encoder {
	return &LogFormat{encoder: f.encoder, kept: slices.Grow(slices.Clip(f.kept), 4)}
}

// EncodeEntry implements zapcore.Encoder. It may be used concurrently.
func (f *LogFormat) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	return f.encoder.EncodeEntry(entry, slices.Concat(f.kept, fields))
}

// AddObject implements zapcore.ObjectEncoder.
func (f *LogFormat) AddObject(key string, object zapcore.ObjectMarshaler) error {
	request, ok := object.(caddyhttp.LoggableHTTPRequest)
	if !ok {
		to := f.encoded()
		return to.AddObject(key, zapcore.ObjectMarshalerFunc(func(inner zapcore.ObjectEncoder) error {
			around := f.within
			f.within = inner
			defer func() { f.within = around }()
			return object.MarshalLogObject(inner)
		}))
	}
	as := new(http.Request)
	*as = *request.Request
	as.Header = maps.Clone(as.Header) // what handlers do to it later is not what was given
	request.Request = as
	f.keep(zap.Object(key, request))
	return nil
}

// AddArray implements zapcore.ObjectEncoder.
func (f *LogFormat) AddArray(key string, array zapcore.ArrayMarshaler) error {
	return f.encoded().AddArray(key, array)
}

// AddReflected implements zapcore.ObjectEncoder.
func (f *LogFormat) AddReflected(key string, value any) error {
	return f.encoded().AddReflected(key, value)
}

// encoded returns an encoder for what can't be kept, as it may change until a line is written.
// It has all that was kept.
func (f *LogFormat) encoded() zapcore.ObjectEncoder {
	if f.within != nil {
		return f.within
	}
	f.encoder = f.encoder.Clone()
	for _, field := range f.kept {
		field.AddTo(f.encoder)
	}
	f.kept = nil
	return f.encoder
}

func (f *LogFormat) keep(field zapcore.Field) {
	if f.within != nil {
		field.AddTo(f.within)
		return
	}
	f.kept = append(f.kept, field)
}

// The rest of zapcore.ObjectEncoder: values that stay what they are.

func (f *LogFormat) OpenNamespace(k string)                { f.keep(zap.Namespace(k)) }
func (f *LogFormat) AddBinary(k string, v []byte)          { f.keep(zap.Binary(k, bytes.Clone(v))) }
func (f *LogFormat) AddByteString(k string, v []byte)      { f.keep(zap.ByteString(k, bytes.Clone(v))) }
func (f *LogFormat) AddBool(k string, v bool)              { f.keep(zap.Bool(k, v)) }
func (f *LogFormat) AddComplex128(k string, v complex128)  { f.keep(zap.Complex128(k, v)) }
func (f *LogFormat) AddComplex64(k string, v complex64)    { f.keep(zap.Complex64(k, v)) }
func (f *LogFormat) AddDuration(k string, v time.Duration) { f.keep(zap.Duration(k, v)) }
func (f *LogFormat) AddFloat64(k string, v float64)        { f.keep(zap.Float64(k, v)) }
func (f *LogFormat) AddFloat32(k string, v float32)        { f.keep(zap.Float32(k, v)) }
func (f *LogFormat) AddInt(k string, v int)                { f.keep(zap.Int(k, v)) }
func (f *LogFormat) AddInt64(k string, v int64)            { f.keep(zap.Int64(k, v)) }
func (f *LogFormat) AddInt32(k string, v int32)            { f.keep(zap.Int32(k, v)) }
func (f *LogFormat) AddInt16(k string, v int16)            { f.keep(zap.Int16(k, v)) }
func (f *LogFormat) AddInt8(k string, v int8)              { f.keep(zap.Int8(k, v)) }
func (f *LogFormat) AddString(k, v string)                 { f.keep(zap.String(k, v)) }
func (f *LogFormat) AddTime(k string, v time.Time)         { f.keep(zap.Time(k, v)) }
func (f *LogFormat) AddUint(k string, v uint)              { f.keep(zap.Uint(k, v)) }
func (f *LogFormat) AddUint64(k string, v uint64)          { f.keep(zap.Uint64(k, v)) }
func (f *LogFormat) AddUint32(k string, v uint32)          { f.keep(zap.Uint32(k, v)) }
func (f *LogFormat) AddUint16(k string, v uint16)          { f.keep(zap.Uint16(k, v)) }
func (f *LogFormat) AddUint8(k string, v uint8)            { f.keep(zap.Uint8(k, v)) }
func (f *LogFormat) AddUintptr(k string, v uintptr)        { f.keep(zap.Uintptr(k, v)) }

// Interface guards.
var (
	_ caddy.Provisioner                = (*LogFormat)(nil)
	_ caddy.ConfiguresFormatterDefault = (*LogFormat)(nil)
	_ caddyfile.Unmarshaler            = (*LogFormat)(nil)
	_ zapcore.Encoder                  = (*LogFormat)(nil)
)
