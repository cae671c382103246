package caddymodule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
)

// Server is an app registration in Microsoft Entra ID.
type Server struct {
	// Who runs the cloud: `microsoft`, `21vianet`, `us_gov`, `us_gov_dod` or
	// `custom`. Default: `microsoft`.
	Operator string `json:"operator,omitempty"`
	// With `custom`: the OpenID issuer. https, or http on loopback.
	Issuer string `json:"issuer,omitempty"`
	// With `custom`: the root of Microsoft Graph, before `/v1.0`.
	Graph string `json:"graph,omitempty"`
	// The tenant's id, a GUID, or one of its domains, such as
	// `contoso.onmicrosoft.com`. With `custom` it may be left out; given, it is
	// the only `tid` accepted.
	TenantID string `json:"tenant_id,omitempty"`
	// The application's (client) id.
	ClientID string `json:"client_id,omitempty"`
	// How the app shows who it is; at least one. Where one is refused, the next
	// one is tried.
	Credentials []Credential `json:"credentials,omitempty"`
	// Permissions that the tenant has granted beyond the three of the ONES
	// manual, such as `profile` and `email`. One that it has not granted locks
	// everybody out.
	Scopes []string `json:"scopes,omitempty"`
	// Whether to declare that we understand claims challenges (`cp1`, continuous
	// access evaluation). Access tokens then live for up to 28 hours, but are refused
	// within minutes when an account is closed, a password reset or a risk seen.
	// Leave it off where Conditional Access lets people in by their location: Graph
	// sees this server's. Default: no.
	CAE bool `json:"cae,omitempty"`
}

// Credential is a secret, a certificate or a federated token of an app registration.
type Credential struct {
	// A client secret: its value, not its id.
	Secret string `json:"client_secret,omitempty"`
	// When the secret expires, as `2027-05-01`. Nothing else can tell.
	Expires string `json:"expires,omitempty"`
	// A certificate whose public part is registered with the app: a PEM file.
	// It may be replaced at any time.
	Certificate string `json:"client_certificate,omitempty"`
	// The certificate's RSA key: a PEM file.
	Key string `json:"key,omitempty"`
	// A file with a token of another issuer that the app registration trusts,
	// such as Kubernetes. It is read each time.
	TokenFile string `json:"federated_token_file,omitempty"`
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// resolve returns what is needed to speak with the cloud, secrets included.
func (s *Server) resolve() (issuer, graphRoot string, cfg entra.Config, err error) {
	fail := func(err error) (string, string, entra.Config, error) { return "", "", entra.Config{}, err }
	cfg.CAE = s.CAE
	var missing [3]error // all of them at once: they are set in one go
	cfg.ClientID, missing[0] = resolve("client_id", s.ClientID)
	cfg.Credentials, missing[1] = s.credentials()
	var tenant string
	if s.TenantID != "" || s.Operator != "custom" {
		tenant, missing[2] = resolve("tenant_id", s.TenantID)
	}
	if err := errors.Join(missing[:]...); err != nil {
		return fail(err)
	}
	if s.Operator == "custom" {
		if strings.Contains(tenant, ".") {
			return fail(fmt.Errorf("tenant_id %q has a dot in it; with operator custom it is the tid of the tokens, a GUID", tenant))
		}
		cfg.TenantID = tenant
		if issuer, err = resolve("issuer", s.Issuer); err != nil {
			return fail(err)
		}
		if graphRoot, err = resolve("graph", s.Graph); err != nil {
			return fail(err)
		}
	} else {
		cloud, ok := entra.CloudNamed(s.operator())
		if !ok {
			return fail(fmt.Errorf("operator %q is not known; write microsoft, 21vianet, us_gov, us_gov_dod or custom", s.Operator))
		}
		if s.Issuer != "" || s.Graph != "" {
			return fail(fmt.Errorf("issuer and graph belong to operator custom; operator %s has its own", s.operator()))
		}
		if !guid.MatchString(cfg.ClientID) {
			return fail(fmt.Errorf("client_id %q is not a GUID; %s shows it as «Application (client) ID»", cfg.ClientID, cloud.Portal))
		}
		if err := entra.CheckTenant(tenant); err != nil {
			return fail(fmt.Errorf("tenant_id: %w; %s shows the id as «Directory (tenant) ID»", err, cloud.Portal))
		}
		issuer, graphRoot = cloud.Issuer(tenant), cloud.Graph
	}
	if err := entra.CheckIssuer(issuer); err != nil {
		return fail(fmt.Errorf("issuer: %w", err))
	}
	if err := graph.CheckRoot(graphRoot); err != nil {
		return fail(fmt.Errorf("graph: %w", err))
	}
	if cfg.Scopes, err = entra.Scopes(graphRoot, s.Scopes); err != nil {
		return fail(err)
	}
	return issuer, graphRoot, cfg, nil
}

func (s *Server) operator() string {
	if s.Operator == "" {
		return "microsoft"
	}
	return s.Operator
}

func (s *Server) credentials() ([]entra.Credential, error) {
	if len(s.Credentials) == 0 {
		return nil, errors.New("a credential is missing; write client_secret, client_certificate or federated_token_file")
	}
	var resolved []entra.Credential
	var problems []error
	for _, c := range s.Credentials {
		r, err := c.resolve()
		resolved, problems = append(resolved, r), append(problems, err)
	}
	return resolved, errors.Join(problems...)
}

// resolve reads the files too, so that a certificate which is missing or of no
// use is found out before a configuration is in force.
func (c Credential) resolve() (r entra.Credential, err error) {
	var word string
	switch {
	case c.Certificate != "" && c.Secret+c.TokenFile+c.Expires == "":
		word = "client_certificate"
		r.Certificate, err = resolve(word, c.Certificate)
		if err == nil {
			r.Key, err = resolve(word+": the key", c.Key)
		}
	case c.TokenFile != "" && c.Secret+c.Key+c.Expires == "":
		word = "federated_token_file"
		r.TokenFile, err = resolve(word, c.TokenFile)
	case c.TokenFile+c.Certificate+c.Key == "":
		word = "client_secret"
		r.Secret, err = resolve(word, c.Secret)
		if err == nil && c.Expires != "" {
			if r.Expires, err = time.Parse(time.DateOnly, c.Expires); err != nil {
				err = fmt.Errorf("client_secret: %q is not a date; write when it expires as 2027-05-01", c.Expires)
			}
		}
	default:
		err = errors.New("a credential is one of client_secret (with expires), client_certificate (with key) and federated_token_file")
	}
	if err != nil {
		return r, err
	}
	if _, err := r.Check(); err != nil {
		return r, fmt.Errorf("%s: %w", word, err)
	}
	return r, nil
}
