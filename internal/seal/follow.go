package seal

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Follow has everybody who uses k take what stands in src, again and again until
// ctx ends: it looks each time that every is over, and calls changed after a
// change. What it can't take changes nothing, and is told to log once: a source
// that is missing for a moment, half copied, or lacks a key that is in use.
func (k *Keyset) Follow(ctx context.Context, src Source, every time.Duration, log *slog.Logger, changed func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		before := k.List()
		next, err := src.Load()
		if err == nil {
			err = k.Replace(next)
		}
		switch after := k.List(); {
		case err != nil && !failing:
			log.Error("the keyset can't be taken as it is now; the one from before stays in use", "keyset", src.String(), "error", err)
		case err != nil:
		case !slices.Equal(before, after):
			log.Info("the keyset was changed", "keyset", src.String(), "keys", len(after), "seals", k.Primary())
			changed()
		case failing:
			log.Info("the keyset can be read again", "keyset", src.String())
		}
		failing = err != nil
	}
}
