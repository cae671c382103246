// The gateway's booking API, as the signed-in person uses it.

const root = "/api/m365/v1";

// A Problem is an answer that says no (RFC 9457). Its status is 0 if there was no answer.
export class Problem extends Error {
	constructor(status, body) {
		super(body.detail || body.title || "No answer");
		this.status = status;
		this.code = body.code || "";
		this.body = body;
	}
}

// call sends a request and returns { status, data }; it throws a Problem for anything but success.
export async function call(method, path, { body, headers = {} } = {}) {
	let response;
	try {
		response = await fetch(root + path, {
			method,
			headers: {
				Accept: "application/json",
				...(body === undefined ? {} : { "Content-Type": "application/json" }),
				...headers,
			},
			body: body === undefined ? undefined : JSON.stringify(body),
			cache: "no-store",
			redirect: "error",
		});
	} catch {
		throw new Problem(0, { title: "The gateway did not answer." });
	}
	const json = /\bjson\b/.test(response.headers.get("Content-Type") || "");
	const data = json ? await response.json().catch(() => ({})) : {};
	if (!response.ok) throw new Problem(response.status, data ?? {});
	return { status: response.status, data: data ?? {} };
}

export const rooms = async () => (await call("GET", "/rooms")).data.rooms ?? [];

export const schedule = async (room, from, to) =>
	(await call("GET", `/rooms/${encodeURIComponent(room)}/schedule?${new URLSearchParams({ from, to })}`)).data;

const path = (id) => `/bookings/${encodeURIComponent(id)}`;

export const booking = async (id) => (await call("GET", path(id))).data;

// bookings fetches all pages, up to a bound that a person's own list stays below. Those
// that repeat get their dates.
export async function bookings(from) {
	const all = [];
	let cursor = "";
	for (let pages = 0; pages < 5; pages++) {
		const query = new URLSearchParams(cursor ? { from, cursor } : { from });
		const { data } = await call("GET", `/bookings?${query}`);
		all.push(...(data.bookings ?? []));
		cursor = data.next_cursor;
		if (!cursor) break;
	}
	await Promise.all(all.filter((one) => one.recurrence).map(async (one) => { one.dates = await dates(one); }));
	return all;
}

// The dates of a series are the same as long as its version is.
const known = new Map();

async function dates({ id, version }) {
	if (known.get(id)?.version !== version) {
		known.set(id, { version, dates: (await call("GET", `${path(id)}/occurrences`)).data.occurrences });
	}
	return known.get(id).dates;
}

export const book = (body, key) =>
	call("POST", "/bookings", { body, headers: { "Idempotency-Key": key, Prefer: "respond-async" } });

// check asks which dates of a booking would clash; it books nothing.
export const check = async (body) => (await call("POST", "/bookings/check", { body })).data;

// move changes a booking, unless it is another one by now than the person was shown.
export const move = ({ id, version }, patch) =>
	call("PATCH", path(id), { body: patch, headers: { "If-Match": `"${version}"`, Prefer: "respond-async" } });

const patient = { Prefer: "wait=10" };

// extend asks once for each state of the booking: the key keeps a repeat from adding twice.
export const extend = ({ id, version }, minutes) =>
	call("POST", `${path(id)}/extend`, { body: { minutes }, headers: { ...patient, "Idempotency-Key": `extend-${id}-${version}` } });

export const checkIn = ({ id }) => call("POST", `${path(id)}/check-in`);

export const end = ({ id }) => call("POST", `${path(id)}/end`, { headers: patient });

export const cancel = ({ id }, comment) => call("DELETE", path(id), { headers: patient, ...(comment && { body: { comment } }) });

// cancelDate cancels one date of a series, and with scope "following" all after it too.
export const cancelDate = ({ id }, { original_start: start }, scope, comment) =>
	call("DELETE", `${path(id)}/occurrences/${encodeURIComponent(start)}?scope=${scope}`, { headers: patient, ...(comment && { body: { comment } }) });
