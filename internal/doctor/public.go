package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// healthPath is where a gateway says that it is alive.
const healthPath = "/.ones/healthz"

// Answering is who has to answer where browsers reach the gateway.
type Answering int

const (
	// Anybody: nothing runs by this configuration yet, and something that stands before
	// the gateway may answer, or a gateway that runs by another one.
	Anybody Answering = iota
	// TheGateway: it runs.
	TheGateway
	// NobodyHere: no gateway runs, and this one will itself listen on that port: who
	// answers on this machine is in its way.
	NobodyHere
)

// Public checks the URL under which browsers reach the gateway, from here: where this
// machine can't get there, nothing is known. hc goes through no proxy, lookup
// finds addresses of names (net.Resolver.LookupHost).
func Public(public *url.URL, hc *http.Client, lookup func(ctx context.Context, host string) ([]string, error), who Answering) Check {
	return Check{Name: "public_url", How: "reaching " + public.String() + " as a browser would", Look: func(ctx context.Context) []Finding {
		host := public.Hostname()
		if net.ParseIP(host) == nil && host != "localhost" {
			var dns *net.DNSError
			if _, err := lookup(ctx, host); errors.As(err, &dns) && dns.IsNotFound {
				return []Finding{PublicUnresolved.Found("the name %s is not known to this machine's DNS", host)}
			}
		}
		taken := who == NobodyHere && isHere(ctx, host, lookup)
		a, err := ask(ctx, hc, public.Scheme+"://"+public.Host+healthPath, time.Now)
		var op *net.OpError
		switch {
		case err == nil:
		case taken && !(errors.As(err, &op) && op.Op == "dial"): // somebody has taken the connection
			return []Finding{portTaken(public, plain(err))}
		default:
			return []Finding{publicUnanswered(public, err)}
		}
		var told struct{ Status string }
		switch {
		case a.status == http.StatusOK && json.Unmarshal(a.body, &told) == nil && told.Status == "ok":
			return []Finding{Good("the gateway answers, %s", shown(a.tls))}
		case taken:
			return []Finding{portTaken(public, fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))}
		case who == TheGateway:
			return []Finding{PublicOther.Found("what answers at %s is not the gateway: %d %s", public.Host+healthPath, a.status, http.StatusText(a.status))}
		}
		return []Finding{NotKnown("something answers at %s that is no gateway (%d); none runs by this configuration yet", public.Host, a.status)}
	}}
}

// portTaken is the finding of another program where the gateway will listen.
func portTaken(public *url.URL, how string) Finding {
	f := PublicOther.Found("something on this machine that is no gateway answers at %s (%s): the gateway can't start there", public.Host, how)
	f.Do = "stop what has the port (ss -ltnp shows it), or give the gateway's site and public_url another one"
	return f
}

// isHere says whether a host is this machine.
func isHere(ctx context.Context, host string, lookup func(ctx context.Context, host string) ([]string, error)) bool {
	addresses := []string{host}
	if net.ParseIP(host) == nil {
		addresses, _ = lookup(ctx, host)
	}
	own, _ := net.InterfaceAddrs() // none: only what is never elsewhere is here
	return slices.ContainsFunc(addresses, func(address string) bool {
		ip := net.ParseIP(address)
		return ip.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.Equal(ip)
		})
	})
}

// publicUnanswered says what it means that no answer came.
func publicUnanswered(public *url.URL, err error) Finding {
	var verification *tls.CertificateVerificationError
	var untrusted x509.UnknownAuthorityError
	var misnamed x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &verification) || errors.As(err, &untrusted) || errors.As(err, &misnamed) || errors.As(err, &invalid) {
		return PublicCertificate.Found("browsers are warned of the certificate of %s: %s", public.Host, plain(err))
	}
	return NotKnown("%s can't be reached from here, which may be different where the browsers are: %s", public.Host, plain(err))
}

// A Redirect is an address that has to be registered with the app.
type Redirect struct {
	URI string
	// For says what it is for, and Proven what has shown that it is registered; "":
	// nothing has yet.
	For, Proven string
}

// Redirects tells which redirect URIs have to be registered. That they are, Microsoft
// tells nobody but the person who signs in.
func Redirects(about string, uris []Redirect) Check {
	return Check{Name: "redirect_uris", About: about, How: "naming the redirect URIs", Look: func(context.Context) []Finding {
		var found []Finding
		for _, r := range uris {
			if r.Proven != "" {
				found = append(found, Good("%s is registered: %s", r.URI, r.Proven))
				continue
			}
			found = append(found, NotKnown("%s (%s): has to stand among those of the app, platform Web; whether it does, only its first use shows", r.URI, r.For))
		}
		return found
	}}
}
