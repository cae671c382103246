package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/offboard"
)

func (u *Users) complete() error {
	switch {
	case u.CardFormat != "" && u.CardNumber == "":
		return about("card_format", errors.New("card_format without card_number: write which claim has the number, such as card_number pager"))
	case u.AllowGroups != nil && len(u.AllowGroups) == 0:
		return errors.New("allow_groups names nobody; leave it out to let everybody in the tenant enter")
	}
	return nil
}

func (u *Users) check() error {
	_, err := u.rules()
	if err == nil {
		_, err = forgetAfter(u.ForgetAfter)
		err = about("forget_after", err)
	}
	return err
}

// rules checks what people get, and makes the rules by which they are made.
func (u Users) rules() (identity.Rules, error) {
	r := identity.Rules{
		DefaultGroups: u.DefaultGroups,
		MapGroups:     map[string]string{},
		AllowGuests:   u.AllowGuests,
		CardClaim:     u.CardNumber,
	}
	var err error
	if r.CardFormat, err = identity.ParseCardFormat(u.CardFormat); err != nil {
		return r, about("card_format", err)
	}
	for i, group := range u.DefaultGroups {
		switch {
		case strings.TrimSpace(group) == "":
			return r, about("default_groups", fmt.Errorf("default_groups: %q names no group of ONES", group))
		case slices.Contains(u.DefaultGroups[:i], group):
			return r, about("default_groups", fmt.Errorf("default_groups: %q is there twice", group))
		}
	}
	for _, name := range u.AllowGroups {
		if err := checkGroup("allow_groups", name); err != nil {
			return r, err
		}
		if slices.Contains(r.Allow, identity.GroupName(name)) {
			return r, about("allow_groups", fmt.Errorf("allow_groups: %q is there twice", name))
		}
		r.Allow = append(r.Allow, identity.GroupName(name))
	}
	for from, to := range u.MapGroups {
		if err := checkGroup("map_group", from); err != nil {
			return r, err
		}
		if to == "" {
			return r, about("map_group", fmt.Errorf("map_group %q leads to no group of ONES", from))
		}
		name := identity.GroupName(from)
		if _, twice := r.MapGroups[name]; twice {
			return r, about("map_group", fmt.Errorf("map_group %q is there twice", name))
		}
		r.MapGroups[name] = to
	}
	return r, nil
}

// checkGroup says what is wrong with the name of a group of the directory, or a role.
func checkGroup(word, name string) error {
	if strings.TrimSpace(name) == "" || strings.TrimSpace(strings.TrimPrefix(name, "role:")) == "" {
		return about(word, fmt.Errorf("%s: %q names no group and no role; write the group's object id, or role:NAME", word, name))
	}
	return nil
}

// minForgetAfter is the least time after which somebody is forgotten: holidays are long.
const minForgetAfter = 30 * 24 * time.Hour

// forgetAfter reads for how long somebody is remembered who is not seen.
func forgetAfter(text string) (time.Duration, error) {
	if text == "" {
		return offboard.DefaultForgetAfter, nil
	}
	d, err := caddy.ParseDuration(text)
	if err != nil || d < minForgetAfter {
		return 0, fmt.Errorf("forget_after %q is not a time of at least 30 days; write 365d", text)
	}
	return d, nil
}
