package caddymodule

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/onesgate/onesgate/internal/doctor"
)

func doctorCommand() *cobra.Command {
	var x examination
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Checks the gateway against the live service and says what to mend",
		Long: `
Checks the configuration, the way to Microsoft, tenant and credentials, store and
keys, logs and listeners, and says of each what is wrong and how to mend it.

It works before the first start, from the Caddyfile alone. If a gateway runs by this
very Caddyfile, the gateway makes the checks itself, as its own user and in its own
environment; and with the connection of somebody who has signed in it looks at
permissions and rooms. If it runs by another one, the Caddyfile is checked from here,
and the gateway is asked for people and rooms.

The exit status is 1 if anything is wrong. Nothing is changed.`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = interruptible(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		if !asJSON && onTerminal(cmd.ErrOrStderr()) {
			x.progress.To = cmd.ErrOrStderr()
		}
		people := doctor.Terminal{To: out, Colour: onTerminal(out) && os.Getenv("NO_COLOR") == ""}
		if !asJSON {
			x.told = people.Found
		}
		found := x.examine(ctx)
		x.progress.Ended()
		report := doctor.NewReport(version(), x.about(), found)
		var err error
		if asJSON {
			err = printJSON(out, report)
		} else {
			err = people.Sum(report)
		}
		return errors.Join(err, report.Err(), ctx.Err())
	})
	x.from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "In JSON")
	cmd.Flags().StringVar(&x.as, "as", "", "Whose connection permissions and rooms are looked at with: a user id, an address, or card:NUMBER (default: somebody's)")
	return cmd
}

// onTerminal says whether something is written to a terminal that obeys.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

