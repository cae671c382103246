// What the states of a booking and the answers of the API mean, in words.

import { span } from "./time.js";

// states: what a pill says, what the form says, and whether more is to come.
const states = {
	sending: { pill: "Sending", title: "Sending…", text: "Handing your booking over.", pending: true },
	accepted: { pill: "Sending", title: "Sending…", text: "Your booking is safely kept and on its way to Microsoft 365.", pending: true },
	awaiting_room: { pill: "Waiting", title: "Waiting for the room", text: "It is in your calendar. The room has not answered yet.", pending: true },
	confirmed: { pill: "Confirmed", title: "Confirmed", text: "The room is yours." },
	declined: { pill: "Declined", title: "Declined", text: "The room has declined." },
	needs_sign_in: { pill: "Sign in", title: "Sign in again", text: "Microsoft 365 wants to see you once more. The booking goes on by itself after that.", pending: true },
	failed: { pill: "Failed", title: "Not booked", text: "Microsoft 365 refused this booking." },
	expired: { pill: "Too late", title: "Too late", text: "The start passed before the booking could be made." },
	cancelled: { pill: "Cancelled", title: "Cancelled", text: "This booking was cancelled." },
	released: { pill: "Released", title: "Released", text: "Nobody checked in, so the room was given back." },
};

export const state = (status) => states[status] ?? { pill: status, title: status, text: "" };

// occupies says whether a booking takes up its room.
export const occupies = (status) => ["accepted", "awaiting_room", "confirmed", "needs_sign_in"].includes(status);

// changes: what a button says, what is said while a booking changes and after, and what if it does not.
// The kinds are those of the API's pending_change and last_change.
const changes = {
	update: { label: "Move", pill: "Moving…", done: "is moved", not: "Not moved" },
	extend: { label: "+15 min", pill: "Extending…", done: "is 15 minutes longer", not: "Not extended", taken: "The room is taken after that" },
	checkIn: { label: "Check in", pill: "Checking in…", done: "is checked in", not: "Not checked in" },
	end: { label: "End now", pill: "Ending…", done: "has ended; the room is free again", not: "Not ended" },
	cancel: { label: "Cancel", pill: "Cancelling…", done: "is cancelled", not: "Not cancelled" },
	truncate: { label: "This and all after it", pill: "Shortening…", done: "and all after it are cancelled", not: "Not cancelled" },
};

export const change = (kind) => changes[kind] ?? { label: kind, pill: "Changing…", done: "is changed", not: "Not changed" };

// refusal says why a booking has not changed.
export function refusal(kind, problem, zone) {
	const { not, taken = "The room is taken then" } = change(kind);
	if (problem.status === 0) return "No answer. Look at the list in a moment to see what has become of it.";
	if (problem.code === "room_conflict") {
		const clashes = (problem.body.clashes ?? []).slice(0, 3).map((c) => clash(c, zone)).join(", ");
		return `${not}. ${taken}${clashes && `: ${clashes}`}.`;
	}
	const { title, text } = trouble(problem);
	return `${not}. ${title}: ${text}`;
}

// clash says when a room is taken, and by whom.
export const clash = ({ start, end, organizer }, zone) => `${span(start, end, zone)} by ${person(organizer) || "someone else"}`;

// person names somebody who is given as an address or as an object.
function person(p) {
	if (!p) return "";
	if (typeof p === "string") return p;
	return p.name || p.email || p.address || "";
}

// trouble says what a Problem means to the person: { status, title, text, signIn, retry }.
export function trouble(problem) {
	const signIn = problem.body?.login_url || "/.ones/login?return_to=/";
	const detail = problem.message;
	switch (true) {
	case problem.status === 0:
		return { status: "unreachable", title: "No answer", text: "It is not known whether the booking arrived. Sending it again is safe: it will not be made twice.", retry: true };
	case problem.status === 401:
		return { status: "signed_out", title: "You are signed out", text: "Your session has ended.", signIn };
	case problem.code === "needs_sign_in":
		return { status: "needs_sign_in", title: "Sign in again", text: "Your connection to Microsoft 365 has ended. Nothing was sent.", signIn };
	case problem.code === "needs_admin_consent":
		return { status: "needs_admin_consent", title: "An administrator has to agree first", text: detail };
	case problem.code === "version_conflict":
		return { status: "conflict", title: "It has changed meanwhile", text: "Look at the list again." };
	case problem.code === "room_declined":
		return { status: "declined", title: "Declined", text: detail };
	case problem.status === 422 || problem.status === 400:
		return { status: "invalid", title: "Please check the form", text: detail };
	case problem.status === 429:
		return { status: "throttled", title: "A little too fast", text: "Wait a moment, then try again.", retry: true };
	case problem.status === 503 || problem.status === 502 || problem.status === 504:
		return { status: "unavailable", title: "Not possible right now", text: "Microsoft 365 or the gateway is not reachable. Try again in a minute.", retry: true };
	default:
		return { status: "error", title: "Not possible", text: detail };
	}
}
