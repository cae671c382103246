// The person's own bookings, from today on, and what can be done with them.

import * as api from "./api.js";
import { el, $, safeLink } from "./dom.js";
import { Move } from "./move.js";
import { dates, next, present, repeats } from "./series.js";
import { dayName, span, wall } from "./time.js";
import { change, occupies, refusal, state } from "./words.js";

export class Mine {
	#list = $("my-bookings");
	#note = $("mine-note");
	#dialog = $("cancel-dialog");
	#move = new Move();
	#more = new Set(); // ids of the bookings that show more
	#rooms = [];
	#changed;

	constructor(changed) {
		this.#changed = changed;
	}

	// draw lists bookings; readable says whether they are as the API tells now.
	draw(bookings, rooms, readable) {
		const focused = this.#list.contains(document.activeElement) && document.activeElement;
		const row = focused && focused.closest("[data-booking]").dataset.booking;
		this.#rooms = rooms;
		const starts = (booking) => new Date((next(booking) ?? booking).start);
		const sorted = bookings.toSorted((a, b) => starts(a) - starts(b));
		this.#list.replaceChildren(...sorted.map((booking) => this.#row(booking)));
		this.#list.setAttribute("aria-busy", "false");
		if (focused) ($(focused.id) ?? this.#list.querySelector(`[data-booking="${CSS.escape(row)}"] button`))?.focus();
		if (this.#note.dataset.sticky) return;
		if (!readable) this.#note.textContent = "Your bookings can’t be read at the moment.";
		else this.#note.textContent = sorted.length === 0 ? "Nothing booked yet. Choose a free time in the plan." : "";
	}

	#row(booking) {
		const room = this.#rooms.find((r) => r.room === booking.room);
		const zone = booking.time_zone || room?.time_zone || "UTC";
		const { status, subject, pending_change: pending, last_change: last } = booking;
		const coming = next(booking); // none: it is over, or holds no room
		const shown = coming ?? booking;
		const day = dayName(wall(new Date(shown.start), zone).day, "short");
		const time = span(shown.start, shown.end, zone);
		const often = booking.recurrence && [repeats(booking.recurrence), coming && count(dates(booking))].filter(Boolean).join(", ");
		const what = [subject, room?.name ?? booking.room, day, time, often].filter(Boolean).join(", ");
		const more = coming && this.#moreOf(booking, coming, zone, what);
		const expanded = this.#more.has(booking.id);
		return el("li", { "data-booking": booking.id, "data-status": status, "data-change": pending?.kind },
			el("span", { className: "when" }, el("span", {}, day), el("strong", {}, time)),
			el("span", { className: "what" }, el("strong", {}, subject),
				el("span", {}, [
					room?.name ?? booking.room, often, booking.private && "private", shown.checked_in_at && "checked in",
					status === "declined" && booking.room_response?.reason,
					coming && last && last.status !== "made" && `${change(last.kind).not}: ${last.reason || "Microsoft 365 refused it"}`,
				].filter(Boolean).join(" · "))),
			el("span", { className: "pill" }, pending ? change(pending.original_start ? "" : pending.kind).pill : state(status).pill),
			el("span", { className: "acts" },
				status === "needs_sign_in" ? el("a", { className: "button small", href: "/.ones/login?return_to=/" }, "Sign in") : null,
				changeable(booking) && coming && present(coming) && !coming.checked_in_at
					? this.#button(booking, "checkIn", what, () => this.#change("checkIn", named(booking), zone, () => api.checkIn(booking)), "button small") : null,
				more?.hasChildNodes() ? el("button", {
					type: "button", id: `${booking.id}-more`, className: "button small quiet", "aria-expanded": expanded, "aria-controls": more.id,
					"aria-label": `More: ${what}`, onclick: ({ currentTarget: button }) => {
						more.hidden = !more.hidden;
						button.setAttribute("aria-expanded", !more.hidden);
						this.#more[more.hidden ? "delete" : "add"](booking.id);
					},
				}, "More") : null,
				coming ? this.#button(booking, "cancel", what,
					() => this.#cancel("cancel", named(booking), zone, what, (comment) => api.cancel(booking, comment)), "button small quiet cancel") : null),
			more);
	}

	// moreOf is what a row shows on demand: what is done seldom, and the dates of a series.
	#moreOf(booking, coming, zone, what) {
		const outlook = booking.graph?.web_link && safeLink(booking.graph.web_link, { https: true });
		const single = !booking.recurrence, timed = changeable(booking) && !booking.all_day;
		const act = (kind, send) => this.#button(booking, kind, what, () => this.#change(kind, named(booking), zone, send));
		return el("div", { id: `${booking.id}-all`, className: "more", hidden: !this.#more.has(booking.id) },
			single && timed ? this.#button(booking, "update", what, () => this.#move.open(booking, this.#rooms, (send) => this.#change("update", named(booking), zone, send))) : null,
			timed && (single || present(coming)) ? act("extend", () => api.extend(booking, 15)) : null,
			timed && new Date(coming.start) <= new Date() ? act("end", () => api.end(booking)) : null,
			outlook ? el("a", { id: `${booking.id}-outlook`, className: "button small quiet", href: outlook, target: "_blank", rel: "noopener noreferrer", "aria-label": `Outlook: ${what}` }, "Outlook") : null,
			single ? null : el("ul", { className: "dates", "aria-label": `Dates of ${booking.subject}` },
				...booking.dates.filter((date) => new Date(date.end) > new Date()).map((date) => this.#date(booking, date, zone))));
	}

	#date(booking, date, zone) {
		const day = dayName(wall(new Date(date.start), zone).day, "short");
		const what = `${booking.subject}, ${day}, ${span(date.start, date.end, zone)}`;
		const pending = booking.pending_change?.original_start === date.original_start && booking.pending_change;
		const button = (kind, scope) => this.#button(booking, kind, what, () => this.#cancel(kind, `${named(booking)} on ${day}`, zone,
			scope === "this" ? what : `${what}, and all dates after it`,
			(comment) => api.cancelDate(booking, date, scope, comment)), "button small quiet", date.original_start);
		return el("li", { "data-date": date.original_start, "data-status": date.status, "data-change": pending?.kind },
			el("span", {}, `${day}, ${span(date.start, date.end, zone)}`),
			pending || date.status !== booking.status ? el("span", { className: "pill" }, pending ? change(pending.kind).pill : state(date.status).pill) : null,
			...(changeable(booking) && occupies(date.status) ? [button("cancel", "this"), button("truncate", "following")] : []));
	}

	// Ids let the focus stay where it is while the list is drawn anew.
	#button(booking, kind, what, onclick, className = "button small quiet", date = "") {
		const { label } = change(kind);
		return el("button", { type: "button", id: `${booking.id}-${kind}${date}`, className, "data-act": kind, "aria-label": `${label}: ${what}`, onclick }, label);
	}

	async #cancel(kind, name, zone, what, send) {
		$("cancel-what").textContent = what;
		$("cancel-comment").value = "";
		this.#dialog.returnValue = "no";
		this.#dialog.showModal();
		await new Promise((closed) => this.#dialog.addEventListener("close", closed, { once: true }));
		if (this.#dialog.returnValue !== "yes") return;
		await this.#change(kind, name, zone, () => send($("cancel-comment").value.trim()));
	}

	// change sends, and says what has come of it. What takes longer is seen in the list.
	async #change(kind, name, zone, send) {
		const { pill, done } = change(kind);
		this.#say(`${name}: ${pill}`, false);
		try {
			const { status } = await send();
			if (status !== 202) this.#say(`${name} ${done}.`);
		} catch (problem) {
			if (!(problem instanceof api.Problem)) throw problem;
			this.#say(`${name}: ${refusal(kind, problem, zone)}`);
		}
		this.#changed();
	}

	#say(text, sticky = true) {
		this.#note.dataset.sticky = sticky ? "yes" : "";
		this.#note.textContent = text;
	}
}

const named = (booking) => `“${booking.subject}”`;
const count = (list) => list.length === 1 ? "1 date" : `${list.length} dates`;

// changeable: one change at a time.
const changeable = (booking) => booking.status === "confirmed" && !booking.pending_change;
