package caddymodule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/doctor"
)

// adminFlags say which running gateway a command is about.
type adminFlags struct {
	configFlags
	address string
}

func (f *adminFlags) add(cmd *cobra.Command) {
	f.configFlags.add(cmd)
	cmd.Flags().StringVar(&f.address, "address", "", "The gateway's admin address, such as unix//run/onesgate/admin.sock (if --config is not used)")
}

// telling has a command tell what the running gateway answers at a path: to people as
// print writes it, to programs in JSON. question, where there is one, makes of the
// command's arguments what is asked: in a body, since Caddy logs addresses.
func telling[T any](cmd *cobra.Command, path string, question func(args []string) any, print func(told T, to io.Writer) error) *cobra.Command {
	var from adminFlags
	var asJSON bool
	if cmd.Args == nil {
		cmd.Args = cobra.NoArgs
	}
	cmd.RunE = interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		gateway, err := from.client()
		if err != nil {
			return err
		}
		var answer json.RawMessage
		if question == nil {
			err = gateway.ask(ctx, http.MethodGet, path, &answer)
		} else {
			err = gateway.tell(ctx, path, question(args), &answer)
		}
		if err != nil {
			return err
		}
		if asJSON {
			_, err = cmd.OutOrStdout().Write(append(answer, '\n'))
			return err
		}
		var told T
		if err := json.Unmarshal(answer, &told); err != nil {
			return fmt.Errorf("the gateway's answer can't be read: %w", err)
		}
		return print(told, cmd.OutOrStdout())
	})
	from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "As the gateway tells it, in JSON")
	return cmd
}

// A gatewayClient calls the admin API of a running gateway.
type gatewayClient struct {
	address string
	assumed string // why the address is that one, if nobody has said so
	origin  string
	unix    bool
	http    *http.Client
}

// errNoGateway: nothing answers at the admin address.
var errNoGateway = errors.New("no gateway answers")

// client finds the gateway as "caddy reload" does.
func (f *adminFlags) client() (*gatewayClient, error) {
	address := f.address
	if address == "" {
		config, file, err := f.load()
		if err != nil {
			return f.despite(err)
		}
		var cfg struct {
			Admin caddy.AdminConfig `json:"admin"`
		}
		if file != "" {
			if err := json.Unmarshal(config, &cfg); err != nil {
				return nil, fmt.Errorf("the configuration %s can't be read: %w", file, err)
			}
		}
		if cfg.Admin.Disabled {
			return nil, fmt.Errorf("%s switches Caddy's admin API off, which this command needs; write: admin unix//run/onesgate/admin.sock|0600", file)
		}
		if address, err = caddycmd.DetermineAdminAPIAddress("", config, file, ""); err != nil {
			return nil, fmt.Errorf("the admin address can't be found: %w", err)
		}
	}
	c, err := newGatewayClient(address)
	if err == nil && f.address == "" && f.file == "" && !caddyfileHere() {
		c.assumed = ", Caddy's usual address, as there is no Caddyfile here"
	}
	return c, err
}

// despite finds the gateway by the admin line of a Caddyfile that can't be read otherwise:
// the gateway goes on running by what it has loaded, while somebody edits.
func (f *adminFlags) despite(unread error) (*gatewayClient, error) {
	file := cmp.Or(f.file, defaultCaddyfile)
	address := ""
	if f.adapterOf(file) == "caddyfile" {
		address = adminLine(file)
	}
	if address == "" {
		return nil, fmt.Errorf("%w; so it is not known where the gateway answers: --address tells, such as --address unix//run/onesgate/admin.sock", unread)
	}
	c, err := newGatewayClient(address)
	if err != nil {
		return nil, fmt.Errorf("%w; and by its admin line the gateway can't be found: %w; --address tells where it answers", unread, err)
	}
	c.assumed = ", as the admin line of " + file + " says, which can't be loaded as it is now"
	return c, nil
}

// adminLine returns what the global option admin of a Caddyfile says, if it is an address and
// the file is a Caddyfile at all.
func adminLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	blocks, err := caddyfile.Parse(file, text)
	if err != nil || len(blocks) == 0 || len(blocks[0].Keys) > 0 {
		return ""
	}
	for _, line := range blocks[0].Segments {
		if line.Directive() == "admin" && len(line) > 1 && line[1].Text != "off" && line[1].Text != "{" {
			return line[1].Text
		}
	}
	return ""
}

