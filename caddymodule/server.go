package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
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
	// With `custom`: the OpenID issuer, as its discovery document has it. https, or http on
	// loopback. Required there, and nowhere else.
	Issuer string `json:"issuer,omitempty"`
	// With `custom`: the root of Microsoft Graph, before `/v1.0`. Required there, and nowhere
	// else.
	Graph string `json:"graph,omitempty"`
	// The tenant's id, a GUID, or one of its domains, such as
	// `contoso.onmicrosoft.com`. Required, but with `custom`, where it is the only
	// `tid` that is accepted. Default there: any, if there is no other integration.
	TenantID string `json:"tenant_id,omitempty"`
	// The application's (client) id, a GUID, but with `custom`. Required.
	ClientID string `json:"client_id,omitempty"`
	// How the app shows who it is. Where one is refused, the next one is tried. Required:
	// at least one.
	Credentials []Credential `json:"credentials,omitempty"`
	// Permissions that the tenant has granted beyond the three of the ONES
	// manual, such as `profile` and `email`. One that it has not granted locks
	// everybody out. Default: none.
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
	// A client secret: its value, not its id. Give a placeholder, such as
	// `{env.ONES_CLIENT_SECRET}`. Required, unless it is one of the others.
	Secret string `json:"client_secret,omitempty"`
	// The day on which the secret expires, as `2027-05-01`. Nothing else can tell. Default:
	// it is not known, and nobody is warned.
	Expires string `json:"expires,omitempty" word:"client_secret"`
	// A certificate whose public part is registered with the app: a PEM file.
	// It may be replaced at any time. Required, unless it is one of the others.
	Certificate string `json:"client_certificate,omitempty"`
	// The certificate's RSA key: a PEM file. Required with a certificate.
	Key string `json:"key,omitempty" word:"client_certificate"`
	// A file with a token of another issuer that the app registration trusts,
	// such as Kubernetes. It is read each time. Required, unless it is one of the others.
	TokenFile string `json:"federated_token_file,omitempty"`
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// customOperator is the operator of whom nothing is known beforehand.
const customOperator = "custom"

func (s *Server) operator() string { return cmp.Or(s.Operator, "microsoft") }

// operatorNames are all that there are.
func operatorNames() []string { return append(entra.CloudNames(), customOperator) }

func (s *Server) checkText() error {
	if pending(s.Operator) { // all else depends on it
		return nil
	}
	return checkText(s)
}

func (s *Server) complete() error {
	custom := s.Operator == customOperator
	switch {
	case !custom && s.Issuer+s.Graph != "":
		return about("operator", fmt.Errorf("issuer and graph belong to operator custom; operator %s has its own", s.operator()))
	case !custom && s.TenantID == "":
		return missing("tenant_id")
	case s.ClientID == "":
		return missing("client_id")
	case len(s.Credentials) == 0:
		return errors.New("a credential is missing; write client_secret, client_certificate or federated_token_file")
	}
	for _, c := range s.Credentials {
		if err := c.complete(); err != nil {
			return err
		}
	}
	if custom {
		return s.completeCustom()
	}
	return nil
}

func (s *Server) completeCustom() error {
	switch {
	case s.Issuer == "":
		return missing("issuer")
	case s.Graph == "":
		return missing("graph")
	}
	return nil
}

func (s *Server) check() error {
	if err := s.checkCredentials(); err != nil {
		return err
	}
	if s.Operator == customOperator {
		if err := s.checkCustom(); err != nil {
			return err
		}
		if err := s.checkTid(); err != nil {
			return about("tenant_id", err)
		}
		return s.checkScopes(s.Graph)
	}
	cloud, ok := entra.CloudNamed(s.operator())
	if !ok {
		return about("operator", fmt.Errorf("operator doesn't know %w", notOf(s.Operator, operatorNames())))
	}
	if s.ClientID != "" && !guid.MatchString(s.ClientID) {
		return about("client_id", fmt.Errorf("client_id %q is not a GUID; %s shows it as «Application (client) ID»", s.ClientID, cloud.Portal))
	}
	if s.TenantID != "" {
		if err := entra.CheckTenant(s.TenantID); err != nil {
			return about("tenant_id", fmt.Errorf("tenant_id: %w; %s shows the id as «Directory (tenant) ID»", err, cloud.Portal))
		}
	}
	return s.checkScopes(cloud.Graph)
}

// checkTid checks the tenant of operator custom, to which its issuer may give any form.
func (s *Server) checkTid() error {
	if strings.Contains(s.TenantID, ".") {
		return fmt.Errorf("tenant_id %q has a dot in it; with operator custom it is the tid of the tokens, a GUID", s.TenantID)
	}
	if err := entra.CheckOneTenant(s.TenantID); err != nil {
		return fmt.Errorf("tenant_id: %w", err)
	}
	return nil
}

