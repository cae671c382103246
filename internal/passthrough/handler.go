package passthrough

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
)

// Prefix is where Graph's v1.0 stands on the gateway.
const Prefix = "/graph/v1.0"

const (
	// maxBody bounds a request's body, in bytes: what Graph takes.
	maxBody = 4 << 20
	// maxTime is how long a request may take with all that it waits for. An answer
	// that never ends would hold a place at the mailbox.
	maxTime = 5 * time.Minute
)

// A Caller is who asks, and for whom.
type Caller struct {
	// Service is the name of the token of a service; empty: a person's session.
	Service string
	// Person is whom the call is for; nil: a service that asks for itself, or for a room.
	Person *identity.Person
	// Room is the name of the room that the call is for; empty: none.
	Room string
}

// Config is what a handler stands on. All functions may be called concurrently.
type Config struct {
	// Caller finds out who sends a request.
	Caller func(*http.Request) (Caller, *Refusal)
	// Explain says what a caller is to be told of an error of Token or graph's.
	Explain func(context.Context, Caller, error) *Refusal
	// Graph returns the client of an integration; nil: it is not configured.
	Graph func(integration string) *graph.Client
	// IsRoom says whether an address is the mailbox of a configured room.
	IsRoom func(address string) bool
	// Owner returns the id of the person whose own mailbox has an address; "": nobody's
	// who is known here. Calls of others to it share its limit with theirs.
	Owner func(ctx context.Context, address string) string
	// Token is that of the grant keeper.
	Token func(ctx context.Context, owner string, ask grant.Ask) (string, error)
	// Observe, if not nil, is told how each call has ended. It must not wait, and may be
	// called concurrently.
	Observe func(integration string, o Outcome)
	// Audit is for who did what.
	Audit *slog.Logger
}

// A Handler passes calendar calls on to Graph. It may be used concurrently.
type Handler struct {
	Config
	owned owned
}

// New returns a handler.
func New(cfg Config) *Handler { return &Handler{Config: cfg, owned: owned{of: map[string]struct{}{}}} }

// A call is one request for Graph, by itself or in a batch.
type call struct {
	method string
	path   string // below /v1.0, escaped, as it came
	query  string // likewise
	header http.Header
	body   []byte
	item   string // its id in a batch
	name   string // what its caller calls it by, or ""
}

// A caller is somebody whose calls can be passed on.
type caller struct {
	Caller
	graph *graph.Client
	links links
}

// origin is what may come before Prefix in links: scheme, host and a path.
var origin = regexp.MustCompile(`^https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$`)

// Serve answers a request whose URL's path begins with Prefix. base is what stands
// before Prefix in the address that the caller has used; links in answers begin
// with it. It may come from a Host header: nobody but the caller gets to see it.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, base string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	ctx, cancel := context.WithTimeout(r.Context(), maxTime)
	defer cancel()
	if end, ok := ctx.Deadline(); ok {
		// The context ends no wait for a caller that neither sends nor reads. Writers that
		// can't do this are those of tests.
		connection := http.NewResponseController(w)
		_, _ = connection.SetReadDeadline(end), connection.SetWriteDeadline(end)
	}
	r = r.WithContext(ctx)
	who, no := h.caller(r, base)
	if no != nil {
		no.write(w)
		return
	}
	c := call{method: r.Method, path: strings.TrimPrefix(r.URL.EscapedPath(), Prefix), query: r.URL.RawQuery, header: r.Header, name: nameOf(r.Header)}
	if c.body, no = body(w, r); no != nil {
		no.write(w)
		return
	}
	if target, no := parse(c.path); no == nil && target.template == "$batch" && c.method == http.MethodPost && c.query == "" {
		h.batch(w, r, who, c)
		return
	}
	res, no := h.pass(ctx, who, c)
	if no != nil {
		no.write(w)
		return
	}
	defer func() { _ = res.Body.Close() }()
	for name, values := range who.links.incoming(res.Header) {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	if _, err := io.Copy(w, who.links.body(res)); err != nil {
		panic(http.ErrAbortHandler) // or half an answer would look like a whole one
	}
}

// caller finds out who sends a request, and refuses who may not come this way.
func (h *Handler) caller(r *http.Request, base string) (caller, *Refusal) {
	c, no := h.Caller(r)
	switch {
	case no != nil:
		return caller{}, no
	case c.Service == "":
		return caller{}, forbidden("Microsoft Graph is passed through for services with a service token only.")
	case c.Room != "":
		return caller{}, forbidden("Microsoft Graph is passed through for people, not for rooms: name a person in Ones-Act-As.")
	case c.Person == nil:
		return caller{}, malformed("Ones-Act-As is missing: say for whom this is, by e-mail address or user id.")
	case len(r.Header.Values("Idempotency-Key")) > 1:
		return caller{}, malformed("Idempotency-Key must be there once.")
	case !origin.MatchString(base):
		return caller{}, malformed("The Host header is not a host.")
	}
	g := h.Graph(c.Person.Integration)
	if g == nil {
		return caller{}, h.Explain(r.Context(), c, grant.ErrIntegrationDown)
	}
	return caller{Caller: c, graph: g, links: links{graph: g.Root() + "/v1.0", us: base + Prefix}}, nil
}

