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

// resolve returns the settings with their placeholders replaced.
func (u Users) resolve() (Users, error) {
	var wrong [8]error
	u.LoginButton, wrong[0] = resolveOr("login_button", u.LoginButton, "")
	u.DefaultGroups, wrong[1] = resolveAll("default_groups", u.DefaultGroups)
	u.AllowGroups, wrong[2] = resolveAll("allow_groups", u.AllowGroups)
	u.CardNumber, wrong[3] = resolveOr("card_number", u.CardNumber, "")
	u.CardFormat, wrong[4] = resolveOr("card_format", u.CardFormat, "")
	u.ForgetAfter, wrong[7] = resolveOr("forget_after", u.ForgetAfter, "")
	mapped := map[string]string{}
	for from, to := range u.MapGroups {
		name, err := resolveOr("map_group", from, "")
		wrong[5] = errors.Join(wrong[5], err)
		if _, twice := mapped[name]; twice && err == nil {
			wrong[5] = fmt.Errorf("map_group %q is there twice", name)
		}
		mapped[name], err = resolveOr("map_group "+from, to, "")
		wrong[6] = errors.Join(wrong[6], err)
	}
	u.MapGroups = mapped
	return u, errors.Join(wrong[:]...)
}

// rules checks what people get, and makes the rules by which they are made.
func (u *Users) rules(integration string) (identity.Rules, error) {
	r := identity.Rules{
		Integration:   integration,
		DefaultGroups: u.DefaultGroups,
		MapGroups:     map[string]string{},
		AllowGuests:   u.AllowGuests,
		CardClaim:     u.CardNumber,
	}
	var err error
	if r.CardFormat, err = identity.ParseCardFormat(u.CardFormat); err != nil {
		return r, err
	}
	if u.CardFormat != "" && u.CardNumber == "" {
		return r, errors.New("card_format without card_number: write which claim has the number, such as card_number pager")
	}
	if u.AllowGroups != nil && len(u.AllowGroups) == 0 {
		return r, errors.New("allow_groups names nobody; leave it out to let everybody in the tenant enter")
	}
	for i, group := range u.DefaultGroups {
		switch {
		case strings.TrimSpace(group) == "":
			return r, fmt.Errorf("default_groups: %q names no group of ONES", group)
		case slices.Contains(u.DefaultGroups[:i], group):
			return r, fmt.Errorf("default_groups: %q is there twice", group)
		}
	}
	for _, name := range u.AllowGroups {
		if err := checkGroup("allow_groups", name); err != nil {
			return r, err
		}
		if slices.Contains(r.Allow, identity.GroupName(name)) {
			return r, fmt.Errorf("allow_groups: %q is there twice", name)
		}
		r.Allow = append(r.Allow, identity.GroupName(name))
	}
	for from, to := range u.MapGroups {
		if err := checkGroup("map_group", from); err != nil {
			return r, err
		}
		if to == "" {
			return r, fmt.Errorf("map_group %q leads to no group of ONES", from)
		}
		name := identity.GroupName(from)
		if _, twice := r.MapGroups[name]; twice {
			return r, fmt.Errorf("map_group %q is there twice", name)
		}
		r.MapGroups[name] = to
	}
	return r, nil
}

// checkGroup says what is wrong with the name of a group of the directory, or a role.
func checkGroup(word, name string) error {
	if strings.TrimSpace(name) == "" || strings.TrimSpace(strings.TrimPrefix(name, "role:")) == "" {
		return fmt.Errorf("%s: %q names no group and no role; write the group's object id, or role:NAME", word, name)
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
