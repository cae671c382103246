package caddymodule

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/setup"
)

func setupCommand() *cobra.Command {
	var from, out, place string
	var force bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Asks for the fields of the ONES manual, and writes a Caddyfile and what Azure has to know",
		Long: `
Asks for the fields of the ONES manual's page "Delegated permission", in its order, says
where in Azure each one is found, and checks each answer at once. Then it writes

  Caddyfile       the gateway's configuration, with no secret in it
  onesgate.env    the ids, the client secret, and a new token for ONES' own server; for --envfile, mode 0600
  azure.txt       what to enter in Azure, redirect URIs and the consent link among it
  azure-app.sh    a script for the Azure CLI that enters it, and makes the secret

--from takes the answers from a file of JSON instead, which docs/guide.md describes; the
client secret then comes from the variable ONES_CLIENT_SECRET, if there is one already.

--for says what is to start the gateway. With systemd, or in a window, it keeps all in a
folder; with compose and kubernetes in a PostgreSQL database, whose URL onesgate.env has to
have, and with kubernetes TLS ends before it. docs/deploy.md goes on from there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			if !slices.Contains(setup.Places, place) {
				return fmt.Errorf("--for doesn't know %w", notOf(place, setup.Places))
			}
			g := gatewaySetUp(time.Now())
			answers, err := answersOf(cmd, from, setup.Place(place), g)
			if err != nil {
				return err
			}
			if answers.Data != "" && !filepath.IsAbs(answers.Data) {
				if answers.Data, err = filepath.Abs(filepath.Join(out, answers.Data)); err != nil {
					return err
				}
			}
			token := make([]byte, 32)
			_, _ = rand.Read(token) // never fails
			files, err := answers.Files(g, base64.StdEncoding.EncodeToString(token))
			if err != nil {
				return err
			}
			if err := adapts(files[0].Content); err != nil {
				return err
			}
			if err := setup.Write(out, files, force); err != nil {
				return err
			}
			if answers.Data != "" { // Caddy makes no folder for its admin socket
				if err := os.MkdirAll(answers.Data, 0o700); err != nil {
					return err
				}
			}
			return tellWritten(cmd.OutOrStdout(), out, answers, files)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "Take the answers from this file, and ask nothing")
	cmd.Flags().StringVar(&out, "out", ".", "The folder to write to")
	cmd.Flags().StringVar(&place, "for", string(setup.Systemd), "What starts the gateway: systemd, compose or kubernetes")
	cmd.Flags().BoolVar(&force, "force", false, "Overwrite what is there; ONES' own server gets a new token then")
	return cmd
}

// answersOf asks, or reads the file.
func answersOf(cmd *cobra.Command, from string, place setup.Place, g setup.Gateway) (setup.Answers, error) {
	if from != "" {
		f, err := os.Open(from)
		if err != nil {
			return setup.Answers{}, fmt.Errorf("the answers can't be read: %w", err)
		}
		defer f.Close()
		a, err := setup.Read(f, setup.Answers{Secret: os.Getenv("ONES_CLIENT_SECRET"), Place: place}, g)
		if err != nil {
			return a, fmt.Errorf("%s:\n%w", from, err)
		}
		return a, nil
	}
	d := setup.Dialogue{Gateway: g, In: bufio.NewReader(cmd.InOrStdin()), Out: cmd.ErrOrStderr(), Place: place}
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.Again = true
		d.Hidden = func(prompt string) (string, error) { return hidden(f, d.Out, prompt) }
	}
	return d.Ask()
}

// hidden reads a line from a terminal that does not show it. The terminal is raw
// meanwhile, so that Ctrl-C is a key (io.EOF) and can't leave it silent.
func hidden(f *os.File, out io.Writer, prompt string) (string, error) {
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(int(f.Fd()), before) }()
	return term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{f, out}, "").ReadPassword(prompt)
}

// gatewaySetUp has the rules of the Caddyfile for what is asked.
func gatewaySetUp(now time.Time) setup.Gateway {
	return setup.Gateway{
		Now:     now,
		Nearest: nearest,
		Check:   checkAnswer,
		Addresses: func(public string) setup.Addresses {
			u, err := url.Parse(public)
			if err != nil {
				return setup.Addresses{}
			}
			r := redirectsAt(origin(u))
			return setup.Addresses{People: r.People, Rooms: r.Rooms, SignedOut: r.SignedOut, FrontchannelLogout: r.FrontchannelLogout}
		},
		ConsentURL: func(a *setup.Answers) string {
			u, err := url.Parse(a.PublicURL)
			if err != nil || a.ClientID == "" {
				return ""
			}
			link, err := (&Integration{Server: serverFrom(a)}).consent(redirectsAt(origin(u)))
			if err != nil {
				return ""
			}
			return link.URL
		},
		Cloud: func(operator string) (portal, cli, graphRoot string) {
			c, _ := entra.CloudNamed(operator)
			return c.Portal, c.CLI, c.Graph
		},
	}
}

// serverFrom is the server block that answers make.
func serverFrom(a *setup.Answers) Server {
	return Server{Operator: a.Operator, Issuer: a.Issuer, Graph: a.Graph, TenantID: a.TenantID, ClientID: a.ClientID}
}

// checkAnswer says what the Caddyfile would say of a field.
func checkAnswer(a *setup.Answers, field string) error {
	switch field {
	case "public_url":
		_, err := (&App{PublicURL: a.PublicURL}).publicURL()
		return err
	case "ones":
		return checkUpstream(a.Ones)
	case "integration":
		if a.Integration == "" {
			return missing("the name of an integration")
		}
		return checkName(a.Integration, "contoso")
	case "operator", "issuer", "graph", "tenant_id", "client_id", "client_secret_expires":
		return checkServerAnswer(a, field)
	case "rooms":
		return checkRoomAnswer(a.Rooms)
	case "default_groups", "card_number", "login_button":
		return (&Users{LoginButton: a.LoginButton, DefaultGroups: a.DefaultGroups, CardNumber: a.CardNumber}).check()
	case "admins":
		for _, address := range a.Admins {
			if !isAddress(address) {
				return fmt.Errorf("%q is not the address of a mailbox", address)
			}
		}
	case "service_port":
		if a.ServicePort < 0 || a.ServicePort > 65535 {
			return fmt.Errorf("%d is no port", a.ServicePort)
		}
	}
	return nil
}

// checkServerAnswer checks one field by itself: what is wrong with another is said there.
func checkServerAnswer(a *setup.Answers, field string) error {
	custom := a.Operator == customOperator
	var s Server
	if slices.Contains(operatorNames(), a.Operator) || field == "operator" {
		s.Operator = a.Operator
	}
	var is string
	required := true
	switch field {
	case "operator":
		is = s.Operator
	case "issuer", "graph":
		if !custom && a.Issuer+a.Graph != "" {
			return errors.New("it belongs to operator custom alone")
		}
		if required = custom; field == "issuer" {
			s.Issuer, is = a.Issuer, a.Issuer
		} else {
			s.Graph, is = a.Graph, a.Graph
		}
	case "tenant_id":
		s.TenantID, is, required = a.TenantID, a.TenantID, !custom
	case "client_id": // it may be that the app has yet to be registered
		s.ClientID, is, required = a.ClientID, a.ClientID, custom
	case "client_secret_expires":
		s.Credentials, required = []Credential{{Expires: a.SecretExpires}}, false
	}
	if required && is == "" {
		return missing(field)
	}
	return s.check()
}

// checkRoomAnswer checks the last room. What is empty may still come.
func checkRoomAnswer(rooms []setup.Room) error {
	var all []*Room
	for _, r := range rooms {
		all = append(all, &Room{Name: r.Name, Address: r.Address, Title: r.Title, TimeZone: r.TimeZone, Capacity: r.Capacity, Group: r.Group})
	}
	if len(all) == 0 {
		return nil
	}
	var wrong []error
	last := rooms[len(rooms)-1]
	for _, d := range []struct{ word, text string }{{"max_duration", last.MaxDuration}, {"booking_window", last.BookingWindow}} {
		if parsed, err := caddy.ParseDuration(d.text); d.text != "" && (err != nil || parsed <= 0) {
			wrong = append(wrong, fmt.Errorf("%s %q is not a duration; write 10m, 4h or 60d", d.word, d.text))
		}
	}
	// Each by itself, so that all that is wrong is told.
	for _, r := range []*Room{{Name: last.Name}, {Address: last.Address}, {TimeZone: last.TimeZone}, {Capacity: last.Capacity}} {
		wrong = append(wrong, r.check())
	}
	return gathered(append(wrong, all[len(all)-1].clash(all[:len(all)-1]))...)
}

// checkUpstream says whether reverse_proxy can be told of it.
func checkUpstream(s string) error {
	address := s
	if u, err := url.Parse(s); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		if u.Path != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
			return fmt.Errorf("%q must have no path, query or user: only a host and a port", s)
		}
		address = u.Host
		if u.Port() == "" {
			address += ":443"
		}
	}
	host, port, err := net.SplitHostPort(address)
	if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 || strings.ContainsAny(s, " \t\"'") {
		return fmt.Errorf("%q is not a host and a port, such as ones:8080 or https://ones.internal:8443", s)
	}
	return nil
}

// adapts makes sure of a Caddyfile before it is written.
func adapts(config []byte) error {
	if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(config, map[string]any{"filename": "Caddyfile"}); err != nil {
		return fmt.Errorf("these answers make no Caddyfile: %w", err)
	}
	return nil
}

// tellWritten says what there is now, and what comes next.
func tellWritten(to io.Writer, out string, a setup.Answers, files []setup.File) error {
	fmt.Fprintf(to, "\nWritten to %s:\n", out)
	about := map[string]string{
		"Caddyfile":    "the gateway's configuration, with no secret in it",
		"onesgate.env": "ids and secrets, for the gateway alone",
		"azure.txt":    "what to enter in Azure, and the consent link",
		"azure-app.sh": "enters it, with the Azure CLI",
	}
	for _, f := range files {
		fmt.Fprintf(to, "  %-14s%s\n", f.Name, about[f.Name])
	}
	fmt.Fprintln(to, "\nNext:")
	at := func(name string) string { return filepath.Join(out, name) }
	steps := []string{
		fmt.Sprintf("run %s, or enter in Azure what %s says", at("azure-app.sh"), at("azure.txt")),
		fmt.Sprintf("onesgate validate --config %s --envfile %s", at("Caddyfile"), at("onesgate.env")),
		fmt.Sprintf("onesgate ones room-policy --config %s >room-policy.ps1, for an Exchange administrator", at("Caddyfile")),
		fmt.Sprintf("have it run by %s: docs/deploy.md", cmp.Or(a.Place, setup.Systemd)),
	}
	if a.Data != "" {
		steps[3] = fmt.Sprintf("onesgate run --config %s --envfile %s", at("Caddyfile"), at("onesgate.env"))
	}
	if a.Operator == "custom" {
		steps[0] = "have the issuer know what " + at("azure.txt") + " says"
		if a.Secret == "" {
			steps[0] += ", and write ONES_CLIENT_SECRET into " + at("onesgate.env")
		}
	}
	if a.Place == setup.Compose || a.Place == setup.Kubernetes {
		steps[0] += "; write ONES_DATABASE_URL into " + at("onesgate.env")
	}
	var err error
	for i, step := range steps {
		_, err = fmt.Fprintf(to, "  %d. %s\n", i+1, step)
	}
	return err
}
