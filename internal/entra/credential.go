package entra

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"
)

// A Credential is one way to show Microsoft that it is our app that asks:
// either Secret, or Certificate with Key, or TokenFile is set. Printing it in any
// way shows no secret.
type Credential struct {
	// Secret is a client secret, and Expires the day on which it ends, as UTC has
	// it; zero: it is not known.
	Secret  string
	Expires time.Time
	// Certificate and Key name PEM files, Key that of an RSA key. They may be
	// replaced at any time.
	Certificate, Key string
	// TokenFile names the file of a token that another issuer has made for us
	// and the app registration trusts (workload identity federation), such as
	// one of Kubernetes. Whoever made it replaces it before it ends.
	TokenFile string
}

// kind is the word of the configuration for it.
func (c Credential) kind() string {
	switch {
	case c.Certificate != "":
		return "client_certificate"
	case c.TokenFile != "":
		return "federated_token_file"
	}
	return "client_secret"
}

// String names the credential without its secret.
func (c Credential) String() string {
	switch {
	case c.Certificate != "":
		return c.kind() + " " + c.Certificate
	case c.TokenFile != "":
		return c.kind() + " " + c.TokenFile
	case !c.Expires.IsZero():
		return c.kind() + " that expires on " + c.Expires.Format(time.DateOnly)
	}
	return c.kind()
}

// Format writes what String returns, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue logs what String returns.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Check reads the files that the credential stands on, says what is wrong with
// them, and returns when the credential ends; zero: nothing here can tell.
func (c Credential) Check() (expires time.Time, err error) {
	switch {
	case c.Certificate != "":
		pair, err := readPair(c.Certificate, c.Key)
		if err != nil {
			return time.Time{}, err
		}
		return pair.certificate.NotAfter, nil
	case c.TokenFile != "":
		_, err := readToken(c.TokenFile)
		return time.Time{}, err
	case c.Secret == "":
		return time.Time{}, errors.New("a credential is empty")
	}
	return c.end(), nil
}

// end is the last second of the day on which a secret ends: at what time it does
// only Azure can tell, and until then it may work. Zero: it is not known.
func (c Credential) end() time.Time {
	if c.Expires.IsZero() {
		return c.Expires
	}
	return c.Expires.UTC().Truncate(day).Add(day - time.Second)
}

// assertionType says that a client_assertion is a JWT (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// prove puts the credential into a form for the token endpoint at audience, and
// returns what must not show in an error.
func (c *credential) prove(form url.Values, clientID, audience string, now time.Time) (secret string, err error) {
	if c.Secret != "" {
		form.Set("client_secret", c.Secret)
		return c.Secret, nil
	}
	var assertion string
	if c.TokenFile != "" {
		assertion, err = readToken(c.TokenFile)
	} else {
		assertion, err = c.assert(clientID, audience, now)
	}
	if err != nil {
		return "", err
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return assertion, nil
}

// maxFile bounds the file of a credential, in bytes.
const maxFile = 64 << 10

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return content, nil
}

func readToken(name string) (string, error) {
	content, err := readFile(name)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(content))
	if strings.Count(token, ".") != 2 || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s holds no token, which would be three parts with dots between them", name)
	}
	return token, nil
}
