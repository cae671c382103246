// The person's own bookings, from today on.

import * as api from "./api.js";
import { el, $, safeLink } from "./dom.js";
import { dayName, span, wall } from "./time.js";
import { state, trouble } from "./words.js";

export class Mine {
	#list = $("my-bookings");
	#note = $("mine-note");
	#dialog = $("cancel-dialog");
	#changed;

	constructor(changed) {
		this.#changed = changed;
	}

	// draw lists bookings; readable says whether they are as the API tells now.
	draw(bookings, rooms, readable) {
		const focused = document.activeElement?.closest?.("[data-booking]")?.dataset.booking;
		const sorted = bookings.toSorted((a, b) => new Date(a.start) - new Date(b.start));
		this.#list.replaceChildren(...sorted.map((booking) => this.#row(booking, rooms)));
		this.#list.setAttribute("aria-busy", "false");
		if (focused) this.#list.querySelector(`[data-booking="${CSS.escape(focused)}"] button`)?.focus();
		if (this.#note.dataset.sticky) return;
		if (!readable) this.#note.textContent = "Your bookings can’t be read at the moment.";
		else this.#note.textContent = sorted.length === 0 ? "Nothing booked yet. Choose a free time in the plan." : "";
	}

	#row(booking, rooms) {
		const room = rooms.find((r) => r.room === booking.room);
		const zone = booking.time_zone || room?.time_zone || "UTC";
		const { pill, pending } = state(booking.status);
		const day = dayName(wall(new Date(booking.start), zone).day, "short");
		const reason = booking.status === "declined" ? booking.room_response?.reason : "";
		const outlook = booking.graph?.web_link && safeLink(booking.graph.web_link, { https: true });
		const open = (pending || booking.status === "confirmed") && new Date(booking.end) > new Date();
		const what = `${booking.subject}, ${room?.name ?? booking.room}, ${day}, ${span(booking.start, booking.end, zone)}`;
		return el("li", { "data-booking": booking.id, "data-status": booking.status },
			el("span", { className: "when" }, el("span", {}, day), el("strong", {}, span(booking.start, booking.end, zone))),
			el("span", { className: "what" }, el("strong", {}, booking.subject),
				el("span", {}, [room?.name ?? booking.room, booking.private ? "private" : "", reason].filter(Boolean).join(" · "))),
			el("span", { className: "pill" }, pill),
			el("span", { className: "acts" },
				booking.status === "needs_sign_in" ? el("a", { className: "button small", href: "/.ones/login?return_to=/" }, "Sign in") : null,
				outlook && open ? el("a", { className: "button small quiet", href: outlook, target: "_blank", rel: "noopener noreferrer", "aria-label": `Open in Outlook: ${what}` }, "Outlook") : null,
				open ? el("button", { type: "button", className: "button small quiet cancel", "aria-label": `Cancel ${what}`, onclick: () => this.#ask(booking, what) }, "Cancel") : null));
	}

	async #ask(booking, what) {
		$("cancel-what").textContent = what;
		$("cancel-comment").value = "";
		this.#dialog.returnValue = "no";
		this.#dialog.showModal();
		await new Promise((closed) => this.#dialog.addEventListener("close", closed, { once: true }));
		if (this.#dialog.returnValue !== "yes") return;
		this.#say(`Cancelling “${booking.subject}”…`);
		try {
			await api.cancel(booking.id, $("cancel-comment").value.trim());
			this.#say(`“${booking.subject}” is cancelled.`);
		} catch (problem) {
			const { title, text } = trouble(problem);
			this.#say(problem.status === 0 ? "No answer. Look at the list in a moment to see whether it is cancelled." : `Not cancelled. ${title}: ${text}`);
		}
		this.#changed();
	}

	#say(text) {
		this.#note.dataset.sticky = "yes";
		this.#note.textContent = text;
	}
}
