// What the states of a booking and the answers of the API mean, in words.

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

// person names somebody who is given as an address or as an object.
export function person(p) {
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
		return { status: "needs_sign_in", title: "Sign in again", text: "Your connection to Microsoft 365 has ended. Nothing was booked.", signIn };
	case problem.code === "needs_admin_consent":
		return { status: "needs_admin_consent", title: "An administrator has to agree first", text: detail };
	case problem.code === "room_declined":
		return { status: "declined", title: "Declined", text: detail };
	case problem.status === 422 || problem.status === 400:
		return { status: "invalid", title: "Please check the form", text: detail };
	case problem.status === 429:
		return { status: "throttled", title: "A little too fast", text: "Wait a moment, then try again.", retry: true };
	case problem.status === 503 || problem.status === 502 || problem.status === 504:
		return { status: "unavailable", title: "Not possible right now", text: "Microsoft 365 or the gateway is not reachable. Try again in a minute.", retry: true };
	default:
		return { status: "error", title: "Not booked", text: detail };
	}
}
