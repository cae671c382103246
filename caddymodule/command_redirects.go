package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/signin"
)

// redirects is what has to stand in the app registration.
type redirects struct {
	People             string `json:"people"`
	Rooms              string `json:"rooms"`
	SignedOut          string `json:"signed_out"`
	FrontchannelLogout string `json:"frontchannel_logout"`
}

func redirectsCommand() *cobra.Command {
	var from configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "redirect-uris",
		Short: "Prints the addresses to register in Azure, from the configuration alone",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			r, err := redirectsOf(from)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			return r.print(cmd.OutOrStdout())
		},
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "In JSON")
	return cmd
}

func redirectsOf(from configFlags) (redirects, error) {
	app, file, err := from.ones()
	if err != nil {
		return redirects{}, err
	}
	public, err := app.publicURL()
	if err != nil {
		return redirects{}, fmt.Errorf("%s: %w", file, err)
	}
	return redirectsAt(origin(public)), nil
}

// origin is a public URL without what may follow the host.
func origin(public *url.URL) string { return public.Scheme + "://" + public.Host }

// redirectsAt are those of a public URL.
func redirectsAt(publicURL string) redirects {
	return redirects{
		People: publicURL + signin.CallbackPath, Rooms: publicURL + signin.RoomCallbackPath,
		SignedOut: publicURL + signin.SignedOutPath, FrontchannelLogout: publicURL + signin.FrontchannelLogoutPath,
	}
}

// print tells it to people.
func (r redirects) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Redirect URIs, platform Web:")
	for _, row := range [][2]string{
		{r.People, "people sign in (User settings)"},
		{r.Rooms, "admins connect the accounts of rooms (Room settings)"},
		{r.SignedOut, "after a sign-out"},
	} {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	fmt.Fprintln(w, "Front-channel logout URL:")
	fmt.Fprintf(w, "  %s\ta sign-out elsewhere ends the session here\n", r.FrontchannelLogout)
	return w.Flush()
}