func caddyfileHere() bool {
	_, err := os.Stat(defaultCaddyfile)
	return err == nil
}

// newGatewayClient does what caddycmd.AdminAPIRequest does, whose errors are
// text: whether nothing runs there, or what it refuses, can't be told by them.
func newGatewayClient(address string) (*gatewayClient, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(address, true, true)
	if err != nil {
		return nil, fmt.Errorf("the admin address %s: %w", address, err)
	}
	parsed, err := caddy.ParseNetworkAddress(resolved)
	if err != nil || parsed.PortRangeSize() > 1 {
		return nil, fmt.Errorf("%s is no admin address; write one like unix//run/onesgate/admin.sock or localhost:2019", resolved)
	}
	c := &gatewayClient{address: resolved, unix: parsed.IsUnixNetwork()}
	dial := parsed.JoinHostPort(0)
	c.origin = "http://" + dial
	if c.unix {
		dial, _, _ = strings.Cut(parsed.Host, "|") // the mode of the socket
		c.address, c.origin = dial, "http://127.0.0.1"
	}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, parsed.Network, dial)
		},
		DisableKeepAlives: true,
	}}
	return c, nil
}

// call sends body as JSON, if there is one, and returns the answer, whose body
// has to be closed. Its errors are sentences for people.
func (c *gatewayClient) call(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.origin+path, sent)
	if err != nil {
		return nil, err
	}
	if !c.unix { // Caddy knows no origins there, and refuses any
		req.Header.Set("Origin", c.origin)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if method == http.MethodGet && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		res, err = c.http.Do(req) // a reload replaces Caddy's admin server: the old one hangs up on who comes in that moment
	}
	if err != nil {
		return nil, c.unanswered(err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		defer func() { _ = res.Body.Close() }()
		return nil, c.refused(res)
	}
	return res, nil
}

// maxAnswer bounds an answer that is read as a whole, in bytes.
const maxAnswer = 16 << 20

// ask makes a call without a body and reads the JSON of its answer.
func (c *gatewayClient) ask(ctx context.Context, method, path string, into any) error {
	return c.exchange(ctx, method, path, nil, into)
}

// tell posts body as JSON and reads the JSON of its answer.
func (c *gatewayClient) tell(ctx context.Context, path string, body, into any) error {
	return c.exchange(ctx, http.MethodPost, path, body, into)
}

func (c *gatewayClient) exchange(ctx context.Context, method, path string, body, into any) error {
	res, err := c.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return c.unanswered(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("the gateway's answer can't be read: %w", err)
	}
	return nil
}

// unanswered says why no answer came.
func (c *gatewayClient) unanswered(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, fs.ErrPermission):
		as := "the user that the gateway runs as"
		if user := doctor.OtherUser(c.address); user != "" {
			as += ": sudo -u " + user + " onesgate ones …"
		}
		return fmt.Errorf("this user may not talk to the gateway at %s: %w; run this as %s", c.address, err, as)
	case c.unix && errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s%s: the socket is there, and nobody listens: the gateway has ended, or another start beside it has taken the place of its socket, and it has to be restarted", errNoGateway, c.address, c.assumed)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w at %s%s: it does not run, or has another admin address, which its Caddyfile (--config) or --address tells: %w", errNoGateway, c.address, c.assumed, op.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the gateway at %s broke off its answer; its log says why", c.address)
	}
	return fmt.Errorf("the gateway at %s gives no answer: %w", c.address, err)
}

// refused tells what the gateway says against a call.
func (c *gatewayClient) refused(res *http.Response) error {
	var told caddy.APIError
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAdminBody))
	if err == nil {
		err = json.Unmarshal(b, &told)
	}
	if err != nil || told.Message == "" {
		return fmt.Errorf("what answers at %s is no gateway of this version: %s", c.address, res.Status)
	}
	return fmt.Errorf("the gateway at %s refuses: %s", c.address, told.Message)
}
