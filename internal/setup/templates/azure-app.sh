#!/usr/bin/env bash
# Registers ONES in Microsoft Entra ID; written by "onesgate ones setup". Whoever may
# register applications runs it, with the Azure CLI:
# https://learn.microsoft.com/cli/azure/install-azure-cli
# Run again, it brings the registration back to this, and makes no second secret.
set -euo pipefail
cd "$(dirname "$0")"
umask 077

name={{ quote .AppName }}
tenant={{ quote .TenantID }}
graph={{ quote .GraphRoot }}
redirect_uris=(
	{{ quote .Addresses.Rooms }}
	{{ quote .Addresses.People }}
	{{ quote .Addresses.SignedOut }}
)
# The redirect URIs and the front-channel logout URL, as Microsoft Graph has them.
web={{ quote .Web }}
# The delegated permissions of the ONES manual, and no others:{{ range .Permissions }} {{ .Name }}{{ end }}.
permissions={{ quote .RequiredResourceAccess }}
# acct tells guests; sid and login_hint end the right sessions.
claims={{ quote .OptionalClaims }}

# A registration that was just made is not known everywhere at Microsoft at once.
patiently() {
	local pause
	for pause in 2 4 8 16; do
		if "$@"; then return; fi
		sleep "$pause"
	done
	"$@"
}

az cloud set --name {{ .CLI }} --output none
{{- if eq .Operator "us_gov_dod" }}
# The CLI knows one cloud for both of the US government's, which have one Graph each.
az cloud update --name {{ .CLI }} --endpoint-microsoft-graph-resource-id "$graph/" --output none
{{- end }}
if [ "$(az account show --query tenantId --output tsv 2>/dev/null || true)" != "$tenant" ]; then
	az login --tenant "$tenant" --allow-no-subscriptions --output none
fi
{{ if .ClientID }}
client_id={{ quote .ClientID }}
az ad app update --id "$client_id" --sign-in-audience AzureADMyOrg --web-redirect-uris "${redirect_uris[@]}" \
	--required-resource-accesses "$permissions" --optional-claims "$claims" --output none
{{ else }}
client_id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --web-redirect-uris "${redirect_uris[@]}" \
	--required-resource-accesses "$permissions" --optional-claims "$claims" --query appId --output tsv)
{{ end -}}
echo "The app registration «$name» is $client_id." >&2

# The CLI has no option for the front-channel logout URL.
patiently az rest --method PATCH --resource "$graph" --uri "$graph/v1.0/applications(appId='$client_id')" \
	--headers Content-Type=application/json --body "{\"web\":$web}" --output none
if ! az ad sp show --id "$client_id" --output none 2>/dev/null; then
	patiently az ad sp create --id "$client_id" --output none
fi
{{- if eq .CardNumber "pager" }}

# Card numbers: the directory extension that Entra Connect makes of the attribute Pager.
extension=$(az ad app list --display-name 'Tenant Schema Extension App' --query '[0].appId' --output tsv)
if [ -n "$extension" ]; then
	pager="{\"name\":\"extension_${extension//-/}_pager\",\"source\":\"user\"}"
	az ad app update --id "$client_id" --optional-claims "${claims%]\}},$pager]}" --output none
else
	echo "Entra Connect has no directory extension here, so tokens have no card numbers: see docs/operations.md." >&2
fi
{{- end }}

# Ids and the secret go into onesgate.env, and are shown nowhere.
if grep -q '^ONES_CLIENT_SECRET=.' onesgate.env; then
	secret=$(sed -n 's/^ONES_CLIENT_SECRET=//p' onesgate.env)
else
	secret=$(az ad app credential reset --id "$client_id" --append --display-name onesgate --end-date {{ quote .End }} --query password --output tsv)
fi
{
	grep -v -e '^ONES_CLIENT_ID=' -e '^ONES_CLIENT_SECRET=' onesgate.env || true
	printf 'ONES_CLIENT_ID=%s\nONES_CLIENT_SECRET=%s\n' "$client_id" "$secret"
} >onesgate.env.new
mv onesgate.env.new onesgate.env
echo 'onesgate.env has its id and its secret.' >&2

# Granting the permissions to everybody is for an administrator of the tenant.
consent={{ quote .ConsentURL }}
printf 'An administrator of the tenant opens this once:\n%s\n' "${consent/{{ .Unknown }}/$client_id}"
