package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/signin"
)

// A consentLink is where an administrator of an integration's tenant grants what it asks
// for.
type consentLink struct {
	Integration string   `json:"integration"`
	URL         string   `json:"url,omitempty"` // "": the issuer has no such page
	Scopes      []string `json:"scopes"`
}

func consentCommand() *cobra.Command {
	var from configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "consent-url [INTEGRATION]",
		Short: "Prints where an administrator grants the permissions, from the configuration alone",
		Long: `
Prints the address at Microsoft where an administrator of the tenant grants, for
everybody, the permissions that an integration asks for: those of the ONES manual, and
what "scopes" adds. The tenant's and the client's id have to be known, the secret needn't.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			links, err := consentLinks(from, args)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(links)
			}
			for _, l := range links {
				if l.URL == "" {
					err = errors.Join(err, fmt.Errorf("integration %s: its issuer has no page for it; whoever looks after that has to grant %s", l.Integration, strings.Join(l.Scopes, " ")))
				} else if !asJSON {
					l.print(cmd.OutOrStdout(), len(links) > 1)
				}
			}
			return err
		},
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "In JSON")
	return cmd
}

func consentLinks(from configFlags, named []string) ([]consentLink, error) {
	app, file, err := from.ones()
	if err != nil {
		return nil, err
	}
	public, err := app.publicURL()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var links []consentLink
	for _, i := range app.Integrations {
		if len(named) > 0 && i.Name != named[0] {
			continue
		}
		l, err := i.consent(redirectsAt(origin(public)))
		if err != nil {
			return nil, fmt.Errorf("%s: integration %s: %w", file, i.Name, err)
		}
		links = append(links, l)
	}
	if len(links) == 0 {
		return nil, fmt.Errorf("%s has no such integration", file)
	}
	return links, nil
}

// consent finds an integration's link without its secrets, which may not be there yet.
func (i *Integration) consent(at redirects) (consentLink, error) {
	s := i.Server
	s.Credentials = []Credential{{Secret: "not needed"}}
	known, err := settled(&s)
	if err != nil {
		return consentLink{}, err
	}
	issuer, _, cfg, err := known.config()
	if err != nil {
		return consentLink{}, err
	}
	return consentLink{i.Name, entra.AdminConsentURL(issuer, cfg.ClientID, cfg.Scopes, at.People, signin.ConsentState), cfg.Scopes}, nil
}

// print tells it to people: a single link is all that is written, for a pipe.
func (l consentLink) print(to io.Writer, named bool) {
	url := l.URL
	if named {
		url = l.Integration + "  " + url
	}
	fmt.Fprintln(to, url)
}
