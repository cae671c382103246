package seal

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// sayAgain is how often a keyset that can't be taken is told to the log.
const sayAgain = 5 * time.Minute

// Follow has everybody who uses k take what stands in src, again and again until
// ctx ends. It looks each time that every is over, and tells looked whether k was
// changed, and why not if it could not be: the source is missing for a moment, half
// copied, or lacks a key that is in use. Such a source changes nothing.
func (k *Keyset) Follow(ctx context.Context, src Source, every time.Duration, log *slog.Logger, looked func(changed bool, problem error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var told time.Time // when the log was last told of a problem; zero: there is none
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
		}
		before := k.List()
		next, err := src.Load()
		if err == nil {
			err = k.Replace(next)
		}
		after := k.List()
		changed := !slices.Equal(before, after)
		switch {
		case err != nil && now.Sub(told) >= sayAgain:
			log.Error("the keyset can't be taken as it is now; the one from before stays in use", "keyset", src.String(), "error", err)
			told = now
		case changed:
			log.Info("the keyset was changed", "keyset", src.String(), "keys", len(after), "seals", k.Primary())
		case err == nil && !told.IsZero():
			log.Info("the keyset can be read again", "keyset", src.String())
		}
		if err == nil {
			told = time.Time{}
		}
		looked(changed, err)
	}
}
