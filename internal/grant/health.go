package grant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/seal"
)

const (
	// brokenFor is how long Microsoft is not asked for anybody after it has
	// refused the integration itself; then for one of them.
	brokenFor = 30 * time.Second
	// failedFor is the same after it gave no answer of use to anybody maxFailed
	// times in a row.
	failedFor = 10 * time.Second
	maxFailed = 5
)

// A health is how an integration stands with Microsoft's token endpoint: a
// breaker, so that what fails for everybody is not tried for each. It is guarded
// by the Keeper's mu.
type health struct {
	client *entra.Client // another one is another configuration, and tried at once
	pace   *pace

	// cause is why Microsoft is not asked until a time; nil: it is. One is asked
	// for then, to find out.
	cause   error
	since   time.Time
	until   time.Time
	probing bool
	told    bool // that it is refused, and not yet that it is mended
	// failed counts how often in a row there was no answer of use to anybody.
	failed int
	// ailing are the owners whose last refresh failed for no fault of theirs.
	ailing map[string]struct{}

	requests map[string]uint64 // by their outcome
}

// A Standing is how an integration stands with Microsoft's token endpoint.
type Standing struct {
	Integration string
	// Problem is why nobody gets a token now, Since when; nil: they do.
	Problem error
	Since   time.Time
	// Ailing counts the grants, of those asked for here, that wait for that to end.
	Ailing int
	// Requests counts what was asked of Microsoft since the start by its outcome:
	// ok, or whose fault it was: transient, operator, admin, person, dead.
	Requests map[string]uint64
}

// Standing returns how the integrations stand whose grants were asked for here,
// by their names.
func (k *Keeper) Standing() []Standing {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []Standing
	for _, name := range slices.Sorted(maps.Keys(k.healths)) {
		h := k.healths[name]
		all = append(all, Standing{
			Integration: name, Problem: h.cause, Since: h.since, Ailing: len(h.ailing), Requests: maps.Clone(h.requests),
		})
	}
	return all
}

// health returns that of an integration. k.mu is held.
func (k *Keeper) health(integration string) *health {
	h := k.healths[integration]
	if h == nil {
		h = &health{pace: newPace(), ailing: map[string]struct{}{}, requests: map[string]uint64{}}
		k.healths[integration] = h
	}
	return h
}

// paceOf returns that of an integration.
func (k *Keeper) paceOf(integration string) *pace {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.health(integration).pace
}

// serves notes which client speaks for an integration now. k.mu is held.
func (k *Keeper) serves(integration string, client *entra.Client) *health {
	h := k.health(integration)
	if h.client != client {
		h.client = client
		h.cause, h.since, h.failed, h.probing = nil, time.Time{}, 0, false
	}
	return h
}

// barred says why an integration is not to be asked now; nil: it may be.
func (k *Keeper) barred(integration string, client *entra.Client) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.serves(integration, client).bars(k.cfg.Now())
}

// admit is barred for who asks right now, and settles. While the breaker is open
// nobody else does until then.
func (k *Keeper) admit(integration string, client *entra.Client) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.serves(integration, client)
	if err := h.bars(k.cfg.Now()); err != nil {
		return err
	}
	h.probing = h.cause != nil
	return nil
}

// bars returns why nobody is to ask at that time, nil: somebody may.
func (h *health) bars(now time.Time) error {
	if h.probing || now.Before(h.until) {
		return h.cause
	}
	return nil
}

// unasked takes back what admit has allowed.
func (k *Keeper) unasked(integration string, client *entra.Client) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.health(integration); h.client == client {
		h.probing = false
	}
}

