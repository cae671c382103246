package identity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// A Refusal says why somebody whom Microsoft has signed in may not enter.
type Refusal struct {
	Reason Reason
	// hint is for the operator: what would have to be otherwise.
	hint string
}

// A Reason sorts refusals.
type Reason string

// The reasons.
const (
	Guest         Reason = "guest"           // of another organisation
	NotInGroup    Reason = "not_in_a_group"  // that may enter
	GroupsNotTold Reason = "groups_not_told" // too many of them for a token
)

// Error implements error. It names nobody.
func (r *Refusal) Error() string { return r.hint }

// rolePrefix marks an app role where groups of the directory stand too.
// Whoever may make groups could otherwise name one like a role.
const rolePrefix = "role:"

// Admit returns why the person of whom the claims of a verified ID token tell may
// not enter; nil: they may. What the claims don't tell
// can't be held against somebody, but where groups decide, only a group or role
// that is told lets in.
func (r Rules) Admit(claims map[string]any) *Refusal {
	if by := guest(claims); by != "" && !r.AllowGuests {
		return refuseGuest(by)
	}
	if len(r.Allow) == 0 {
		return nil
	}
	names := memberships(claims)
	if slices.ContainsFunc(r.Allow, func(allowed string) bool { return slices.Contains(names, allowed) }) {
		return nil
	}
	if slices.ContainsFunc(r.Allow, isGroup) {
		if GroupsOmitted(claims) {
			return &Refusal{GroupsNotTold, "the ID token says that they are in more groups than it can hold, so nobody knows whether one of them may enter: in Azure, have only groups assigned to the application emitted, or allow an app role"}
		}
		if _, told := claims["groups"]; !told {
			return &Refusal{NotInGroup, "the ID token names no groups at all: they are in none, or the app registration has no groups claim (Token configuration in Azure)"}
		}
	}
	return &Refusal{NotInGroup, "they are in none of the groups and have none of the roles that allow_groups names"}
}

// AdmitAddress returns why somebody may not enter whose mailbox has that address,
// which shows guests; nil: they may. An ID token of the three permissions doesn't
// tell.
func (r Rules) AdmitAddress(address string) *Refusal {
	if external(address) && !r.AllowGuests {
		return refuseGuest("the address of the mailbox")
	}
	return nil
}

func refuseGuest(by string) *Refusal {
	return &Refusal{Guest, fmt.Sprintf("they are a guest of the tenant, by %s; allow_guests would let them in", by)}
}

// guest returns what in a token shows that somebody comes from outside of its
// tenant; "": nothing does. "acct" is 0 for members and 1 for guests
// (https://learn.microsoft.com/entra/identity-platform/optional-claims-reference);
// "idp" differs from the issuer for accounts of another tenant
// (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
func guest(claims map[string]any) string {
	if acct := claims["acct"]; acct != nil && fmt.Sprint(acct) != "0" {
		return "the claim acct"
	}
	// Only an issuer with tenants means that by idp.
	if idp, tid := text(claims["idp"]), text(claims["tid"]); idp != "" && tid != "" {
		own := []string{text(claims["iss"]), "https://sts.windows.net/" + tid + "/", "https://sts.chinacloudapi.cn/" + tid + "/"}
		if !slices.ContainsFunc(own, func(issuer string) bool { return strings.EqualFold(issuer, idp) }) {
			return "the claim idp"
		}
	}
	for _, name := range []string{"preferred_username", "upn"} {
		if external(text(claims[name])) {
			return "the claim " + name
		}
	}
	return ""
}

// external says whether a user name is one that Entra gives to guests:
// alice_home.example#EXT#@contoso.onmicrosoft.com.
func external(name string) bool { return strings.Contains(strings.ToUpper(name), "#EXT#") }

// GroupsOmitted says whether somebody is in more groups than their token can
// hold, so that it names none
// (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference#groups-overage-claim).
func GroupsOmitted(claims map[string]any) bool {
	if sources, ok := claims["_claim_names"].(map[string]any); ok {
		if _, omitted := sources["groups"]; omitted {
			return true
		}
	}
	has, told := claims["hasgroups"]
	return told && fmt.Sprint(has) != "false"
}

// memberships are the groups of the directory that a token names, and its app
// roles with rolePrefix.
func memberships(claims map[string]any) []string {
	var names []string
	for _, group := range list(claims["groups"]) {
		if isGroup(group) {
			names = append(names, GroupName(group))
		}
	}
	for _, role := range list(claims["roles"]) {
		names = append(names, rolePrefix+role)
	}
	return names
}

func isGroup(name string) bool { return !strings.HasPrefix(name, rolePrefix) }

// MapsGroups says whether groups of the directory matter to these rules.
func (r Rules) MapsGroups() bool {
	for name := range r.MapGroups {
		if isGroup(name) {
			return true
		}
	}
	return false
}

// GroupName is a group of the directory as Rules have to name it: an object id
// in small letters, which is how tokens have them; a name as it is.
func GroupName(name string) string {
	if len(name) == len(uuid.Nil.String()) && uuid.Validate(name) == nil {
		return strings.ToLower(name)
	}
	return name
}