// checkScopes checks the scopes, once it is known where Graph is.
func (s *Server) checkScopes(graphRoot string) error {
	if graphRoot == "" {
		return nil
	}
	_, err := entra.Scopes(graphRoot, s.Scopes)
	return about("scopes", err)
}

// checkCustom checks what is in the block of operator custom.
func (s *Server) checkCustom() error {
	if s.Issuer != "" {
		if err := entra.CheckIssuer(s.Issuer); err != nil {
			return about("issuer", fmt.Errorf("issuer: %w", err))
		}
	}
	if s.Graph != "" {
		return about("graph", graph.CheckRoot(s.Graph))
	}
	return nil
}

// checkCredentials checks what can be without the files that they name.
func (s *Server) checkCredentials() error {
	secrets := 0
	for _, c := range s.Credentials {
		fail := func(format string, args ...any) error {
			return &fault{"client_secret", secrets, fmt.Errorf("client_secret: "+format, args...)}
		}
		if _, err := time.Parse(time.DateOnly, c.Expires); c.Expires != "" && err != nil {
			return fail("the second value is not a date; write when the secret expires as 2027-05-01") // not repeated: it may be a secret
		}
		// Some makers of other systems do give out GUIDs. Microsoft's secrets never look so.
		if s.Operator != customOperator && guid.MatchString(c.Secret) {
			return fail("this is the secret's id (a GUID), not the secret; write what the portal shows under «Value», which it does once, when the secret is made: make a new one if nobody has kept it")
		}
		if c.word() == "client_secret" {
			secrets++
		}
	}
	return nil
}

// addCredential adds what is to be tried after the others.
func (s *Server) addCredential(c Credential) error {
	for _, other := range s.Credentials {
		if other.Expires = c.Expires; other == c {
			return fmt.Errorf("this %s is there twice; leave one of them out", c.word())
		}
	}
	s.Credentials = append(s.Credentials, c)
	return nil
}

// doubts says what may be wrong with the values that are there.
func (s Server) doubts() (doubts []string) {
	for _, scope := range s.Scopes {
		if entra.KnownScope(scope) { // Microsoft adds to them, so that is no error
			continue
		}
		doubt := fmt.Sprintf("scope %q is none that we know of Microsoft Graph; if the tenant has not granted it by this very name, nobody can sign in", scope)
		if near := nearest(scope, entra.DelegatedScopes()); near != "" {
			doubt += "; did you mean " + near + "?"
		}
		doubts = append(doubts, doubt)
	}
	return doubts
}

// lateDoubts are those that the file, where its values are written, did not show.
func (s Server) lateDoubts(written Server) []string {
	shown := literal(written).doubts()
	return slices.DeleteFunc(s.doubts(), func(doubt string) bool { return slices.Contains(shown, doubt) })
}

// config returns what is needed to speak with the cloud. It reads the files of
// credentials too, so that a certificate which is missing or of no use is found out
// before a configuration is in force. The server has to be settled.
func (s *Server) config() (issuer, graphRoot string, cfg entra.Config, err error) {
	cfg.ClientID, cfg.CAE = s.ClientID, s.CAE
	issuer, graphRoot, cfg.TenantID = s.Issuer, s.Graph, s.TenantID
	if cloud, ok := entra.CloudNamed(s.operator()); ok {
		issuer, graphRoot, cfg.TenantID = cloud.Issuer(s.TenantID), cloud.Graph, ""
	}
	var problems []error
	for _, c := range s.Credentials {
		r := entra.Credential{Secret: c.Secret, Certificate: c.Certificate, Key: c.Key, TokenFile: c.TokenFile}
		if c.Expires != "" {
			r.Expires, err = time.Parse(time.DateOnly, c.Expires)
			problems = append(problems, err)
		}
		if _, err := r.Check(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", c.word(), err))
		}
		cfg.Credentials = append(cfg.Credentials, r)
	}
	scopes, err := entra.Scopes(graphRoot, s.Scopes)
	cfg.Scopes = scopes
	return issuer, graphRoot, cfg, gathered(append(problems, err)...)
}

// word is the word of the Caddyfile for it.
func (c Credential) word() string {
	switch {
	case c.Certificate != "":
		return "client_certificate"
	case c.TokenFile != "":
		return "federated_token_file"
	}
	return "client_secret"
}

// complete says whether it is one of the three, and all of it.
func (c Credential) complete() error {
	switch {
	case c.Secret != "" && c.Certificate+c.Key+c.TokenFile == "":
	case c.Certificate != "" && c.Key != "" && c.Secret+c.TokenFile+c.Expires == "":
	case c.TokenFile != "" && c.Secret+c.Certificate+c.Key+c.Expires == "":
	default:
		return errors.New("a credential is one of client_secret (with expires), client_certificate (with key) and federated_token_file")
	}
	return nil
}