// body reads the body of a request, which has to be had again if Graph asks for
// patience.
func body(w http.ResponseWriter, r *http.Request) ([]byte, *Refusal) {
	if !takesBody(r.Method) {
		return nil, nil
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, &Refusal{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Detail: "Send the body without a Content-Encoding."}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "request_entity_too_large",
			Detail: "The body is longer than " + strconv.Itoa(maxBody) + " bytes.",
		}
	case err != nil:
		return nil, malformed("The body broke off.")
	}
	return b, nil
}

// takesBody says whether a body means anything with a method.
func takesBody(method string) bool { return method == http.MethodPost || method == http.MethodPatch }

// pass decides on a call and carries it out. The answer's body has to be closed.
// What changes something, or would have, stands in the audit log.
func (h *Handler) pass(ctx context.Context, who caller, c call) (*http.Response, *Refusal) {
	res, no := h.judge(ctx, who, c)
	if h.Observe != nil {
		h.Observe(who.Person.Integration, outcomeOf(res, no))
	}
	return res, no
}

func (h *Handler) judge(ctx context.Context, who caller, c call) (*http.Response, *Refusal) {
	d, no := decide(who.Person, h.IsRoom, c.method, c.path, c.query)
	if no != nil {
		h.audit(ctx, who, c, d, "refused: "+no.Code)
		return nil, no
	}
	if d.target != who.Person.ID && !h.IsRoom(d.target) {
		d.target = cmp.Or(h.Owner(ctx, d.target), d.target)
	}
	res, no := h.carryOut(ctx, who, c, d)
	switch {
	case d.access < writes:
	case no != nil:
		h.audit(ctx, who, c, d, no.Code)
	default:
		h.audit(ctx, who, c, d, strconv.Itoa(res.StatusCode))
	}
	return res, no
}

// audit writes a line of the audit log; never what an event is about.
func (h *Handler) audit(ctx context.Context, who caller, c call, d decision, outcome string) {
	h.Audit.InfoContext(ctx, "graph call", "by", who.Service, "user", who.Person.ID, "integration", who.Person.Integration,
		"method", fmt.Sprintf("%.16s", c.method), "path", d.String(), "outcome", outcome)
}

func (h *Handler) carryOut(ctx context.Context, who caller, c call, d decision) (*http.Response, *Refusal) {
	var all []member
	if d.access == creates || len(c.body) > 0 {
		c.body = who.links.back(c.body)
		var no *Refusal
		if all, no = members(c.body); no != nil {
			return nil, no
		}
	}
	if d.access >= writes && d.calendar != "" {
		if res, no := h.checkOwner(ctx, who, d.calendar); res != nil || no != nil {
			return res, no
		}
	}
	if d.access == creates {
		c.body = withTransaction(c.body, all, transactionID(who.Person.ID, c))
	}
	return h.send(ctx, who, c, d.target)
}

// send sends a call that may pass. target names the mailbox for its limit.
func (h *Handler) send(ctx context.Context, who caller, c call, target string) (*http.Response, *Refusal) {
	path, err := url.PathUnescape(c.path)
	u := &url.URL{Path: path, RawPath: c.path, RawQuery: c.query}
	if err != nil || u.EscapedPath() != c.path {
		return nil, malformed("The path has characters that have to be escaped.")
	}
	req, err := http.NewRequestWithContext(ctx, c.method, "", bytes.NewReader(c.body))
	if err != nil {
		return nil, malformed("The method is none.")
	}
	req.URL, req.Header = u, outgoing(c.header)
	res, err := who.graph.Forward(ctx, graph.Mailbox{
		Key:    who.Person.ID,
		Target: target,
		Token: func(ctx context.Context, refused graph.Refused) (string, error) {
			return h.Token(ctx, who.Person.ID, grant.Ask{Stale: refused.Token, Claims: refused.Claims})
		},
	}, req)
	switch {
	case err != nil:
		return nil, h.Explain(ctx, who.Caller, err)
	case res.StatusCode == http.StatusUnauthorized:
		// Of a token that the caller has never seen: theirs is fine.
		_ = res.Body.Close()
		return nil, &Refusal{
			Status: http.StatusBadGateway, Code: "bad_gateway",
			Detail: "Microsoft Graph refuses the person's access token. If that stays so, they have to sign in again.",
		}
	}
	return res, nil
}