// settle draws what the outcome of owner's request says of the integration. It
// returns the error that it stands for.
func (k *Keeper) settle(owner, integration string, client *entra.Client, cause error) error {
	class := entra.Transient
	var refused *entra.Error
	if errors.As(cause, &refused) {
		class = refused.Class
	}
	outcome, err := "ok", verdict(class, cause)
	if err != nil {
		outcome = outcomes[class]
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.health(integration)
	h.requests[outcome]++
	if h.client != client { // it says nothing of what is configured now
		return err
	}
	h.probing = false
	delete(h.ailing, owner) // whoever asked knows
	switch {
	case err == nil:
	case class == entra.Operator && refusesApp(refused):
		return k.breakOff(integration, h, err, brokenFor)
	case maybeAll(refused):
		if h.failed++; h.failed >= maxFailed || h.cause != nil {
			wait := failedFor
			if refused != nil {
				wait = max(wait, refused.RetryAfter)
			}
			return k.breakOff(integration, h, err, wait)
		}
		return err
	}
	k.works(integration, h)
	return err
}

// outcomes are the names of classes as they are counted.
var outcomes = map[entra.Class]string{
	entra.Transient: "transient", entra.Operator: "operator", entra.Admin: "admin", entra.Person: "person", entra.Dead: "dead",
}

// verdict wraps the sentinel of a class around its cause; nil if there is none.
func verdict(class entra.Class, cause error) error {
	if cause == nil {
		return nil
	}
	sentinel := ErrNeedsSignIn
	switch class {
	case entra.Transient:
		sentinel = ErrUnavailable
	case entra.Operator:
		sentinel = ErrIntegrationDown
	case entra.Admin:
		sentinel = ErrNeedsAdminConsent
	}
	return fmt.Errorf("%w: %w", sentinel, cause)
}

// refusesApp says whether a refusal is surely everybody's: of the app registration
// (RFC 6749, section 5.2), or because we have nothing to show for it. What else is
// wrong with a request may be what is in it of one person.
func refusesApp(refused *entra.Error) bool {
	return refused.Err != nil || refused.Code == "invalid_client" || refused.Code == "unauthorized_client"
}

// maybeAll says whether a failure may be everybody's: no answer of Microsoft's
// came, or one that says nothing of the grant. AADSTS50196, say, is about one person.
func maybeAll(refused *entra.Error) bool {
	return refused == nil || refused.Err != nil || refused.Class == entra.Operator ||
		refused.Code == "temporarily_unavailable" || refused.Code == "server_error" ||
		refused.Status == http.StatusRequestTimeout || refused.Status == http.StatusTooManyRequests || refused.Status >= 500
}

// breakOff opens the breaker and says so, once. It returns err. k.mu is held.
func (k *Keeper) breakOff(integration string, h *health, err error, wait time.Duration) error {
	now := k.cfg.Now()
	if h.cause == nil {
		h.since, h.told = now, true
		k.cfg.Log.Error("Microsoft gives no tokens to the integration; nobody's connection is at fault", "integration", integration, "error", err)
		k.cfg.Tell(Event{Kind: Refused, Integration: integration, Err: err})
	}
	h.cause, h.until = err, now.Add(wait)
	return err
}

// works notes that Microsoft answers, and lets everybody go on who waited for
// that. k.mu is held.
func (k *Keeper) works(integration string, h *health) {
	k.recover(h)
	h.failed = 0
	h.cause, h.since = nil, time.Time{}
	if h.told {
		h.told = false
		k.cfg.Log.Info("Microsoft gives tokens to the integration again", "integration", integration)
		k.cfg.Tell(Event{Kind: Mended, Integration: integration})
	}
}

// covers says whether the breaker tells of a failure and waits for its end, so
// that what is mended works at once.
func (h *health) covers(cause error) bool {
	return errors.Is(cause, errUnconfigured) ||
		h.cause != nil && errors.Is(cause, ErrIntegrationDown) && !errors.Is(cause, seal.ErrWrongKey)
}

// answered notes that owner's connection stands as the store says: so they all do
// who have waited for the store. k.mu is held.
func (k *Keeper) answered(owner, integration string) {
	away := k.health("")
	delete(away.ailing, owner)
	k.recover(away)
	delete(k.health(integration).ailing, owner)
}

// unlist leaves owner out of those who wait for something. k.mu is held.
func (k *Keeper) unlist(owner string) {
	for _, h := range k.healths {
		delete(h.ailing, owner)
	}
}

// recover takes back that the connections of an integration are unavailable: the
// store says how they stand. k.mu is held.
func (k *Keeper) recover(h *health) {
	for owner := range h.ailing {
		c := k.connection(owner)
		c.unknown()
		c.forgive()
	}
	clear(h.ailing)
}

// Run finds out whether integrations that gave no tokens do again, until ctx ends.
// Every instance has to run it.
func (k *Keeper) Run(ctx context.Context) {
	for sleep(ctx, probeEvery) == nil {
		k.probe()
	}
}

// probeEvery is how often it is looked whether an integration can be tried again.
const probeEvery = 5 * time.Second

// probe refreshes one of the grants that wait, of each integration that may work
// again. Where the integration is not at fault, that one itself may be well again.
func (k *Keeper) probe() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	for name, h := range k.healths {
		client, ok := k.cfg.Client(name)
		switch {
		case ok:
			k.serves(name, client)
		case name != "":
			continue // until it is configured again
		}
		if h.bars(now) != nil {
			continue
		}
		for owner := range h.ailing {
			// An owner whose own back-off lasts is no use; another may be.
			if _, err := k.begin(owner, want{background: true}, now); err == nil {
				break
			}
		}
	}
}
