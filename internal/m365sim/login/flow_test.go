package login

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// An independent client goes through the whole flow, in two clouds.
func TestCodeFlow(t *testing.T) {
	for _, tt := range []struct{ cloud, tenant, client, secret, mail string }{
		{"", world.Sample().Tenants[0].ID, world.Sample().Tenants[0].Apps[0].ClientID, world.Sample().Tenants[0].Apps[0].Secrets[0].Value, alice},
		{"/21vianet", chinaID, chinaAppID, "another-secret", wei},
	} {
		t.Run(tt.tenant, func(t *testing.T) {
			r := newRig(t)
			root := r.base + tt.cloud
			ctx := oidc.ClientContext(t.Context(), r.client)
			provider, err := oidc.NewProvider(ctx, root+"/"+tt.tenant+"/v2.0")
			if err != nil {
				t.Fatal(err)
			}
			client := oauth2.Config{
				ClientID: tt.client, ClientSecret: tt.secret, RedirectURL: callback,
				Endpoint: provider.Endpoint(), Scopes: []string{"openid", "offline_access", root + "/calendars.readwrite.shared"},
			}
			client.Endpoint.AuthStyle = oauth2.AuthStyleInParams
			proof := oauth2.GenerateVerifier()
			address := client.AuthCodeURL("xyz", oidc.Nonce("n-1"), oauth2.S256ChallengeOption(proof))
			local, _, _ := strings.Cut(tt.mail, "@")
			r.get(address).page(t, http.StatusOK, `id="account-`+local+`"`)
			back := r.post(address, url.Values{"account": {tt.mail}})
			q := back.query(t)
			if back.StatusCode != http.StatusSeeOther || q.Get("state") != "xyz" {
				t.Fatalf("the way back: %d %v", back.StatusCode, q)
			}
			tokens, err := client.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(proof))
			if err != nil {
				t.Fatal(err)
			}
			if left := tokens.Extra("expires_in").(float64); left < 3600 || left >= 5400 {
				t.Errorf("expires_in = %v, want 60 to 90 minutes", left)
			}
			if got, want := tokens.Extra("scope"), "openid "+root+"/Calendars.ReadWrite.Shared"; got != want {
				t.Errorf("scope = %q, want %q", got, want)
			}
			check := &oidc.Config{ClientID: client.ClientID, Now: func() time.Time { return begin }}
			id, err := provider.Verifier(check).Verify(ctx, tokens.Extra("id_token").(string))
			if err != nil {
				t.Fatal(err)
			}
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
			if err != nil || info.Subject != id.Subject || id.Nonce != "n-1" {
				t.Errorf("userinfo: %+v, %v; the ID token: %+v", info, err, id)
			}
			renewed, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
			if err != nil {
				t.Fatal(err)
			}
			if renewed.RefreshToken == tokens.RefreshToken || renewed.AccessToken == tokens.AccessToken {
				t.Error("a refresh gave the same tokens again")
			}
		})
	}
}

// idToken verifies the ID token of an answer and returns its claims.
func (r *rig) idToken(answer map[string]any, keys, iss, client string) map[string]any {
	r.t.Helper()
	ctx := oidc.ClientContext(r.t.Context(), r.client)
	check := &oidc.Config{ClientID: client, Now: func() time.Time { return begin }}
	token, err := oidc.NewVerifier(iss, oidc.NewRemoteKeySet(ctx, r.base+keys), check).Verify(ctx, answer["id_token"].(string))
	if err != nil {
		r.t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		r.t.Fatal(err)
	}
	return claims
}

