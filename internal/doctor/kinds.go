package doctor

import "github.com/onesgate/onesgate/internal/status"

// What can be wrong with the configuration.
var (
	ConfigMissing     = Kind{"config_missing", Wrong, status.Operator, "name the Caddyfile with --config, or make one with: onesgate ones setup"}
	ConfigInvalid     = Kind{"config_invalid", Wrong, status.Operator, "correct it there"}
	ConfigWarning     = Kind{"config_warning", Warning, status.Operator, "see to it, then: onesgate validate"}
	ConfigNotInForce  = Kind{"config_not_in_force", Warning, status.Operator, "run: onesgate reload; where it has variables such as {$NAME}, set them as they are for the service"}
	GatewayFails      = Kind{"gateway_fails", Wrong, status.Operator, "do what it says; else see its log, and after an upgrade restart it, so that it is of this version"}
	LogUnfiltered     = Kind{"log_unfiltered", Warning, status.Operator, "write format ones in the block of that log: it leaves code and state out of addresses"}
	DebugUnfiltered   = Kind{"debug_log_unfiltered", Warning, status.Operator, "write format ones in the global log block: it leaves out what is sent to ONES, and code and state; or take level DEBUG out"}
	CredentialsLogged = Kind{"credentials_logged", Warning, status.Operator, "take log_credentials out of servers, or write format ones in the block of that log: it never writes cookies and tokens"}
	ServiceExposed    = Kind{"service_exposed", Warning, status.Operator, "write bind 127.0.0.1, or the address of a network that only ONES' own server is in, into the site's block"}
)

// What can be wrong on the way to Microsoft.
var (
	ProxyInvalid         = Kind{"proxy_invalid", Wrong, status.Operator, "write the variable as http://proxy.example.com:3128, or unset it"}
	ProxyUnreachable     = Kind{"proxy_unreachable", Wrong, status.Operator, "correct HTTPS_PROXY in the environment of the service, or have the proxy let the hosts of Microsoft through"}
	NameUnknown          = Kind{"name_unknown", Wrong, status.Operator, "see to this machine's DNS (/etc/resolv.conf), or, where names are resolved by a proxy only, set HTTPS_PROXY"}
	Unreachable          = Kind{"unreachable", Wrong, status.Operator, "have the firewall let this machine reach the host at its port (443, if its address has none), or set HTTPS_PROXY; then see Microsoft's service health"}
	CertificateUntrusted = Kind{"certificate_untrusted", Wrong, status.Operator, "if it is your own proxy that reads along, exempt the hosts of Microsoft from that, or add its authority to this machine's trusted ones (update-ca-certificates); else install the package ca-certificates"}
	CertificateMisnamed  = Kind{"certificate_misnamed", Wrong, status.Operator, "see where this machine's DNS and proxy lead the name to: it is not Microsoft"}
	CertificateInvalid   = Kind{"certificate_invalid", Wrong, status.Operator, "see whether this machine's clock is right, then what stands between it and Microsoft"}
	Intercepted          = Kind{"intercepted", Wrong, status.Operator, "see what stands between this machine and Microsoft: a proxy that wants a sign-in, a page of a firewall; or correct issuer and graph of operator custom"}
	Unavailable          = Kind{"unavailable", Wrong, status.Microsoft, "try again in some minutes, then see Microsoft's service health; nobody's connection is harmed meanwhile"}
	ClockWrong           = Kind{"clock_wrong", Wrong, status.Operator, "have the clock set by the network: timedatectl set-ntp true"}
	ClockDrifts          = Kind{"clock_drifts", Warning, status.Operator, "have the clock set by the network: timedatectl set-ntp true"}
)

