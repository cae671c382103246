package entra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config describes one app registration in one tenant. Printing it in any way
// shows no secret.
type Config struct {
	// TenantID, when given, is the only "tid" accepted. An issuer of Microsoft's
	// needs none: it names its tenant.
	TenantID string
	ClientID string
	// Credentials, in the order in which they are tried.
	Credentials []Credential
	// Scopes requested, exactly: one that the tenant has not granted locks everybody out.
	Scopes []string
	// CAE declares that we understand claims challenges (continuous access
	// evaluation).
	CAE bool
	// Refused is told of a credential that Microsoft refuses when the log is, save
	// where it is the only one: whoever asked has the error then. nil: nobody is. It
	// must not wait for anything.
	Refused func(CredentialState)
}

// String describes the registration without its secret.
func (c Config) String() string { return "app " + c.ClientID }

// Format writes what String returns, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue logs what String returns.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// A Client speaks for one app registration. It may be used concurrently.
type Client struct {
	cfg         Config
	provider    *Provider
	credentials *credentials
	log         *slog.Logger
}

// NewClient returns a client of an app registration at a provider. It does no
// I/O. log is for the operator: a credential that is refused while another one
// works, a challenge that can't be answered.
func NewClient(cfg Config, p *Provider, log *slog.Logger) *Client {
	cfg.Scopes = slices.Clone(cfg.Scopes)
	if cfg.Refused == nil {
		cfg.Refused = func(CredentialState) {}
	}
	return &Client{cfg: cfg, provider: p, credentials: newCredentials(cfg.Credentials, cfg.Refused, log), log: log}
}

// Credentials tells how each credential stands, in the order of the configuration.
// It reads their files.
func (c *Client) Credentials() []CredentialState {
	states := make([]CredentialState, 0, len(c.credentials.all))
	for _, one := range c.credentials.all {
		states = append(states, c.credentials.state(one))
	}
	return states
}

// Format writes which app it is, and where, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s at %s", c.cfg, c.provider.issuer)
}

// Answers says whether an answer through the browser that names its issuer (RFC
// 9207) is this one's.
func (c *Client) Answers(ctx context.Context, iss string) bool {
	pin, err := c.provider.pin(ctx)
	return err == nil && iss == pin.issuer
}

// AuthRequest is what distinguishes one sign-in attempt.
type AuthRequest struct {
	State, Nonce, Verifier, RedirectURI string
	// Prompt: "", "select_account", "login", "consent" or "none".
	Prompt string
	// LoginHint is the claim "login_hint" of an earlier sign-in: whom to sign in.
	// Not together with "select_account".
	LoginHint string
	// Claims, if any, is what Microsoft has demanded before (Error.Claims), or
	// Graph in a challenge. What can't be read of it is left out.
	Claims string
}

// AuthCodeURL returns where to send the browser (OpenID Connect Core 3.1.2.1;
// PKCE S256, RFC 7636). The answer comes in the query: a cross-site POST would
// arrive without SameSite=Lax cookies. When discovery fails the error is an *Error.
func (c *Client) AuthCodeURL(ctx context.Context, r AuthRequest) (string, error) {
	if r.State == "" || r.Nonce == "" || r.Verifier == "" || r.RedirectURI == "" {
		return "", errors.New("a sign-in needs state, nonce, PKCE verifier and redirect URI")
	}
	ep, err := c.provider.discovered(ctx)
	if err != nil {
		return "", err
	}
	opts := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(r.Verifier),
		oidc.Nonce(r.Nonce),
		oauth2.SetAuthURLParam("response_mode", "query"),
	}
	if r.Prompt != "" {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", r.Prompt))
	}
	if r.LoginHint != "" {
		opts = append(opts, oauth2.SetAuthURLParam("login_hint", r.LoginHint))
	}
	if claims := c.claims(ctx, r.Claims); claims != "" {
		opts = append(opts, oauth2.SetAuthURLParam("claims", claims))
	}
	flow := oauth2.Config{
		ClientID:    c.cfg.ClientID,
		Endpoint:    oauth2.Endpoint{AuthURL: ep.Authorization},
		RedirectURL: r.RedirectURI,
		Scopes:      c.cfg.Scopes,
	}
	return flow.AuthCodeURL(r.State, opts...), nil
}

// Registration tells what an administrator knows the app by: its id, its tenant
// as far as it is known (""), and the scopes that it asks for.
func (c *Client) Registration() (clientID, tenant string, scopes []string) {
	tenant = c.cfg.TenantID
	if pin := c.provider.tenant.last.Load(); tenant == "" && pin != nil && pin.value != nil {
		tenant = pin.value.tenant
	}
	return c.cfg.ClientID, tenant, slices.Clone(c.cfg.Scopes)
}

// AdminConsentURL returns where an administrator of the tenant grants the
// configured scopes for everybody
// (https://learn.microsoft.com/entra/identity-platform/v2-admin-consent);
// "": the issuer has no such page, which only Microsoft's have. redirectURI has to
// be registered. What comes back is an answer through the browser: it proves nothing.
func (c *Client) AdminConsentURL(redirectURI, state string) string {
	return AdminConsentURL(c.provider.issuer, c.cfg.ClientID, c.cfg.Scopes, redirectURI, state)
}

// AdminConsentURL is Client.AdminConsentURL where there is no client yet.
func AdminConsentURL(issuer, clientID string, scopes []string, redirectURI, state string) string {
	if !strings.HasSuffix(issuer, "/v2.0") {
		return ""
	}
	return issuer + "/adminconsent?" + url.Values{
		"client_id": {clientID}, "scope": {strings.Join(scopes, " ")}, "redirect_uri": {redirectURI}, "state": {state},
	}.Encode()
}

// EndSessionURL returns where to send the browser to end the session at
// Microsoft (OpenID Connect RP-Initiated Logout 1.0). logoutHint, the claim
// "login_hint" of the ID token, spares the choice of an account; it may be empty.
// It is an error if the issuer has no such address.
func (c *Client) EndSessionURL(ctx context.Context, postLogoutURI, logoutHint string) (string, error) {
	ep, err := c.provider.discovered(ctx)
	if err != nil {
		return "", err
	}
	if ep.EndSession == "" {
		return "", fmt.Errorf("%s announces no end_session_endpoint, so its session can't be ended from here", c.provider.issuer)
	}
	u, err := url.Parse(ep.EndSession)
	if err != nil {
		return "", fmt.Errorf("end_session_endpoint: %w", err)
	}
	q := u.Query()
	q.Set("post_logout_redirect_uri", postLogoutURI)
	if logoutHint != "" {
		q.Set("logout_hint", logoutHint)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
