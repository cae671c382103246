package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, errUsage) {
			fmt.Fprintln(os.Stderr, "m365sim:", err)
		}
		stop()
		os.Exit(1)
	}
}

// errUsage: flag has said already what is wrong.
var errUsage = errors.New("wrong usage")

// shutdownGrace is how long requests under way may take at the end.
const shutdownGrace = 5 * time.Second

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("m365sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "the world as a JSON `FILE`; without it, a sample one")
	addr := flags.String("addr", "127.0.0.1:8081", "loopback `ADDRESS` and port to listen on")
	baseURL := flags.String("base-url", "", "`URL` that clients know it by; without it, http://localhost and the port")
	state := flags.String("state", "", "`FILE` that keeps its state; without it, all is forgotten at the end")
	verbose := flags.Bool("v", false, "log each request to standard error")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return errUsage
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not understood; there are only flags, see -help", flags.Arg(0))
	}
	cfg, err := readConfig(*config)
	if err != nil {
		return err
	}
	l, err := listen(*addr)
	if err != nil {
		return err
	}
	defer l.Close() // Serve has closed it, unless it never came to that
	if *baseURL == "" {
		*baseURL = baseOf(l.Addr().(*net.TCPAddr))
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	sim, err := m365sim.New(cfg, m365sim.Options{
		BaseURL: *baseURL, StateFile: *state, Client: &http.Client{},
		Log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	return serve(ctx, l, sim, func() { tell(stdout, *baseURL, cfg) })
}

// baseOf is how an address is written in a browser: by name where that leads to
// it, since Entra takes no other redirect URIs than localhost's without TLS.
func baseOf(at *net.TCPAddr) string {
	host := at.IP.String()
	if at.IP.Equal(net.IPv4(127, 0, 0, 1)) || at.IP.Equal(net.IPv6loopback) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(at.Port))
}

// tell says what a client needs to know.
func tell(to io.Writer, baseURL string, cfg world.Config) {
	w := bufio.NewWriter(to)
	defer w.Flush()
	fmt.Fprintf(w, "m365sim ready: %s\n\nOpen it to see who can sign in, and what has been asked for.\n", baseURL)
	at := world.World{Base: baseURL}
	for _, t := range cfg.Tenants {
		cloud := at.Cloud(t.Cloud)
		for _, a := range t.Apps {
			fmt.Fprintf(w, "\n%s, app %s\n  issuer         %s/%s/v2.0\n  graph          %s/v1.0\n  client id      %s\n",
				t.Name, a.Name, cloud.Login, t.ID, cloud.Graph, a.ClientID)
			if len(a.Secrets) > 0 {
				fmt.Fprintf(w, "  client secret  %s\n", a.Secrets[0].Value)
			}
			for _, uri := range a.RedirectURIs {
				fmt.Fprintf(w, "  redirect uri   %s\n", uri)
			}
		}
	}
	fmt.Fprintf(w, "\nStop with Ctrl-C.\n")
}

// serve serves until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, ready func()) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	ready()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-served
	return err
}

func readConfig(file string) (world.Config, error) {
	if file == "" {
		return world.Sample(), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return world.Config{}, fmt.Errorf("the configuration can't be opened: %w; name another with -config", err)
	}
	defer f.Close()
	cfg, err := world.Load(f)
	if err != nil {
		return world.Config{}, fmt.Errorf("the configuration %s is wrong:\n%w", file, err)
	}
	return cfg, nil
}

// listen refuses every address but loopback: anybody may sign in as anybody.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("the address %q is wrong: %w; write it as 127.0.0.1:8081", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the address %q is not on loopback, and whoever reaches the simulator can be anybody; write 127.0.0.1 and a port", addr)
	}
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is in use by another program; stop that, or choose another port with -addr", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("the address %s can't be listened on: %w; choose another with -addr", addr, err)
	}
	return l, nil
}
