// Signs in with openid-client, a certified OpenID client, and plays the browser and its user.
//
//	node openid.mjs ISSUER CLIENT_ID CLIENT_SECRET REDIRECT_URI ACCOUNT
//
// FORM_POST=1 adds a sign-in whose code comes in a form. CLIENT_KEY_FILE and CLIENT_CERT_FILE, in
// PEM, add one in which the client authenticates by that certificate.

import assert from "node:assert/strict";
import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { step } from "./step.mjs";
import * as client from "openid-client";

const [issuer, clientID, secret, redirectURI, account] = process.argv.slice(2);
const { FORM_POST, CLIENT_KEY_FILE, CLIENT_CERT_FILE } = process.env;
const tenant = new URL(issuer).pathname.split("/")[1];
const scope = "openid offline_access Calendars.ReadWrite.Shared";

// connect reads the metadata. ID tokens from the token endpoint are verified by the keys only if
// that is asked for.
const connect = (authentication) =>
	client.discovery(new URL(issuer), clientID, undefined, authentication, {
		execute: [client.enableNonRepudiationChecks, ...(issuer.startsWith("http:") ? [client.allowInsecureRequests] : [])],
	});

const cookies = new Map();

// browse opens an address or, if there are fields, sends it a form.
async function browse(url, fields) {
	const form = fields && { method: "POST", body: new URLSearchParams(fields) };
	const headers = { Cookie: [...cookies].map((c) => c.join("=")).join("; "), ...(form && { Origin: new URL(issuer).origin }) };
	const response = await fetch(url, { redirect: "manual", headers, ...form });
	for (const cookie of response.headers.getSetCookie()) {
		const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
		cookies.set(name, value);
	}
	return response;
}

// begin makes an authorization request, and what its answer has to agree with.
async function begin(config, more) {
	const checks = {
		pkceCodeVerifier: client.randomPKCECodeVerifier(),
		expectedState: client.randomState(),
		expectedNonce: client.randomNonce(),
		idTokenExpected: true,
	};
	const url = client.buildAuthorizationUrl(config, {
		redirect_uri: redirectURI,
		scope,
		state: checks.expectedState,
		nonce: checks.expectedNonce,
		code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
		code_challenge_method: "S256",
		...more,
	});
	return { url, checks };
}

// destination is where the browser is sent.
function destination(response) {
	const location = response.headers.get("Location");
	assert.ok(location, `no redirect came, but ${response.status}`);
	return new URL(location);
}

// refusal is what an error of the token endpoint looks like.
const refusal = (error, code) => ({ error, error_description: new RegExp(`^AADSTS${code}: `) });

function assertTokens(tokens) {
	assert.equal(tokens.token_type, "bearer");
	assert.ok(tokens.expiresIn() > 0);
	assert.match(tokens.scope, /Calendars\.ReadWrite\.Shared/);
	assert.ok(tokens.access_token && tokens.refresh_token && tokens.id_token);
}

const config = await step("discovery", async () => {
	const config = await connect(client.ClientSecretPost(secret));
	assert.deepEqual(config.serverMetadata().subject_types_supported, ["pairwise"]);
	return config;
});

const { url, checks } = await begin(config);

await step("account-chooser", async () => {
	const page = await browse(url);
	assert.equal(page.status, 200);
	assert.ok((await page.text()).includes(account), `the page does not offer ${account}`);
});

const callback = await step("account-chosen", async () => {
	const callback = destination(await browse(url, { account }));
	assert.equal(callback.origin + callback.pathname, redirectURI);
	return callback;
});

const first = await step("code", async () => {
	const tokens = await client.authorizationCodeGrant(config, callback, checks);
	assertTokens(tokens);
	return tokens;
});

await step("claims", () => {
	const claims = first.claims();
	assert.ok(claims.sub);
	assert.equal(claims.tid, tenant);
	assert.equal(claims.ver, "2.0");
	for (const name of ["oid", "name", "preferred_username", "email"]) {
		assert.ok(!(name in claims), `${name} came without its scope`);
	}
});

await step("userinfo", async () => {
	const info = await client.fetchUserInfo(config, first.access_token, first.claims().sub);
	assert.ok(!("name" in info), "a name came without its scope");
});

