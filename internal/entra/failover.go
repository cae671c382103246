package entra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// retryRefused is how long a credential that was refused is tried last.
const retryRefused = 10 * time.Minute

// credentials are an app registration's, in the order of the configuration. It
// may be used concurrently.
type credentials struct {
	log  *slog.Logger
	tell func(CredentialState)
	all  []*credential

	mu      sync.Mutex // guards what is said of refusals and successes of all
	silence Silence
	silent  int // how many requests in a row have had no answer
}

type credential struct {
	Credential
	number int // as people count
	log    *slog.Logger

	refused time.Time // when it was last, zero: it works, as far as we know
	refusal error     // why
	told    bool      // the operator has been told so

	refusedSince, lastWorked time.Time

	reading sync.Mutex // guards what follows
	pair    *pair      // of a certificate, the last good one
	unfit   bool       // what is on disk now, and the operator has been told so
}

func newCredentials(all []Credential, tell func(CredentialState), log *slog.Logger) *credentials {
	cs := &credentials{log: log, tell: tell}
	for i, c := range all {
		cs.all = append(cs.all, &credential{Credential: c, number: i + 1, log: log})
	}
	return cs
}

// inTurn returns all credentials as they are to be tried: as configured, save
// that those which were refused lately come last.
func (cs *credentials) inTurn(now time.Time) []*credential {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var good, bad []*credential
	for _, c := range cs.all {
		if c.refused.IsZero() || now.Sub(c.refused) >= retryRefused {
			good = append(good, c)
		} else {
			bad = append(bad, c)
		}
	}
	return append(good, bad...)
}

// try sends what send sends with one credential after another, each once at
// most, until one is not refused. The error is that of the last one; of the others
// the log tells.
func (cs *credentials) try(ctx context.Context, op string, now time.Time, send func(*credential) error) (err error) {
	defer func() { cs.heard(ctx, now, err) }()
	err = &Error{Op: op, Class: Operator, Err: errors.New("there is no credential")}
	refusals := map[*credential]error{}
	for _, c := range cs.inTurn(now) {
		if err = send(c); err == nil {
			if cs.worked(c, now) {
				cs.log.InfoContext(ctx, "a credential of the app registration that was refused works again", "credential", c.name())
			}
			for _, refused := range cs.untold(refusals) {
				cs.log.WarnContext(ctx, "Microsoft refuses a credential of the app registration, another one works: correct or replace it before that one ends too",
					"refused", refused.name(), "works", c.name(), "error", refusals[refused])
				cs.tell(cs.state(refused))
			}
			return nil
		}
		if !blamesCredential(err) {
			return err
		}
		refusals[c] = err
		cs.mu.Lock()
		if c.refused.IsZero() {
			c.refusedSince = now
		}
		c.refused, c.refusal = now, err
		cs.mu.Unlock()
	}
	if len(refusals) > 1 { // of one whoever asked has to tell
		for _, refused := range cs.untold(refusals) {
			cs.log.WarnContext(ctx, "Microsoft refuses every credential of the app registration: replace one of them", "refused", refused.name(), "error", refusals[refused])
			cs.tell(cs.state(refused))
		}
	}
	return err
}

// heard remembers whether Microsoft has answered a request that was begun at now.
func (cs *credentials) heard(ctx context.Context, now time.Time, err error) {
	if err != nil && ctx.Err() != nil || errors.Is(err, errCredential) {
		return // the caller has left, or nothing was sent, which says nothing of Microsoft
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var failed *Error
	if !errors.As(err, &failed) || failed.Class != Transient || failed.Err == nil && failed.Status < http.StatusInternalServerError {
		cs.silence, cs.silent = Silence{}, 0
		return
	}
	if cs.silent++; cs.silent == 1 {
		cs.silence.Since = now
	}
	cs.silence.Cause = err
}

// worked remembers that a credential is good, and says whether that is news to the
// operator.
func (cs *credentials) worked(good *credential, now time.Time) (news bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	news = good.told
	good.refused, good.refusal, good.told = time.Time{}, nil, false
	good.refusedSince, good.lastWorked = time.Time{}, now
	return news
}

// untold returns which of those that were refused the operator doesn't know of, and
// is to be told of now.
func (cs *credentials) untold(refusals map[*credential]error) (untold []*credential) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.all {
		if refusals[c] != nil && !c.told {
			c.told = true
			untold = append(untold, c)
		}
	}
	return untold
}

func (c *credential) name() string { return fmt.Sprintf("%s (number %d)", c.Credential, c.number) }

// errCredential: a credential is of no use, which was found out here.
var errCredential = errors.New("the credential can't be used")

// blamesCredential says whether a request has failed because of the credential
// that went with it, so that another one may help (RFC 6749, section 5.2).
func blamesCredential(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == "invalid_client" || errors.Is(err, errCredential)
}