// What can be wrong with the app registration.
var (
	TenantUnknown      = Kind{"tenant_unknown", Wrong, status.Operator, "copy tenant_id from «Directory (tenant) ID» of the app registration in Azure, and see whether operator names its cloud"}
	TenantElsewhere    = Kind{"tenant_elsewhere", Wrong, status.Operator, "write the operator of the tenant's cloud: microsoft, 21vianet, us_gov or us_gov_dod; the app has to be registered there"}
	IssuerDiffers      = Kind{"issuer_differs", Wrong, status.Operator, "write the tenant's id as tenant_id and the operator of its cloud; with operator custom, write the issuer exactly as its discovery document has it"}
	GraphElsewhere     = Kind{"graph_elsewhere", Wrong, status.Operator, "write the operator of the tenant's cloud: us_gov and us_gov_dod differ in their Graph only"}
	AppUnknown         = Kind{"app_unknown", Wrong, status.Operator, "copy client_id from «Application (client) ID» of the app registration in Azure, and see whether it is registered in this tenant"}
	AppDisabled        = Kind{"app_disabled", Wrong, status.Administrator, "enable it for users to sign in, under Enterprise applications in Azure"}
	AppUnused          = Kind{"app_unused", Warning, status.Administrator, "grant the permissions once: onesgate ones consent-url prints where"}
	SecretIsID         = Kind{"secret_is_id", Wrong, status.Operator, "copy the column Value, not Secret ID, under Certificates & secrets in Azure; the value is shown only once, so make a new secret if it is gone"}
	SecretWrong        = Kind{"secret_wrong", Wrong, status.Operator, "copy the value anew, or, as it is shown only once, make a new secret under Certificates & secrets in Azure; if another credential works, take this line out"}
	SecretExpired      = Kind{"secret_expired", Wrong, status.Operator, "make a new secret under Certificates & secrets in Azure, write it on a line above this one, and " + status.Reloading + "; nobody has to sign in again"}
	SecretUndated      = Kind{"secret_undated", Warning, status.Operator, "write the date on which it expires after it, as 2027-05-01: Azure shows it under Certificates & secrets, and nothing else can warn you in time"}
	CertificateUnknown = Kind{"certificate_unknown", Wrong, status.Operator, "upload its public part under Certificates & secrets of the app registration in Azure"}
	FederationUnknown  = Kind{"federation_unknown", Wrong, status.Operator, "compare issuer, subject and audience of the federated credential in Azure with those in the token, exactly"}
	CredentialUnusable = Kind{"credential_unusable", Wrong, status.Operator, "put a good file in its place, readable for the user that runs onesgate; a running gateway takes it without a restart"}
	CredentialRefused  = Kind{"credential_refused", Wrong, status.Operator, "look the number up at https://login.microsoftonline.com/error, or make a new secret under Certificates & secrets in Azure"}
	CredentialEnds     = Kind{"credential_ends", Warning, status.Operator, "make a new one in Azure, write it on a line above this one with its date, and " + status.Reloading + "; nobody has to sign in again"}
	DatePassed         = Kind{"date_passed", Warning, status.Operator, "write the date that Azure shows under Certificates & secrets, or replace the credential"}
)

// What can be wrong with the store and the keys.
var (
	StoreUnusable    = Kind{"store_unusable", Wrong, status.Operator, "give the store a folder of its own on a local disk, which the user that runs onesgate owns, with mode 0700"}
	StoreExposed     = Kind{"store_exposed", Wrong, status.Operator, "let nobody else look into it: chmod 700"}
	StoreInUse       = Kind{"store_in_use", Warning, status.Operator, "if that is the gateway: it has another admin address, which --config or --address tells, or a start beside it has taken its admin socket, and it has to be restarted; else stop it"}
	DiskFull         = Kind{"disk_full", Wrong, status.Operator, "make room on the disk: nobody can sign in or book until there is"}
	DiskLow          = Kind{"disk_low", Warning, status.Operator, "make room on the disk soon"}
	DatabaseUnusable = Kind{"database_unusable", Wrong, status.Operator, "do what is said there, as an administrator of the database"}
	DatabaseOld      = Kind{"database_old", Wrong, status.Operator, "use PostgreSQL 15 or later"}
	DatabaseForgets  = Kind{"database_forgets", Warning, status.Operator, "set fsync and synchronous_commit to on: a crash may undo what was promised"}
	KeysetMissing    = Kind{"keyset_missing", Wrong, status.Operator, "put the file back from your backup; for a new store, or the first of several gateways, make it with: onesgate ones keys init FILE, and give it to the user that runs onesgate"}
	KeysetUnusable   = Kind{"keyset_unusable", Wrong, status.Operator, "correct what is said there; if the file is damaged, put it back from your backup"}
)

// What can be wrong for browsers.
var (
	PublicUnresolved  = Kind{"public_unresolved", Warning, status.Operator, "add the name to DNS, if it is not known where the browsers are either"}
	PublicCertificate = Kind{"public_certificate", Wrong, status.Operator, "see the gateway's log for why no certificate could be had, or give the site one with tls CERT KEY"}
	PublicOther       = Kind{"public_other", Wrong, status.Operator, "see that public_url leads to the site with ones_auth, and that whatever stands before it passes /.ones/* on with its Host header"}
)

