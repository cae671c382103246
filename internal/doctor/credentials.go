package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

// Numbers of AADSTS messages that tell what of a configuration is wrong
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
var (
	noTenant        = []int{90002, 50059, 900023}
	otherCloud      = []int{90038, 900382, 900432}
	noApp           = []int{700016, 700038}
	disabledApp     = []int{7000112}
	noPrincipal     = []int{7000229}
	noResource      = []int{500011}
	wrongSecret     = []int{7000215}
	expiredSecret   = []int{7000222}
	unknownKey      = []int{700027}
	unknownIdentity = []int{70021, 700211, 700212, 700213}
	wrongTimes      = []int{700024}
)

func numbered(e *entra.Error, of []int) bool {
	return slices.ContainsFunc(e.Codes, func(n int) bool { return slices.Contains(of, n) })
}

// credentials tries each credential by itself, and says how long it lasts. What is
// wrong with the app registration as a whole is said once.
func (i Integration) credentials(ctx context.Context) []Finding {
	if i.Unresolved {
		return []Finding{blocked("configuration")}
	}
	tried, err := i.Client.Probe(ctx, i.Graph)
	if err != nil {
		return []Finding{Unavailable.Found("the discovery document can't be had: %s", plain(err))}
	}
	if f, of := i.app(tried); of {
		return []Finding{f}
	}
	var found []Finding
	for _, p := range tried {
		about := i.Name + " " + p.Name
		taken := i.tried(p)
		found = append(found, taken.about(about))
		if taken.Result == Wrong { // it has to go, whenever it ends
			continue
		}
		if f, soon := i.ends(p); soon {
			found = append(found, f.about(about))
		}
	}
	return found
}

// app says what the refusals of credentials tell of the app registration itself; false:
// nothing.
func (i Integration) app(tried []entra.Probed) (Finding, bool) {
	clientID, _, _ := i.Client.Registration()
	for _, p := range tried {
		var refused *entra.Error
		if !errors.As(p.Err, &refused) {
			continue
		}
		switch {
		case numbered(refused, noApp):
			return AppUnknown.Found("%s has no app with the client id %s (%s)", i.tenantName(), clientID, refused.Reason()), true
		case numbered(refused, disabledApp):
			return AppDisabled.Found("the app %s is disabled in the tenant (%s)", clientID, refused.Reason()), true
		case numbered(refused, noResource):
			return GraphElsewhere.Found("the tenant knows no Microsoft Graph at %s (%s)", i.Graph, refused.Reason()), true
		}
	}
	return Finding{}, false
}

// tried says whether Microsoft takes a credential.
func (i Integration) tried(p entra.Probed) Finding {
	var refused *entra.Error
	if !errors.As(p.Err, &refused) {
		return Good("Microsoft takes it%s", i.lasts(p))
	}
	number := func(of []int) bool { return numbered(refused, of) }
	switch {
	case entra.NothingSent(p.Err):
		return CredentialUnusable.Found("%s can't be used: %s", p.Name, bounded(p.Problem.Error()))
	case refused.Class == entra.Transient:
		return Unavailable.Found("Microsoft gives no answer about it: %s", refused.Reason())
	case number(wrongSecret) && p.LooksLikeID:
		return SecretIsID.Found("Microsoft refuses it (%s), and it is a GUID, as the ids of secrets are: a secret's value is none", refused.Reason())
	case number(wrongSecret):
		return SecretWrong.Found("Microsoft refuses it (%s): it is not the value of a secret of this app", refused.Reason())
	case number(expiredSecret):
		return SecretExpired.Found("it has expired (%s)", refused.Reason())
	case number(unknownKey):
		return CertificateUnknown.Found("the app knows no such certificate (%s)", refused.Reason())
	case number(unknownIdentity):
		return FederationUnknown.Found("the app trusts no token like the one in the file (%s)", refused.Reason())
	case number(wrongTimes):
		return ClockWrong.Found("Microsoft finds the times of what the certificate has signed wrong (%s)", refused.Reason())
	case number(noPrincipal):
		return AppUnused.Found("it is taken, but the app has no service principal in the tenant yet (%s)", refused.Reason())
	case refused.Code == "invalid_client":
		return CredentialRefused.Found("Microsoft refuses it (%s)", refused.Reason())
	case slices.Contains(takenBefore, refused.Code):
		return Good("it is taken, though there are no tokens for the app itself (%s)%s", refused.Reason(), i.lasts(p))
	}
	return NotKnown("no answer says whether it is taken: %s", refused.Reason())
}

// takenBefore are errors that come after the client has shown who it is (RFC 6749,
// section 5.2): issuers other than Microsoft may have no such tokens, or no such scope.
var takenBefore = []string{"invalid_scope", "unauthorized_client", "unsupported_grant_type", "invalid_target"}

// lasts tells how long a credential lasts, after what was said of it.
func (i Integration) lasts(p entra.Probed) string {
	if p.Expires.IsZero() || p.DaysLeft(i.Now()) < 0 {
		return ""
	}
	return fmt.Sprintf("; it ends on %s, %s", date(p.Expires), days(p.DaysLeft(i.Now())))
}

// ends says what there is to say of a credential's end; false: nothing.
func (i Integration) ends(p entra.Probed) (Finding, bool) {
	left := p.DaysLeft(i.Now())
	switch {
	case p.Expires.IsZero() && strings.HasPrefix(p.Name, "client_secret"):
		return SecretUndated.Found("nothing here can tell when it ends: no date stands after it"), true
	case p.Expires.IsZero():
		return Finding{}, false // made anew before it ends
	case left < 0 && p.Err == nil:
		return DatePassed.Found("its date, %s, has passed, but Microsoft still takes it: the date is wrong, or it ends at any moment", date(p.Expires)), true
	case left >= 0 && left <= entra.FirstWarning:
		return CredentialEnds.Found("it ends on %s, %s; when none is left, nobody can sign in or book", date(p.Expires), days(left)), true
	}
	return Finding{}, false
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// days is how long something lasts.
func days(left int) string {
	switch left {
	case 0:
		return "today"
	case 1:
		return "in 1 day"
	}
	return fmt.Sprintf("in %d days", left)
}
