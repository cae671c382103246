package store_test

import (
	"errors"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

func TestUnbroken(t *testing.T) {
	for name, tt := range map[string]struct {
		read        []store.Position
		after, last store.Position
		limit, want int
		err         error
	}{
		"nothing new":           {nil, 3, 3, 10, 0, nil},
		"all of it":             {[]store.Position{4, 5}, 3, 5, 10, 2, nil},
		"as much as asked for":  {[]store.Position{4}, 3, 5, 1, 1, nil},
		"nothing asked for":     {nil, 3, 5, 0, 0, nil},
		"from the future":       {nil, 6, 5, 10, 0, store.ErrForgotten},
		"the first is missing":  {[]store.Position{5}, 3, 5, 10, 0, store.ErrForgotten},
		"all are missing":       {nil, 3, 5, 10, 0, store.ErrForgotten},
		"one in the middle":     {[]store.Position{4, 6}, 3, 6, 10, 1, nil},
		"that one is asked for": {[]store.Position{6}, 4, 6, 10, 0, store.ErrForgotten},
	} {
		var read []store.Announcement
		for _, p := range tt.read {
			read = append(read, store.Announcement{Position: p})
		}
		got, err := store.Unbroken(read, tt.after, tt.last, tt.limit)
		if len(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %d announcements, %v, want %d, %v", name, len(got), err, tt.want, tt.err)
		}
	}
}