func TestClaims(t *testing.T) {
	groups := make([]string, 201)
	for i := range groups {
		groups[i] = strings.Repeat("g", i+1)
	}
	always := []string{"aio", "aud", "exp", "iat", "iss", "nbf", "nonce", "rh", "sub", "tid", "uti", "ver"}
	for name, tt := range map[string]struct {
		scope    string
		optional []string
		person   func(*world.Person)
		want     []string       // besides always
		values   map[string]any // some of them
	}{
		"three scopes": {scope: "openid offline_access Calendars.ReadWrite.Shared"},
		"profile":      {scope: "openid profile", want: []string{"name", "oid", "preferred_username"}, values: map[string]any{"oid": "0b1ec700-0000-4000-8000-00000000a11c"}},
		"email":        {scope: "openid email", want: []string{"email"}},
		"names without profile": {
			scope: "openid", optional: []string{"given_name", "family_name", "upn", "xms_edov"},
		},
		"names with profile": {
			scope: "openid profile", optional: []string{"given_name", "family_name", "upn"},
			want: []string{"family_name", "given_name", "name", "oid", "preferred_username", "upn"}, values: map[string]any{"family_name": "Chan", "upn": alice},
		},
		"all the others": {
			scope: "openid", optional: []string{"xms_edov", "acct", "email", "extn.pager", "groups", "login_hint", "roles", "sid", "cost"},
			person: func(p *world.Person) {
				p.Claims, p.Roles = map[string]any{"cost": "4711"}, []string{"Ones.Admin"}
			},
			want:   []string{"acct", "cost", "email", "extn.pager", "groups", "login_hint", "roles", "sid", "xms_edov"},
			values: map[string]any{"acct": 0.0, "cost": "4711", "extn.pager": "0004711001", "xms_edov": true},
		},
		"an app role": {
			scope: "openid", person: func(p *world.Person) { p.Roles = []string{"Ones.Admin"} }, want: []string{"roles"},
		},
		"a guest": {
			scope: "openid", optional: []string{"acct"}, person: func(p *world.Person) { p.Guest = true },
			want: []string{"acct", "email"}, values: map[string]any{"acct": 1.0},
		},
		"too many groups": {
			scope: "openid", optional: []string{"groups"}, person: func(p *world.Person) { p.Groups = groups },
			want: []string{"_claim_names", "_claim_sources"},
		},
		"as many groups as go": {
			scope: "openid", optional: []string{"groups"}, person: func(p *world.Person) { p.Groups = groups[:200] }, want: []string{"groups"},
		},
		"no claim of ours changes": {
			scope: "openid", optional: []string{"aud"}, person: func(p *world.Person) { p.Claims = map[string]any{"aud": "x"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *world.Config) {
				a := &c.Tenants[0].Apps[0]
				a.Scopes, a.OptionalClaims = append(a.Scopes, "profile", "email"), tt.optional
				c.Tenants[0].People[0].Roles = nil
				if tt.person != nil {
					tt.person(&c.Tenants[0].People[0])
				}
			})
			tokens := r.token(r.codeForm(r.choose(alice, "scope", tt.scope), "client_info", "1")).ok(t)
			id := r.tenant().ID
			claims := r.idToken(tokens, "/"+id+"/discovery/v2.0/keys", r.base+"/"+id+"/v2.0", r.app().ClientID)
			want := slices.Sorted(slices.Values(slices.Concat(always, tt.want)))
			if got := slices.Sorted(maps.Keys(claims)); !slices.Equal(got, want) {
				t.Errorf("claims = %v, want %v", got, want)
			}
			for name, value := range tt.values {
				if claims[name] != value {
					t.Errorf("%s = %v, want %v", name, claims[name], value)
				}
			}
			if _, info := tokens["client_info"]; info != strings.Contains(tt.scope, "profile") {
				t.Errorf("client_info: %v", info)
			}
		})
	}
}

// Version 1 has other issuers and claims, takes resources, and counts in strings.
func TestVersion1(t *testing.T) {
	r := newRig(t)
	id := r.tenant().ID
	document := r.get("/" + id + "/.well-known/openid-configuration").ok(t)
	if document["issuer"] != r.base+"/sts/"+id+"/" || document["token_endpoint"] != r.base+"/"+id+"/oauth2/token" {
		t.Errorf("%v", document)
	}
	address := "/" + id + "/oauth2/authorize?" + r.authRequest("scope", "", "resource", r.base).Encode()
	code := r.post(address, url.Values{"account": {alice}}).query(t).Get("code")
	tokens := r.tokenAt("/"+id+"/oauth2/token", r.codeForm(code)).ok(t)
	if _, text := tokens["expires_in"].(string); !text || tokens["resource"] != r.base || tokens["refresh_token"] == nil {
		t.Errorf("%v", tokens)
	}
	claims := r.idToken(tokens, "/"+id+"/discovery/keys", r.base+"/sts/"+id+"/", r.app().ClientID)
	if claims["ver"] != "1.0" || claims["upn"] != alice || claims["unique_name"] != alice || claims["amr"] == nil {
		t.Errorf("%v", claims)
	}
	r.tokenAt("/"+id+"/oauth2/token", r.refreshForm(tokens["refresh_token"], "scope", "")).ok(t)
	r.get("/"+id+"/oauth2/authorize?"+r.authRequest("scope", "").Encode()).sentBack(t, "invalid_request", "900144")
	r.get("/"+id+"/oauth2/authorize?"+r.authRequest("resource", "https://other.example").Encode()).sentBack(t, "invalid_resource", "500011")
}

func TestSubjectIsPairwise(t *testing.T) {
	r := newRig(t)
	p := r.tenant().Person(alice)
	one, other := r.login.Subject(&r.tenant().Apps[0], p), r.login.Subject(&r.tenant().Apps[1], p)
	if one == other {
		t.Error("two apps see the same subject")
	}
	if r.login.Subject(r.app(), p) != one || r.login.Subject(r.app(), r.tenant().Person(bob)) == one {
		t.Error("the subject changes, or two people share it")
	}
}
