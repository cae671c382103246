// What both scripts need.

import dns from "node:dns";
import { webcrypto } from "node:crypto";

// Node 18 lacks these two globals, which openid-client needs.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

// Node 18 tries no second address, and localhost may be ::1 first, where the simulator is not.
dns.setDefaultResultOrder("ipv4first");

// step runs a named part and returns what it returns. The first one that fails ends the script.
export async function step(name, run) {
	try {
		const result = await run();
		console.log(`ok ${name}`);
		return result;
	} catch (error) {
		console.error(`not ok ${name}:`, error);
		process.exit(1);
	}
}
