package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// onesPatience is how long ONES may take to answer.
const onesPatience = 10 * time.Second

// Ones checks whether ONES answers where requests are sent on to: at an address, for the host
// under which browsers know it; name is what the configuration calls it. Any answer in HTTP will do, and
// nothing of it is read. Nobody's identity is told, and no redirect followed.
func Ones(name string, address *url.URL, host string, over http.RoundTripper) Check {
	return Check{Name: "ones", How: "asking ONES at " + name, Timeout: onesPatience, Look: func(ctx context.Context) []Finding {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, address.String(), nil)
		if err != nil {
			return []Finding{NotKnown("%s can't be asked: %s", bounded(name), plain(err))}
		}
		req.Host = host
		res, err := over.RoundTrip(req)
		if err != nil {
			return []Finding{onesUnanswered(name, err)}
		}
		_ = res.Body.Close() // an answer to HEAD has none
		return []Finding{Good("%s answers, %s", bounded(name), shown(res.TLS))}
	}}
}

// OnesNotKnown is in the place of Ones where it can't be known what ONES is asked by.
func OnesNotKnown(why string) Check {
	return Check{Name: "ones", How: "looking for ONES", Look: func(context.Context) []Finding { return []Finding{NotKnown("%s", why)} }}
}

// onesUnanswered says why nothing came back.
func onesUnanswered(name string, err error) Finding {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		op           *net.OpError
		dns          *net.DNSError
		network      net.Error
	)
	name = bounded(name)
	switch {
	case errors.As(err, &verification), errors.As(err, &record),
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // an alert of TLS, whose type crypto/tls keeps to itself
		return OnesTLS.Found("TLS with %s fails: %s", name, plain(err))
	case errors.As(err, &dns) && dns.IsNotFound:
		return OnesRefused.Found("the name in %s is not known to this machine's DNS", name)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return OnesSilent.Found("%s gives no answer in time", name)
	}
	return OnesRefused.Found("%s gives no answer: %s", name, plain(err))
}
