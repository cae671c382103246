package login

// A class says who can do something about a refusal.
type class string

const (
	userActs     class = "U" // the user: by signing in again
	adminActs    class = "A" // an administrator
	configActs   class = "C" // whoever configures the app, or writes it
	transient    class = "T" // nobody: it passes
	signInNormal class = "N" // nobody: a usual step of signing in
)

// An outcome is what an AADSTS number stands for.
type outcome struct {
	class    class
	oauth    string // RFC 6749 section 5.2 and its relatives
	message  string // our words
	status   int    // of the token endpoint; 0: 400
	suberror string
}

// codes are the numbers we know. Where the documentation gives no OAuth error
// for one, it is what clients have been seen to receive, or the likeliest
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes,
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow).
var codes = map[int]outcome{
	16000:  {class: userActs, oauth: "login_required", message: "Several accounts are signed in, or none of this directory; one has to be picked."},
	50020:  {class: userActs, oauth: "invalid_grant", message: "The account is not in this directory; it has to be invited as a guest, or another account be used."},
	50034:  {class: userActs, oauth: "invalid_grant", message: "The account does not exist in this directory."},
	50055:  {class: userActs, oauth: "invalid_grant", suberror: "user_password_expired", message: "The password has expired; the user has to sign in and change it."},
	50058:  {class: userActs, oauth: "login_required", message: "A silent sign-in was asked for, but nobody is signed in."},
	50074:  {class: userActs, oauth: "interaction_required", suberror: "basic_action", message: "Multifactor authentication is required and was not passed."},
	50076:  {class: userActs, oauth: "interaction_required", suberror: "basic_action", message: "Multifactor authentication is required now, because an administrator changed a policy or the user moved."},
	50078:  {class: userActs, oauth: "interaction_required", suberror: "basic_action", message: "The multifactor authentication has expired; the user has to pass it again."},
	50079:  {class: userActs, oauth: "interaction_required", suberror: "basic_action", message: "The user has to enrol in multifactor authentication."},
	50085:  {class: userActs, oauth: "invalid_grant", message: "The token needs a sign-in at the user's own identity provider."},
	50089:  {class: userActs, oauth: "invalid_grant", message: "Signing in took too long; begin again."},
	50097:  {class: userActs, oauth: "interaction_required", suberror: "device_authentication_failed", message: "The device has to authenticate."},
	50132:  {class: userActs, oauth: "invalid_grant", message: "The session is not valid any more, because of a change or the end of a password."},
	50133:  {class: userActs, oauth: "invalid_grant", suberror: "bad_token", message: "The session was revoked, because of a change or the end of a password."},
	50158:  {class: userActs, oauth: "interaction_required", suberror: "basic_action", message: "A challenge outside of Entra, such as terms of use, was not satisfied."},
	50173:  {class: userActs, oauth: "invalid_grant", suberror: "bad_token", message: "The grant was revoked; the user has to sign in again."},
	54005:  {class: userActs, oauth: "invalid_grant", message: "The authorization code was redeemed before; use a new one, or the refresh token."},
	65004:  {class: userActs, oauth: "access_denied", suberror: "cancel", message: "The user declined to consent."},
	70000:  {class: userActs, oauth: "invalid_grant", suberror: "bad_token", message: "The code or refresh token is not valid."},
	70008:  {class: userActs, oauth: "invalid_grant", message: "The code or refresh token has expired."},
	70043:  {class: userActs, oauth: "invalid_grant", suberror: "bad_token", message: "The refresh token ended, because a policy wants sign-ins more often."},
	700020: {class: userActs, oauth: "interaction_required", message: "The user has to interact."},
	700082: {class: userActs, oauth: "invalid_grant", suberror: "token_expired", message: "The refresh token was not used for 90 days."},
	700084: {class: userActs, oauth: "invalid_grant", suberror: "token_expired", message: "The refresh token of a single-page app has ended after its 24 hours."},

	50053:   {class: adminActs, oauth: "invalid_grant", message: "The account is locked, or the address is one that attacks come from."},
	50057:   {class: adminActs, oauth: "invalid_grant", message: "The account is disabled."},
	50105:   {class: adminActs, oauth: "invalid_grant", message: "The user is not assigned to the app, and the app requires assignment."},
	53000:   {class: adminActs, oauth: "interaction_required", suberror: "additional_action", message: "The device is not compliant."},
	53001:   {class: adminActs, oauth: "interaction_required", suberror: "additional_action", message: "The device is not joined to the domain."},
	53002:   {class: adminActs, oauth: "interaction_required", suberror: "additional_action", message: "The app is not one of those that are approved."},
	53003:   {class: adminActs, oauth: "invalid_grant", suberror: "message_only", message: "Conditional Access policies have blocked access."},
	53011:   {class: adminActs, oauth: "invalid_grant", suberror: "message_only", message: "The user is blocked because of a risk."},
	65001:   {class: adminActs, oauth: "invalid_grant", suberror: "consent_required", message: "Neither the user nor an administrator has consented to what the app asks for."},
	90093:   {class: adminActs, oauth: "consent_required", message: "The user may not consent to what the app asks for."},
	90094:   {class: adminActs, oauth: "consent_required", message: "What the app asks for needs an administrator's consent."},
	90095:   {class: adminActs, oauth: "consent_required", message: "What the app asks for needs an administrator's consent; the user can send a request for it."},
	135010:  {class: adminActs, oauth: "invalid_grant", message: "The device's key was not found."},
	500011:  {class: adminActs, oauth: "invalid_resource", message: "There is no such resource in this tenant."},
	500212:  {class: adminActs, oauth: "access_denied", message: "The user's own tenant does not let its people use this tenant."},
	500213:  {class: adminActs, oauth: "access_denied", message: "This tenant does not let people of the user's tenant in."},
	530032:  {class: adminActs, oauth: "invalid_grant", suberror: "message_only", message: "A security policy of the tenant has blocked access."},
	700003:  {class: adminActs, oauth: "invalid_grant", message: "The device was not found in the directory, or is disabled."},
	900941:  {class: adminActs, oauth: "consent_required", message: "An administrator's consent is needed, since the app is thought to be risky."},
	7000112: {class: adminActs, oauth: "unauthorized_client", message: "The app is disabled."},

	28002:   {class: configActs, oauth: "invalid_scope", message: "The scope is not valid in a request for an access token."},
	50011:   {class: configActs, oauth: "invalid_request", message: "The redirect URI is not one of those registered for the app."},
	50012:   {class: configActs, oauth: "invalid_client", status: 401, message: "The app could not be authenticated."},
	50027:   {class: configActs, oauth: "invalid_client", status: 401, message: "The assertion is not a JWT that can be read."},
	50059:   {class: configActs, oauth: "invalid_request", message: "The request names no tenant."},
	50146:   {class: configActs, oauth: "invalid_request", message: "The app has mapped claims but no signing key of its own."},
	50147:   {class: configActs, oauth: "invalid_grant", message: "The size of the code challenge is not valid."},
	50194:   {class: configActs, oauth: "invalid_request", message: "The app is not multi-tenant, so it may not use /common or /organizations; use the tenant's own endpoint."},
	50196:   {class: configActs, oauth: "invalid_grant", message: "The app asks for the same again and again; keep its tokens."},
	65005:   {class: configActs, oauth: "invalid_resource", message: "The app's registration does not name the resource."},
	70003:   {class: configActs, oauth: "unsupported_grant_type", message: "The grant type is not supported."},
	70005:   {class: configActs, oauth: "unsupported_response_type", message: "The response type is not supported; only code is."},
	70011:   {class: configActs, oauth: "invalid_scope", message: "The scope is not valid."},
	70021:   {class: configActs, oauth: "invalid_client", status: 401, message: "No federated credential of the app fits the assertion."},
	90002:   {class: configActs, oauth: "invalid_tenant", message: "There is no such tenant; check its name, and the cloud."},
	90014:   {class: configActs, oauth: "invalid_request", message: "A field of the request is missing."},
	90015:   {class: configActs, oauth: "invalid_request", message: "The request's address is too long."},
	90023:   {class: configActs, oauth: "invalid_request", message: "The request is not valid."},
	90038:   {class: configActs, oauth: "invalid_tenant", message: "The tenant belongs to another cloud; use its endpoints."},
	500112:  {class: configActs, oauth: "invalid_grant", message: "The redirect URI is not the one that the code was asked with."},
	500113:  {class: configActs, oauth: "invalid_request", message: "The app has no redirect URI registered."},
	501461:  {class: configActs, oauth: "invalid_request", message: "The app may not be given mapped claims for that audience."},
	501481:  {class: configActs, oauth: "invalid_grant", message: "The code verifier does not match the code challenge."},
	501491:  {class: configActs, oauth: "invalid_request", message: "The code challenge has a wrong size or form."},
	650053:  {class: configActs, oauth: "invalid_client", message: "The app asks for a scope that does not exist on the resource."},
	650056:  {class: configActs, oauth: "invalid_request", message: "The app is not configured well: its registration, or the consent, lacks the resource."},
	650057:  {class: configActs, oauth: "invalid_resource", message: "The app's registration does not list the resource."},
	700005:  {class: configActs, oauth: "invalid_grant", message: "The code was issued at another tenant's endpoint; redeem it at the same."},
	700016:  {class: configActs, oauth: "unauthorized_client", message: "The app was not found in the directory; check the client id, the tenant and the cloud."},
	700021:  {class: configActs, oauth: "invalid_client", status: 401, message: "The issuer and the subject of a client assertion have to be the client id."},
	700022:  {class: configActs, oauth: "invalid_scope", message: "The scope names more than one resource."},
	700023:  {class: configActs, oauth: "invalid_client", status: 401, message: "The audience of a client assertion has to be this tenant's token endpoint."},
	700024:  {class: configActs, oauth: "invalid_client", status: 401, message: "The client assertion is outside of its time."},
	700025:  {class: configActs, oauth: "invalid_client", status: 401, message: "The app is a public client, so it may not authenticate."},
	700027:  {class: configActs, oauth: "invalid_client", status: 401, message: "The client assertion's signature is not by a key that the app has registered."},
	700030:  {class: configActs, oauth: "invalid_client", status: 401, message: "The certificate's subject is not authorized for the app."},
	700211:  {class: configActs, oauth: "invalid_client", status: 401, message: "No federated credential of the app has the assertion's issuer."},
	700212:  {class: configActs, oauth: "invalid_client", status: 401, message: "No federated credential of the app has the assertion's audience."},
	700213:  {class: configActs, oauth: "invalid_client", status: 401, message: "No federated credential of the app has the assertion's subject."},
	900144:  {class: configActs, oauth: "invalid_request", message: "A parameter is missing."},
	900561:  {class: configActs, oauth: "invalid_request", message: "The endpoint takes POST requests only."},
	900971:  {class: configActs, oauth: "invalid_request", message: "The request has no redirect URI."},
	1002012: {class: configActs, oauth: "invalid_scope", message: "An app's own token is asked for with the resource's /.default as the one scope."},
	7000215: {class: configActs, oauth: "invalid_client", status: 401, message: "The client secret is wrong; send its value, not its id."},
	7000218: {class: configActs, oauth: "invalid_client", status: 401, message: "The request has neither a client_secret nor a client_assertion."},
	7000222: {class: configActs, oauth: "invalid_client", status: 401, message: "The client secret has expired."},
	9000411: {class: configActs, oauth: "invalid_request", message: "A parameter is given twice."},
	9002313: {class: configActs, oauth: "invalid_request", message: "The request is malformed or not valid."},
	9002326: {class: configActs, oauth: "invalid_request", message: "Tokens may be asked for across origins by single-page apps only; send no Origin header."},

	50033: {class: transient, oauth: "temporarily_unavailable", status: 503, message: "An error of the directory that passes; try again."},
	50087: {class: transient, oauth: "temporarily_unavailable", status: 503, message: "An error of signing out that passes; try again."},
	90006: {class: transient, oauth: "server_error", status: 503, message: "The service failed; try again."},
	90012: {class: transient, oauth: "temporarily_unavailable", status: 504, message: "The request took too long; try again."},
	90024: {class: transient, oauth: "temporarily_unavailable", status: 503, message: "The service is too busy; try again."},
	90033: {class: transient, oauth: "temporarily_unavailable", status: 503, message: "The service is not available for a moment; try again."},
	90055: {class: transient, oauth: "temporarily_unavailable", status: 429, message: "There are too many requests of this tenant; slow down."},
	90090: {class: transient, oauth: "temporarily_unavailable", status: 503, message: "An error of Graph that passes; try again."},

	16001: {class: signInNormal, oauth: "interaction_required", message: "The user picked another account."},
	50072: {class: signInNormal, oauth: "interaction_required", message: "The user enrols in multifactor authentication."},
	50125: {class: signInNormal, oauth: "interaction_required", message: "The user's password is reset or registered."},
	50126: {class: signInNormal, oauth: "invalid_grant", message: "The name or the password is wrong."},
	50140: {class: signInNormal, oauth: "interaction_required", message: "The user is asked whether to stay signed in."},
	50199: {class: signInNormal, oauth: "interaction_required", message: "The user is asked to confirm the sign-in."},
}
