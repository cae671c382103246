package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxTokenLife bounds what is believed of expires_in. Microsoft's longest
// tokens live 28 hours.
const maxTokenLife = 7 * 24 * time.Hour

// Tokens of one answer of the token endpoint. Printing them in any way shows
// when the access token expires, no more.
type Tokens struct {
	Access  string
	Refresh string
	Expires time.Time
	Scopes  []string
}

// String describes the tokens without showing them.
func (t Tokens) String() string {
	return "tokens that expire at " + t.Expires.UTC().Format(time.RFC3339)
}

// Format writes what String returns, whatever the verb.
func (t Tokens) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue logs what String returns.
func (t Tokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Exchange redeems a code and verifies the ID token that comes with it. r is
// the attempt that AuthCodeURL was given. The error is an *Error if the issuer
// refused or gave no answer, ErrIDToken if what it gave can't be trusted.
func (c *Client) Exchange(ctx context.Context, code string, r AuthRequest) (Tokens, Claims, error) {
	answer, err := c.token(ctx, opExchange, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {r.RedirectURI},
		"code_verifier": {r.Verifier},
	}, c.claims(ctx, "")) // what was demanded with the code, it stands for
	if err != nil {
		return Tokens{}, Claims{}, err
	}
	claims, err := c.verify(ctx, answer.idToken, answer.Access, r.Nonce)
	if err != nil {
		return Tokens{}, Claims{}, err
	}
	return answer.Tokens, claims, nil
}

// Refresh redeems a refresh token. An answer without a new one keeps the old.
// challenge, if not empty, is that with which Graph has refused the access token
// before. The error is an *Error.
//
// Nothing is taken from an ID token that comes along, so it isn't looked at:
// Microsoft calls those unsigned and for display, and who the person is has been
// settled by the one that Exchange has verified (OpenID Connect Core 12.2 demands
// that they agree).
func (c *Client) Refresh(ctx context.Context, refreshToken, challenge string) (Tokens, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	claims := c.claims(ctx, challenge)
	answer, err := c.token(ctx, opRefresh, form, claims)
	if claims != c.claims(ctx, "") {
		challenged(err, challenge)
	}
	if err != nil {
		return Tokens{}, err
	}
	if answer.Refresh == "" {
		answer.Refresh = refreshToken
	}
	return answer.Tokens, nil
}

// challenged completes a refusal of a request that has carried a challenge. Where
// it takes a sign-in, that has to carry it, too. And one that Microsoft can't make
// anything of is a matter of whoever was challenged: all else that we send is sent
// for everybody.
func challenged(err error, challenge string) {
	var refused *Error
	switch {
	case !errors.As(err, &refused):
	case refused.Class == Operator && refused.Code == "invalid_request":
		refused.Class = Person
	case (refused.Class == Person || refused.Class == Dead) && refused.Claims == "":
		refused.Claims = challenge
	}
}

type tokenAnswer struct {
	Tokens
	idToken string
}

// token sends a form to the token endpoint (RFC 6749, section 3.2), once, and
// once more for each credential that is refused. x/oauth2 would send no scope
// with a refresh token, which is good for every resource, and drop most of what
// an error says. claims is the parameter of that name; "": none.
func (c *Client) token(ctx context.Context, op string, form url.Values, claims string) (tokenAnswer, error) {
	ep, err := c.provider.discovered(ctx)
	if err != nil {
		return tokenAnswer{}, err
	}
	form.Set("client_id", c.cfg.ClientID)
	form.Set("scope", strings.Join(c.cfg.Scopes, " "))
	if claims != "" {
		form.Set("claims", claims)
	}
	var answer tokenAnswer
	err = c.credentials.try(ctx, op, c.provider.now(), func(cred *credential) (err error) {
		answer, err = c.tokenBy(ctx, op, ep.Token, maps.Clone(form), cred)
		return err
	})
	return answer, err
}

// tokenBy sends a form with one credential, in the body: Microsoft takes HTTP
// Basic too, but an assertion goes there only (RFC 7523, section 2.2).
func (c *Client) tokenBy(ctx context.Context, op, endpoint string, form url.Values, cred *credential) (tokenAnswer, error) {
	sent := c.provider.now()
	secret, err := cred.prove(form, c.cfg.ClientID, endpoint, sent)
	if err != nil {
		return tokenAnswer{}, &Error{Op: op, Class: Operator, Err: fmt.Errorf("%w: %s: %w", errCredential, cred.name(), err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return tokenAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := c.provider.do(op, req, secret, form.Get("code"), form.Get("code_verifier"), form.Get("refresh_token"))
	if err != nil {
		return tokenAnswer{}, err
	}
	answer, err := parseTokens(body, sent)
	if err != nil {
		return tokenAnswer{}, noAnswerTo(op, req, fmt.Errorf("%s sent an answer that can't be used: %w", req.URL.Host, err))
	}
	if answer.Scopes == nil {
		answer.Scopes = c.cfg.Scopes // RFC 6749, 5.1: left out, it is what was asked for
	}
	return answer, nil
}

// parseTokens reads a success (RFC 6749, section 5.1). sent is when it was asked for.
func parseTokens(body []byte, sent time.Time) (tokenAnswer, error) {
	var a struct {
		TokenType    string `json:"token_type"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		IDToken      string `json:"id_token"`
		Scope        string `json:"scope"`
		// A string from older endpoints: json.Number reads both.
		ExpiresIn json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return tokenAnswer{}, fmt.Errorf("no JSON object as expected (offset %d)", offset(err))
	}
	seconds, err := a.ExpiresIn.Int64()
	switch {
	case a.AccessToken == "":
		return tokenAnswer{}, errors.New("access_token is missing")
	case !strings.EqualFold(a.TokenType, "Bearer"):
		return tokenAnswer{}, errors.New("token_type is not Bearer")
	case err != nil || seconds <= 0:
		return tokenAnswer{}, errors.New("expires_in is not a number of seconds")
	}
	life := min(seconds, int64(maxTokenLife/time.Second))
	t := Tokens{Access: a.AccessToken, Refresh: a.RefreshToken, Expires: sent.Add(time.Duration(life) * time.Second)}
	if a.Scope != "" {
		t.Scopes = strings.Fields(a.Scope)
	}
	return tokenAnswer{Tokens: t, idToken: a.IDToken}, nil
}

// offset says where JSON broke off; the error itself may quote a token.
func offset(err error) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &kind):
		return kind.Offset
	}
	return 0
}
