package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirm has somebody at the terminal say yes to what a command is about to do, unless
// its --yes has said so. It returns no if they don't want it.
func confirm(cmd *cobra.Command, yes bool, what string, no error) error {
	if yes {
		return nil
	}
	if f, ok := cmd.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return fmt.Errorf("nobody is at the terminal to be asked; write --yes to %s without being asked", cmd.Name())
	}
	return ask(cmd.InOrStdin(), cmd.ErrOrStderr(), what, no)
}

func ask(in io.Reader, out io.Writer, what string, no error) error {
	fmt.Fprint(out, what, " Write yes to go on: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return no
	}
	return nil
}
