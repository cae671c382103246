package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/onesgate/onesgate/internal/signin/pages"
)

// A look is how the pages are to look, as it is configured.
type look struct{ logo, color string }

func (h *Auth) look() look { return look{h.Logo, h.Color} }

// provisionTheme reads the logo and the colour of what h is, resolved. The pages belong
// to the public URL, so they look the same behind every ones_auth.
func (h *Auth) provisionTheme(r *Auth) error {
	if r.look() == (look{}) {
		return nil
	}
	var theme pages.Theme
	var err error
	if r.Logo != "" {
		if theme.Logo, err = readLogo(r.Logo); err != nil {
			return fmt.Errorf("logo %s: %w", r.Logo, err)
		}
	}
	if r.Color != "" {
		if theme.Color, err = pages.ParseColor(r.Color); err != nil {
			return fmt.Errorf("color: %w", err)
		}
	}
	h.app.theme = theme
	return nil
}

// readLogo reads no more of the file than a logo may have.
func readLogo(name string) (pages.Logo, error) {
	file, err := os.Open(name)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil { // without the name once more
			err = cause
		}
		return pages.Logo{}, fmt.Errorf("the file can't be read by the service that runs onesgate: %w", err)
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, pages.MaxLogo+1))
	if err != nil {
		return pages.Logo{}, err
	}
	return pages.NewLogo(body)
}
