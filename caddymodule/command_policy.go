package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/roompolicy"
)

func policyCommand() *cobra.Command {
	var from configFlags
	var policy roompolicy.Policy
	cmd := &cobra.Command{
		Use:   "room-policy [ROOM...]",
		Short: "Prints the PowerShell that applies the Caddyfile's policy to the rooms' mailboxes",
		Long: `
Prints a script for Exchange Online PowerShell that has the mailboxes of rooms decide as
their lines in the Caddyfile say, and keep private what is private: what the ONES manual
calls to apply the booking policy to the Microsoft 365 room. Each line has its reason
beside it. The gateway has no right to do this by itself.

  onesgate ones room-policy > room-policy.ps1`,
		RunE: func(cmd *cobra.Command, rooms []string) error {
			cmd.SilenceUsage = true
			if policy.Account != "" && !isAddress(policy.Account) {
				return fmt.Errorf("--account: %q is not the address of a mailbox", policy.Account)
			}
			app, file, err := from.ones()
			if err != nil {
				return err
			}
			if policy.Integrations, err = app.policies(rooms, time.Now()); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			for _, i := range policy.Integrations {
				for _, r := range i.Rooms {
					if r.Beyond() {
						fmt.Fprintf(cmd.ErrOrStderr(), "room %s: Exchange accepts nothing that begins in more than 1080 days; make its booking_window shorter.\n", r.Name)
					}
				}
			}
			return policy.Write(cmd.OutOrStdout())
		},
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&policy.WhatIf, "what-if", false, "Each command says what it would do, and changes nothing")
	cmd.Flags().StringVar(&policy.Account, "account", "", "The address of the service account that stands for the rooms: it may edit their calendars then")
	cmd.Flags().BoolVar(&policy.Subjects, "subjects", false, "Everybody sees subjects and places in the rooms' calendars, but private ones")
	return cmd
}

// policies are the rooms of a configuration, or those that are named.
func (a *App) policies(named []string, now time.Time) ([]roompolicy.Integration, error) {
	var all []roompolicy.Integration
	absent := slices.Clone(named)
	for _, i := range a.Integrations {
		name, err := resolve("the name of an integration", i.Name)
		if err == nil {
			err = checkName(name, "contoso")
		}
		if err != nil {
			return nil, err
		}
		operator, err := resolveOr("operator", i.Server.Operator, "microsoft")
		if err != nil {
			return nil, fmt.Errorf("integration %s: %w", name, err)
		}
		cloud, known := entra.CloudNamed(operator)
		if !known && operator != customOperator {
			return nil, fmt.Errorf("integration %s: operator doesn't know %w", name, notOf(operator, operatorNames()))
		}
		one := roompolicy.Integration{Name: name, Operator: operator, Environment: cloud.Exchange}
		for _, room := range i.Rooms {
			if len(named) > 0 && !slices.Contains(named, room.Name) {
				continue
			}
			absent = slices.DeleteFunc(absent, func(name string) bool { return name == room.Name })
			room, err := settled(room)
			if err != nil {
				return nil, fmt.Errorf("integration %s: room %s: %w", name, room.Name, err)
			}
			built, err := room.build(name)
			if err != nil {
				return nil, err
			}
			r := roompolicy.Room{
				Name: built.Name, Address: built.Address, Capacity: built.Capacity,
				MaxDuration: built.MaxDuration, BookingWindow: built.BookingWindow,
			}
			if room.TimeZone != "" {
				r.TimeZone = built.TimeZone.String()
				r.WindowsZone, _ = graph.ZoneName(built.TimeZone, now, now.Add(built.BookingWindow))
			}
			one.Rooms = append(one.Rooms, r)
		}
		if len(one.Rooms) > 0 {
			all = append(all, one)
		}
	}
	switch {
	case len(absent) > 0:
		return nil, fmt.Errorf("there is no room %s", strings.Join(absent, ", and no room "))
	case len(all) == 0:
		return nil, errors.New("no rooms are configured")
	}
	return all, nil
}

// isAddress says whether something could be the address of a mailbox.
func isAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " \t<>,;")
}
