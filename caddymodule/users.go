package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/identity"
)

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