func printJSON(to io.Writer, v any) error {
	enc := json.NewEncoder(to)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// An examination is one run of the doctor.
type examination struct {
	from     adminFlags
	as       string
	progress doctor.Progress

	config  []byte   // adapted; nil: there is none
	unset   []string // variables in it that are not set here
	running bool     // a gateway
	inForce bool     // it runs by config

	found []doctor.Finding
	told  func(doctor.Finding) // of each as it comes; nil: nobody is
}

// finds adds findings to those that are there.
func (x *examination) finds(all ...doctor.Finding) {
	for _, f := range all {
		x.found = append(x.found, f)
		if x.told != nil {
			x.progress.Ended()
			x.told(f)
		}
	}
}

// about says what the report is about.
func (x *examination) about() string {
	if x.running {
		return "running"
	}
	return "configuration"
}

// examine returns all that is found. Once it has begun, nothing is an error: it is a
// finding.
func (x *examination) examine(ctx context.Context) []doctor.Finding {
	file, found := x.read()
	x.finds(found...)
	gateway, answers := x.find(ctx)
	switch {
	case x.config == nil:
		x.finds(answers...)
	case x.inForce:
		x.finds(named("configuration", doctor.Good("%s is what the gateway runs by", file)))
		x.finds(append(answers, siteFindings(x.config)...)...)
	case x.running && len(x.unset) > 0:
		f := doctor.NotKnown("%s can't be checked from here, as %s of the service is not set: the gateway is checked as it runs", file, strings.Join(x.unset, ", "))
		f.Do = "run this with the variables of the service: --envfile FILE"
		x.finds(named("configuration", f))
		x.finds(append(answers, siteFindings(x.config)...)...)
	default:
		x.checkFile(ctx, file, answers)
	}
	if !x.running {
		return x.found
	}
	x.progress.Began("the running gateway looks at Microsoft, at its store, and at rooms")
	patience, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	var told doctorAnswer
	err := gateway.tell(patience, doctorPath, doctorRequest{As: x.as, Live: x.inForce || x.config == nil || len(x.unset) > 0}, &told)
	switch {
	case ctx.Err() != nil:
		x.finds(named("gateway", doctor.NotKnown("its answer was not waited for")))
	case err != nil:
		x.finds(named("gateway", doctor.GatewayFails.Found("%v", err)))
	default:
		x.finds(doctor.NewReport("", "", told.Findings).Findings...)
	}
	return x.found
}

func named(check string, f doctor.Finding) doctor.Finding {
	f.Check = check
	return f
}

// read adapts the configuration.
func (x *examination) read() (file string, found []doctor.Finding) {
	config, file, warnings, err := x.from.adapt()
	switch {
	case err != nil:
		return file, []doctor.Finding{named("configuration", x.invalid(err))}
	case file == "" && x.from.address == "":
		return file, []doctor.Finding{named("configuration", doctor.ConfigMissing.Found("there is no Caddyfile here"))}
	}
	for _, w := range warnings {
		where := fmt.Sprintf("%s:%d", w.File, w.Line)
		if w.Directive != "" {
			where += " (" + w.Directive + ")"
		}
		found = append(found, named("configuration", doctor.ConfigWarning.Found("%s: %s", where, w.Message)))
	}
	x.config = config
	for _, name := range variables(string(config)) {
		if os.Getenv(name) == "" && !slices.Contains(x.unset, name) {
			x.unset = append(x.unset, name)
		}
	}
	return file, found
}

// find looks for the running gateway, and compares what it runs by with the
// configuration.
func (x *examination) find(ctx context.Context) (*gatewayClient, []doctor.Finding) {
	unknown := func(err error) (*gatewayClient, []doctor.Finding) {
		return nil, []doctor.Finding{named("gateway", doctor.NotKnown("%v", err))}
	}
	gateway, err := x.from.client()
	if err != nil {
		return unknown(err)
	}
	x.progress.Began("looking for a running gateway at " + gateway.address)
	ctx, cancel := context.WithTimeout(ctx, doctor.DefaultTimeout)
	defer cancel()
	var running any
	err = gateway.ask(ctx, http.MethodGet, "/config/", &running)
	if errors.Is(err, context.Canceled) {
		err = errors.New("it was broken off before the gateway answered")
	}
	if err != nil {
		return unknown(err)
	}
	apps, _ := running.(map[string]any)["apps"].(map[string]any)
	if apps["ones"] == nil {
		return unknown(fmt.Errorf("the Caddy that runs at %s has no ones block", gateway.address))
	}
	x.running = true
	found := []doctor.Finding{named("gateway", doctor.Good("it runs, and answers at %s", gateway.address))}
	if x.config == nil {
		return gateway, found
	}
	var written any
	x.inForce = json.Unmarshal(x.config, &written) == nil && reflect.DeepEqual(written, running)
	if !x.inForce {
		found = append(found, named("configuration", doctor.ConfigNotInForce.Found("the gateway runs by another configuration than this one")))
	}
	return gateway, found
}

// checkFile makes the checks of a configuration that is not in force. answers are those of
// the running gateway.
func (x *examination) checkFile(ctx context.Context, file string, answers []doctor.Finding) {
	whole := true
	wrong := func(f doctor.Finding) {
		x.finds(named("configuration", f))
		whole = false
	}
	app, err := onesOf(x.config, file)
	switch {
	case errors.Is(err, errNoOnes):
		wrong(doctor.ConfigMissing.Found("%v", err))
	case err != nil:
		wrong(x.invalid(err))
	}
	if err != nil {
		x.finds(append(answers, siteFindings(x.config)...)...)
		return
	}
	x.progress.Began("reading " + file)
	in := takeIn(ctx, app)
	defer in.close()
	for _, problem := range append(in.problems, handlerProblems(x.config)...) {
		wrong(x.invalid(fmt.Errorf("%s: %w", file, problem)))
	}
	if whole { // else it would say the same again
		if err := validated(x.config); err != nil {
			wrong(x.invalid(fmt.Errorf("%s: %w", file, err)))
		} else {
			x.finds(named("configuration", doctor.Good("%s can be loaded", file)))
		}
	}
	x.finds(append(answers, siteFindings(x.config)...)...)
	cctx, cancel := caddy.NewContext(caddy.Context{Context: ctx})
	defer cancel()
	doctor.Run(ctx, in.checks(cctx, x.config, x.running),
		func(c doctor.Check) { x.progress.Began(c.How) }, func(f doctor.Finding) { x.finds(f) })
	x.finds(in.blocked...)
	if !x.running {
		x.finds(unaskedPeople(app)...)
	}
}

// invalid is the finding of what is wrong with the configuration. Where a variable is to
// blame, or may be, as {$NAME} is nothing without one, it is said how it is given to doctors.
func (x *examination) invalid(err error) doctor.Finding {
	f := doctor.ConfigInvalid.Found("%v", err)
	const how = "variables as they are for the service that runs onesgate: --envfile FILE"
	switch empty := x.from.emptyVariables(); {
	case errors.Is(err, errUnset):
		f.Do = "run this with the " + how
	case x.config == nil && len(empty) > 0:
		f.Do += fmt.Sprintf("; {$%s} in it stands for nothing here: run this with the %s", strings.Join(empty, "}, {$"), how)
	}
	return f
}

// substitute is a variable that is replaced before a Caddyfile is read, without a value for
// where it is not set.
var substitute = regexp.MustCompile(`\{\$(\w+)\}`)

// emptyVariables are those of a Caddyfile's substitutes that are not set here.
func (f *configFlags) emptyVariables() (names []string) {
	text, err := os.ReadFile(cmp.Or(f.file, defaultCaddyfile))
	if err != nil {
		return nil // another finding says so
	}
	for _, m := range substitute.FindAllSubmatch(text, -1) {
		if name := string(m[1]); os.Getenv(name) == "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// unaskedPeople are the checks that only a running gateway can make.
func unaskedPeople(app *App) (found []doctor.Finding) {
	for _, i := range app.Integrations {
		for _, name := range []string{"permissions", "rooms", "room_accounts"} {
			f := named(name, doctor.NotKnown(doctor.NoGateway))
			f.About = i.Name
			found = append(found, f)
		}
	}
	return found
}