// What can be wrong with ONES itself, which stands behind the gateway.
var (
	OnesRefused = Kind{"ones_refused", Wrong, status.Operator, "start ONES, or correct the address behind reverse_proxy: it has to be right where onesgate runs, in its container say"}
	OnesTLS     = Kind{"ones_tls", Wrong, status.Operator, "see whether ONES speaks TLS at that port, as https:// behind reverse_proxy has it, and have its certificate trusted: tls_trust_pool in the transport block"}
	OnesSilent  = Kind{"ones_silent", Wrong, status.Operator, "see in ONES' log whether it hangs, and whether a firewall stands in between"}
)

// What can be wrong with people and rooms.
var (
	IntegrationGone = Kind{"integration_gone", Warning, status.Operator, status.GoneToDo}
	NobodyConnected = Kind{"nobody_connected", Wrong, status.Operator, "sign in once more, at public_url; if that fails, the page and the log say why"}
	ConsentMissing  = Kind{"consent_missing", Wrong, status.Administrator, "grant the permissions: onesgate ones consent-url prints where"}
	ScopesMissing   = Kind{"scopes_missing", Warning, status.Administrator, "grant them (onesgate ones consent-url prints where), or take them out of scopes; then this person has to sign in again"}
	CalendarRefused = Kind{"calendar_refused", Warning, status.Administrator, "connect each room with an account (/.ones/rooms/ROOM/connect), so that its calendar can be seen all the same"}
	TokenMissing    = Kind{"token_missing", Wrong, status.Microsoft, "mend what is wrong with cloud and credentials first; else try again in some minutes"}
	GraphFails      = Kind{"graph_fails", Wrong, status.Microsoft, "try again in some minutes, then see Microsoft's service health"}
	MailboxMissing  = Kind{"mailbox_missing", Wrong, status.Operator, "compare the room's address with the Exchange admin center, under Resources"}
	RoomHidden      = Kind{"room_hidden", Warning, status.Administrator, "give people the right to see when it is free: onesgate ones room-policy prints how; it may take some hours to work"}
	RoomZone        = Kind{"room_zone", Warning, status.Administrator, "correct time_zone in the Caddyfile, or the room: Set-MailboxCalendarConfiguration -WorkingHoursTimeZone"}
	RoomSilent      = Kind{"room_silent", Warning, status.Administrator, "see that it is the mailbox of a room, and that it answers by itself (AutomateProcessing AutoAccept): onesgate ones room-policy prints how"}
	RoomDeclines    = Kind{"room_declines", Warning, status.Administrator, "see in the bookings why (who may book, how far ahead, how long), and apply the booking policy: onesgate ones room-policy prints it"}
	SubjectReplaced = Kind{"subject_replaced", Warning, status.Administrator, "apply the booking policy: onesgate ones room-policy prints it"}
	RoomLost        = Kind{"room_lost", Warning, status.Operator, "have an admin connect it again, at /.ones/rooms/ROOM/connect"}
	RoomAccount     = Kind{"room_account", Warning, status.Administrator, "give the account the right Editor on the room's calendar (onesgate ones room-policy prints how), or connect the room with its own account"}
)

// Kinds are all that can be wrong.
var Kinds = []Kind{
	ConfigMissing, ConfigInvalid, ConfigWarning, ConfigNotInForce, GatewayFails, LogUnfiltered, DebugUnfiltered, CredentialsLogged, ServiceExposed,
	ProxyInvalid, ProxyUnreachable, NameUnknown, Unreachable, CertificateUntrusted, CertificateMisnamed, CertificateInvalid,
	Intercepted, Unavailable, ClockWrong, ClockDrifts,
	TenantUnknown, TenantElsewhere, IssuerDiffers, GraphElsewhere, AppUnknown, AppDisabled, AppUnused,
	SecretIsID, SecretWrong, SecretExpired, SecretUndated, CertificateUnknown, FederationUnknown,
	CredentialUnusable, CredentialRefused, CredentialEnds, DatePassed,
	StoreUnusable, StoreExposed, StoreInUse, DiskFull, DiskLow, DatabaseUnusable, DatabaseOld, DatabaseForgets,
	KeysetMissing, KeysetUnusable,
	PublicUnresolved, PublicCertificate, PublicOther, OnesRefused, OnesTLS, OnesSilent,
	IntegrationGone, NobodyConnected, ConsentMissing, ScopesMissing, CalendarRefused, TokenMissing, GraphFails,
	MailboxMissing, RoomHidden, RoomZone, RoomSilent, RoomDeclines, SubjectReplaced, RoomLost, RoomAccount,
}
