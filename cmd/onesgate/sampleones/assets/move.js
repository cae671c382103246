// The dialog that moves a booking to another time or room.

import * as api from "./api.js";
import { $ } from "./dom.js";
import { addMinutes, at, rfc3339, wall } from "./time.js";
import { refusal } from "./words.js";

export class Move {
	#dialog = $("move-dialog");
	#form = $("move-form");
	#error = $("move-error");
	#rooms = [];
	#booking;
	#moved;

	constructor() {
		this.#form.addEventListener("submit", (event) => {
			if (event.submitter?.value === "no") return; // the dialog closes
			event.preventDefault();
			this.#submit();
		});
		this.#form.addEventListener("change", ({ target }) => {
			if (target.name !== "start" || !target.value) return;
			const { date, start, end } = this.#form.elements; // the end follows
			end.value = wall(addMinutes(at(date.value, start.value, "UTC"), this.#length), "UTC").time;
		});
	}

	get #length() { return (new Date(this.#booking.end) - new Date(this.#booking.start)) / 60_000; }

	// open asks where to; moved is called with what came of it, as soon as that is not the dialog's business any more.
	open(booking, rooms, moved) {
		[this.#booking, this.#rooms, this.#moved] = [booking, rooms, moved];
		const { room, date, start, end } = this.#form.elements;
		room.replaceChildren(...rooms.map((r) => new Option(r.name || r.room, r.room)));
		room.value = booking.room;
		const from = wall(new Date(booking.start), booking.time_zone);
		[date.value, start.value, end.value] = [from.day, from.time, wall(new Date(booking.end), booking.time_zone).time];
		$("move-what").textContent = booking.subject;
		this.#error.textContent = "";
		this.#dialog.showModal();
	}

	async #submit() {
		const { room, date, start, end } = this.#form.elements;
		const zone = this.#rooms.find((r) => r.room === room.value)?.time_zone;
		if (!(date.value && start.value && end.value && start.value < end.value)) {
			this.#error.textContent = "Give a day, and an end after the start.";
			return;
		}
		const time = (field) => rfc3339(at(date.value, field.value, zone), zone);
		try {
			const answer = await api.move(this.#booking, { room: room.value, start: time(start), end: time(end), time_zone: zone });
			this.#dialog.close();
			this.#moved(async () => answer);
		} catch (problem) {
			if (!(problem instanceof api.Problem)) throw problem;
			this.#error.textContent = refusal("update", problem, zone);
		}
	}
}
