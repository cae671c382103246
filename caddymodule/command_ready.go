package caddymodule

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

// readiness is what a gateway answers while it is ready to serve.
type readiness struct {
	Status string `json:"status"`
}

// readyCommand is what /.ones/readyz tells, for whoever can start a program and no
// more: the health check of a container that holds nothing else.
func readyCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "ready",
		Short: "Fails unless the running gateway is ready to serve: for health checks",
	}, readyPath, nil, func(r readiness, to io.Writer) error {
		_, err := fmt.Fprintln(to, r.Status)
		return err
	})
}

func serveReady(w http.ResponseWriter, _ *http.Request, e *engine) error {
	if err := e.ready(); err != nil {
		return refuse(http.StatusServiceUnavailable, "it is not ready to serve: %w", err)
	}
	return answer(w, readiness{Status: "ready"})
}
