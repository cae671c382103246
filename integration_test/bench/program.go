package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// maxPrograms is how many may be measured in a run; each has a port of its own.
const maxPrograms = 64

// A program is one that is measured: how it is started, and what it is asked.
type program struct {
	*process
	target
	lab  *lab
	name string // in the table
	dir  string
	port int
	argv []string
	env  []string
	// signIn is where people sign in; "": it knows nobody.
	signIn  string
	cookies string // of who has signed in
	// forgets: who has signed in has to do so again after a restart.
	forgets bool
	// admin is the socket of Caddy's admin API; "": it is not Caddy.
	admin string
}

// newProgram takes a port and a folder for one. Its target is the page of whoever has
// signed in.
func (l *lab) newProgram(name string) (*program, error) {
	dir, err := os.MkdirTemp(l.dir, "program-")
	if err != nil {
		return nil, err
	}
	v := &program{lab: l, name: name, dir: dir}
	select {
	case v.port = <-l.microsoft.ports:
	default:
		return nil, errors.New("more programs than ports: raise maxPrograms")
	}
	v.target = target{address: fmt.Sprintf("127.0.0.1:%d", v.port), want: http.StatusOK, length: pageLength, request: always(v.page("/", ""))}
	return v, nil
}

func (v *program) url() string { return fmt.Sprintf("http://localhost:%d", v.port) }

// page is a request for a page as a browser sends it.
func (v *program) page(path, cookies string) []byte {
	if cookies != "" {
		cookies = "Cookie: " + cookies + "\r\n"
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n%s%s\r\n", path, v.port, browserHeaders, cookies)
}

const browserHeaders = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en,zh-HK;q=0.8\r\n" +
	"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"

// file writes one of its files.
func (v *program) file(name, content string) (path string, err error) {
	path = filepath.Join(v.dir, name)
	return path, os.WriteFile(path, []byte(content), 0o600)
}

// start starts it, and waits until it answers. If people sign in at it, and nobody has
// yet, somebody does then, and their page is what it is asked for.
func (v *program) start(ctx context.Context) (err error) {
	if v.process, err = v.lab.launch(v.dir+".log", v.env, v.argv...); err != nil {
		return err
	}
	if err := v.await(ctx, v.answers); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	if v.signIn == "" {
		return nil
	}
	if v.cookies, err = signIn(v.url()+v.signIn, v.lab.microsoft.people[0].Mail); err != nil {
		return fmt.Errorf("%s: %w; it wrote: %s", v.name, err, v.lastWords())
	}
	v.request = always(v.page("/", v.cookies))
	return nil
}

// answers says whether it answers at all, also that one has to sign in; a gateway that
// can't yet say who somebody is, answers with an error of the server's.
func (v *program) answers() error {
	res, err := (&http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(v.url())
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("%s answers %d", v.name, res.StatusCode)
	}
	return nil
}

// adminClient calls Caddy's admin API; its host is nobody's.
func (v *program) adminClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", v.admin)
		},
		DisableKeepAlives: true,
	}}
}

// perRequest is the CPU time that a request takes under as much load as it bears.
func (v *program) perRequest(ctx context.Context, d time.Duration) (time.Duration, error) {
	before, err := v.cpu()
	if err != nil {
		return 0, err
	}
	answers, err := press(ctx, v.target, v.lab.connections, d)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", v.name, err)
	}
	after, err := v.cpu()
	if err != nil {
		return 0, err
	}
	if answers == 0 {
		return 0, fmt.Errorf("%s answered nothing within %s", v.name, d)
	}
	return (after - before) / time.Duration(answers), nil
}
