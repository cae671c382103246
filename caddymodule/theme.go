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

// provisionTheme reads the logo and the colour. The pages belong to the public URL,
// so they look the same behind every ones_auth.
func (h *Auth) provisionTheme() error {
	wanted := look{h.Logo, h.Color}
	if wanted == (look{}) {
		return nil
	}
	if h.app.look != (look{}) && h.app.look != wanted {
		return errors.New("logo and color differ from those of another ones_auth, but the pages are the same for all; write them in one of them")
	}
	var theme pages.Theme
	if h.Logo != "" {
		file, err := resolve("logo", h.Logo)
		if err != nil {
			return err
		}
		if theme.Logo, err = readLogo(file); err != nil {
			return fmt.Errorf("logo %s: %w", file, err)
		}
	}
	if h.Color != "" {
		color, err := resolve("color", h.Color)
		if err != nil {
			return err
		}
		if theme.Color, err = pages.ParseColor(color); err != nil {
			return fmt.Errorf("color: %w", err)
		}
	}
	h.app.look, h.app.theme = wanted, theme
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
