package integration_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A caller is a process of its own that makes HTTP calls, one at a time, and says how
// long each took. Who calls from the process that answers, as tests do else, is answered
// sooner than anybody is in earnest.
type caller struct {
	b   testing.TB
	ask *json.Encoder
	say *json.Decoder
}

// callerWord, in the environment, makes this program a caller.
const callerWord = "ONESGATE_CALLER"

type errand struct {
	Method, URL string
	Header      http.Header
	Body        []byte
}

type outcome struct {
	Status int
	Body   string
	Took   time.Duration
	Error  string
}

func newCaller(b testing.TB) *caller {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), callerWord+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &caller{b, json.NewEncoder(in), json.NewDecoder(out)}
}

// send has a request made, which has to succeed, and returns how long it took until
// the answer was read.
func (c *caller) send(req *http.Request) (outcome, time.Duration) {
	c.b.Helper()
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			c.b.Fatal(err)
		}
	}
	if err := c.ask.Encode(errand{req.Method, req.URL.String(), req.Header, body}); err != nil {
		c.b.Fatal(err)
	}
	var o outcome
	if err := c.say.Decode(&o); err != nil {
		c.b.Fatal(err)
	}
	if o.Error != "" || o.Status/100 != 2 {
		c.b.Fatalf("%s %s: %d %s%s", req.Method, req.URL, o.Status, o.Error, o.Body)
	}
	return o, o.Took
}

// runErrands is what the process of a caller does, until nobody asks any more.
func runErrands() int {
	ask, say := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var e errand
		if ask.Decode(&e) != nil {
			return 0
		}
		if say.Encode(e.run()) != nil {
			return 1
		}
	}
}

func (e errand) run() outcome {
	began := time.Now()
	req, err := http.NewRequest(e.Method, e.URL, bytes.NewReader(e.Body))
	if err != nil {
		return outcome{Error: err.Error()}
	}
	req.Header = e.Header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{Status: res.StatusCode, Body: string(body), Took: time.Since(began)}
}