await step("refresh", async () => {
	const tokens = await client.refreshTokenGrant(config, first.refresh_token, { scope });
	assertTokens(tokens);
	assert.notEqual(tokens.refresh_token, first.refresh_token);
	assert.notEqual(tokens.access_token, first.access_token);
});

await step("refresh-again-with-the-first-token", async () => {
	assertTokens(await client.refreshTokenGrant(config, first.refresh_token, { scope }));
});

await step("secret-in-a-header", async () => {
	const basic = await connect(client.ClientSecretBasic(secret));
	assertTokens(await client.refreshTokenGrant(basic, first.refresh_token, { scope }));
});

await step("code-reused", async () => {
	await assert.rejects(client.authorizationCodeGrant(config, callback, checks), refusal("invalid_grant", 54005));
});

await step("wrong-verifier", async () => {
	const { url, checks } = await begin(config);
	const callback = destination(await browse(url, { account }));
	checks.pkceCodeVerifier = client.randomPKCECodeVerifier();
	await assert.rejects(client.authorizationCodeGrant(config, callback, checks), refusal("invalid_grant", 501481));
});

if (FORM_POST) {
	await step("form-post", async () => {
		const { url, checks } = await begin(config, { response_mode: "form_post" });
		const { action, fields } = readForm(await (await browse(url, { account })).text());
		assert.equal(action, redirectURI);
		const posted = new Request(action, { method: "POST", body: new URLSearchParams(fields) });
		assertTokens(await client.authorizationCodeGrant(config, posted, checks));
	});
}

if (CLIENT_KEY_FILE) {
	const certificate = new X509Certificate(readFileSync(CLIENT_CERT_FILE));
	const key = await crypto.subtle.importKey(
		"pkcs8",
		createPrivateKey(readFileSync(CLIENT_KEY_FILE)).export({ type: "pkcs8", format: "der" }),
		{ name: "RSA-PSS", hash: "SHA-256" }, // PS256
		false,
		["sign"],
	);
	const assertion = (thumbprint) =>
		client.PrivateKeyJwt(key, {
			[client.modifyAssertion](header, payload) {
				header.typ = "JWT";
				header["x5t#S256"] = thumbprint;
				payload.aud = config.serverMetadata().token_endpoint;
			},
		});

	await step("certificate", async () => {
		const certified = await connect(assertion(createHash("sha256").update(certificate.raw).digest("base64url")));
		const { url, checks } = await begin(certified);
		const callback = destination(await browse(url, { account }));
		const tokens = await client.authorizationCodeGrant(certified, callback, checks);
		assertTokens(tokens);
		assert.equal(tokens.claims().sub, first.claims().sub);
		assertTokens(await client.refreshTokenGrant(certified, tokens.refresh_token, { scope }));
	});

	await step("certificate-unknown", async () => {
		const stranger = await connect(assertion(createHash("sha256").update("another").digest("base64url")));
		await assert.rejects(client.refreshTokenGrant(stranger, first.refresh_token, { scope }), refusal("invalid_client", 700027));
	});
}

await step("sign-out", async () => {
	const silently = async () => destination(await browse((await begin(config, { prompt: "none" })).url)).searchParams;
	assert.ok((await silently()).get("code"), "there is no session to end");
	const end = client.buildEndSessionUrl(config, {
		post_logout_redirect_uri: redirectURI,
		logout_hint: first.claims().login_hint,
	});
	assert.equal(destination(await browse(end)).href, redirectURI);
	assert.equal((await silently()).get("error"), "login_required");
});

// readForm returns where a page's form goes and its fields, as a browser reads them.
function readForm(html) {
	const attribute = (tag, name) =>
		new RegExp(`\\s${name}="([^"]*)"`)
			.exec(tag)?.[1]
			.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (_, dec, hex, name) =>
				name ? { amp: "&", quot: '"', lt: "<", gt: ">" }[name] : String.fromCodePoint(dec ? Number(dec) : parseInt(hex, 16)),
			);
	const [form] = /<form\b[^>]*>/.exec(html) ?? assert.fail(`no form in: ${html}`);
	const inputs = html.match(/<input\b[^>]*\sname=[^>]*>/g) ?? [];
	return {
		action: attribute(form, "action"),
		fields: Object.fromEntries(inputs.map((tag) => [attribute(tag, "name"), attribute(tag, "value") ?? ""])),
	};
}
