package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// An answer is what came back from somewhere, as far as doctors care.
type answer struct {
	status int
	header http.Header
	body   []byte // at most maxAnswer
	tls    *tls.ConnectionState
	// sent and came are when the request was sent, and when its answer began.
	sent, came time.Time
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// ask gets an address without any token. Redirects are not followed.
func ask(ctx context.Context, hc *http.Client, address string, now func() time.Time) (answer, error) {
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	a := answer{sent: now()}
	res, err := own.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }() // only read
	a.came, a.status, a.header, a.tls = now(), res.StatusCode, res.Header, res.TLS
	a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return a, err
}

// unanswered says why nothing came back from a host.
func unanswered(host string, err error) Finding {
	var (
		untrusted x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		misnamed  x509.HostnameError
		dns       *net.DNSError
		op        *net.OpError
	)
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return ProxyUnreachable.Found("the proxy on the way to %s gives no way through: %s", host, plain(err))
	case errors.As(err, &untrusted):
		return CertificateUntrusted.Found("the certificate that %s shows is of an authority that this machine doesn't trust%s", host, issuedBy(untrusted.Cert))
	case errors.As(err, &misnamed):
		return CertificateMisnamed.Found("what answers as %s shows the certificate of somebody else%s", host, issuedBy(misnamed.Certificate))
	case errors.As(err, &invalid):
		return CertificateInvalid.Found("the certificate that %s shows can't be used: %s", host, plain(invalid))
	case errors.As(err, &dns) && dns.IsNotFound:
		return NameUnknown.Found("the name %s is not known to this machine's DNS", host)
	}
	return Unreachable.Found("%s gives no answer: %s", host, plain(err))
}

// issuedBy tells who has made a certificate, which tells a proxy that reads along.
func issuedBy(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf(" (made by %q)", bounded(c.Issuer.String()))
}

// plain is an error without the address that was asked for.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "the time for it ran out"
	}
	return bounded(err.Error())
}

// bounded cuts a text that came from outside, and leaves out what a terminal would obey.
func bounded(s string) string {
	const most = 300
	clean := []rune{}
	for _, r := range s {
		if len(clean) == most {
			clean = append(clean, '…')
			break
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			r = ' '
		}
		clean = append(clean, r)
	}
	return string(clean)
}

// shown is how TLS was spoken, in words.
func shown(s *tls.ConnectionState) string {
	if s == nil {
		return "without TLS"
	}
	words := tls.VersionName(s.Version)
	if len(s.PeerCertificates) > 0 {
		words += fmt.Sprintf(", certificate until %s", s.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly))
	}
	return words
}

// Proxy checks what the environment says of proxies between the gateway and addresses,
// as the HTTP client asks it.
func Proxy(of func(*http.Request) (*url.URL, error), addresses []string) Check {
	return Check{
		Name: "proxy", How: "reading HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
		Look: func(ctx context.Context) []Finding {
			var found []Finding
			for _, address := range addresses {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
				if err != nil {
					continue // the address is for another check
				}
				proxy, err := of(req)
				switch {
				case err != nil:
					// The value may hold a password: the error is not repeated.
					return []Finding{ProxyInvalid.Found("HTTPS_PROXY or HTTP_PROXY is no address of a proxy, so nothing can be asked of Microsoft")}
				case proxy != nil:
					found = append(found, Good("%s is asked through the proxy %s", req.URL.Host, proxy.Host))
				}
			}
			if found == nil {
				found = append(found, Good("none: Microsoft is asked directly"))
			}
			return found
		},
	}
}
