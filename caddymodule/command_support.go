package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/support"
)

func supportCommand() *cobra.Command {
	var from adminFlags
	var output string
	cmd := &cobra.Command{
		Use:   "support-bundle",
		Short: "Writes a file for whoever helps you: how the gateway stands, without secrets and names",
		Long: `
Writes a file, a tar archive under gzip, for whoever helps you: versions, configuration,
status, metrics, bookings that wait or have failed, the last lines of the gateway's log.
Tokens, secrets and what bookings are about are left out. People's names, addresses and
user ids stand in it under other names, which nobody can lead back; ids of tenant, app and
bookings, and names of hosts and rooms, stay. Look through it before you send it.

Without a running gateway it holds the configuration and versions alone.`,
		Args: cobra.NoArgs,
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			made := time.Now()
			name := "onesgate-support-" + made.Format("20060102-150405")
			if output == "" {
				output = name + ".tar.gz"
			}
			files, missing := supportFiles(ctx, from)
			for _, m := range missing {
				fmt.Fprintln(cmd.ErrOrStderr(), "Not in it:", m)
			}
			write := func(to io.Writer) (int64, error) { return 0, support.Write(to, name, made, files) }
			if output == "-" {
				_, err := write(cmd.OutOrStdout())
				return err
			}
			if _, err := writeNew(output, write); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s. Look through it before you send it.\n", output, counted(len(files), "file", "files"))
			return err
		}),
	}
	from.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "The file to write, or - for standard output (default: onesgate-support-YYYYMMDD-HHMMSS.tar.gz)")
	return cmd
}

// supportFiles collects the files of a bundle, and says in sentences what can't be had.
func supportFiles(ctx context.Context, from adminFlags) (files []support.File, missing []string) {
	redaction := support.NewRedaction()
	add := func(name string, content []byte, err error) {
		if err != nil {
			missing = append(missing, name+": "+redaction.Text(err.Error()))
			return
		}
		files = append(files, support.File{Name: name, Content: content})
	}
	versions, err := json.MarshalIndent(builtFrom(), "", "  ")
	add("versions.json", versions, err)

	x := examination{from: from}
	found := x.examine(ctx)
	diagnosis, err := json.Marshal(doctor.NewReport(version(), x.about(), found))
	if err == nil {
		diagnosis, err = redaction.JSON(diagnosis)
	}
	add("doctor.json", diagnosis, err)

	gateway, err := from.client()
	if err == nil {
		_, err = gateway.fetch(ctx, statusPath)
	}
	if err != nil {
		add("status.json", nil, err)
		config, file, err := from.load()
		if err == nil && file == "" {
			err = errors.New("there is no Caddyfile here; name it with --config")
		}
		if err == nil {
			config, err = redaction.Config(config)
		}
		add("config.json", config, err)
	} else {
		gateway.gather(ctx, redaction, add)
	}
	if len(missing) > 0 {
		files = append(files, support.File{Name: "missing.txt", Content: []byte(strings.Join(missing, "\n") + "\n")})
	}
	return files, missing
}

// gather collects what the running gateway tells.
func (c *gatewayClient) gather(ctx context.Context, redaction *support.Redaction, add func(string, []byte, error)) {
	config, err := c.fetch(ctx, "/config/")
	if err == nil {
		config, err = redaction.Config(config)
	}
	add("config.json", config, err)

	status, err := c.fetch(ctx, statusPath)
	if err == nil {
		status, err = redaction.JSON(status)
	}
	add("status.json", status, err)

	metrics, err := c.fetch(ctx, "/metrics")
	add("metrics.txt", []byte(redaction.Text(string(metrics))), err)

	for _, state := range []booking.State{booking.StateWaiting, "failed"} {
		var told []byte
		list, err := c.bookings(ctx, bookingFilter{State: state}, maxBookings)
		if err == nil {
			told, err = json.Marshal(list)
		}
		if err == nil {
			told, err = redaction.JSON(told)
		}
		add("bookings-"+string(state)+".json", told, err)
	}

	var itself diagnostics
	err = c.ask(ctx, http.MethodGet, diagnosticsPath, &itself)
	add("goroutines.txt", []byte(redaction.Text(itself.Goroutines)), err)
	var log bytes.Buffer
	for _, line := range itself.Log {
		told, wrong := redaction.JSON([]byte(line))
		if wrong == nil {
			wrong = json.Compact(&log, told)
		}
		err = errors.Join(err, wrong)
		log.WriteByte('\n')
	}
	add("log.jsonl", log.Bytes(), err)
}

// fetch asks for what the admin API answers at a path, whatever it is.
func (c *gatewayClient) fetch(ctx context.Context, path string) ([]byte, error) {
	res, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, c.unanswered(err)
	}
	return b, nil
}

// build is what a binary was built from.
type build struct {
	Version string            `json:"version"`
	Go      string            `json:"go"`
	OS      string            `json:"os"`
	Modules map[string]string `json:"modules"`
}

func builtFrom() build {
	b := build{Version: version(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Modules: map[string]string{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			b.Modules[m.Path] = m.Version
		}
	}
	return b
}
