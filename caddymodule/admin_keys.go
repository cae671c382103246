package caddymodule

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/seal"
)

// keysStatus tells which keys a gateway uses, and what the others on its store
// know of.
type keysStatus struct {
	// Keyset is where it comes from.
	Keyset string `json:"keyset"`
	// Problem is why it can't be taken as it is now; Keys are those from before.
	Problem  string          `json:"problem,omitempty"`
	Keys     []seal.Key      `json:"keys"`
	Gateways []peers.Gateway `json:"gateways"`
}

// sealedRecords counts records by the id of the key that they are sealed with.
type sealedRecords map[uint32]int

// rewrapped is what a rewrap has done.
type rewrapped struct {
	// Resealed counts the records that were sealed anew, Records all that a key opens
	// by that key.
	Resealed int           `json:"resealed"`
	Records  sealedRecords `json:"records"`
	// Unopened counts those that could not be opened, as their key is retired or not
	// in the keyset.
	Unopened sealedRecords `json:"unopened,omitempty"`
	// Damaged grants can't be read with any key; their owners have to sign in again.
	Damaged int `json:"damaged"`
}

func serveKeys(w http.ResponseWriter, r *http.Request, e *engine) error {
	gateways, err := peers.List(r.Context(), e.store)
	if err != nil {
		return storeUnavailable(err)
	}
	return answer(w, keysStatus{Keyset: e.keyset.String(), Problem: e.keysetProblem(), Keys: e.keys.List(), Gateways: gateways})
}

func (e *engine) keysetProblem() string {
	if problem := e.keysProblem.Load(); problem != nil && *problem != nil {
		return (*problem).Error()
	}
	return ""
}

func serveSealedRecords(w http.ResponseWriter, r *http.Request, e *engine) error {
	records, err := countKeys(r.Context(), e.store, e.grants)
	if err != nil {
		return storeUnavailable(err)
	}
	return answer(w, sealedRecords(records))
}

// serveRewrap seals with the primary key what isn't yet. It ends with the request
// or the engine; called again it goes on with what is left.
func serveRewrap(w http.ResponseWriter, r *http.Request, e *engine) error {
	ctx := r.Context()
	grants, err := e.grants.Rewrap(ctx)
	if err != nil {
		return storeUnavailable(err)
	}
	done := rewrapped{Resealed: grants.Resealed, Records: grants.Sealed, Unopened: grants.Unopened, Damaged: grants.Damaged}
	resealed, err := rewrapAssertionKeys(ctx, e.store, e.keys)
	if err == nil {
		err = countAssertionKeys(ctx, e.store, done.Records)
	}
	if errors.Is(err, seal.ErrWrongKey) || errors.Is(err, seal.ErrTampered) {
		return refuse(http.StatusConflict, "%w", err)
	}
	if err != nil {
		return storeUnavailable(err)
	}
	if resealed {
		done.Resealed++
	}
	slog.New(&liveHandler{engine: e, name: "audit"}).InfoContext(ctx, "records sealed anew", "by", offboard.ByOperator, "key", e.keys.Primary(), "records", done.Resealed)
	return answer(w, done)
}

func storeUnavailable(err error) error {
	return refuse(http.StatusServiceUnavailable, "the store does not answer: %w", err)
}
