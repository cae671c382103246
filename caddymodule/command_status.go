package caddymodule

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/status"
)

func statusCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "status",
		Short: "Tells how the running gateway stands",
	}, statusPath, nil, func(p status.Picture, to io.Writer) error { return p.Print(to, time.Now()) })
}
