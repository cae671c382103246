// The booking form: asks, sends, and says what becomes of it.

import * as api from "./api.js";
import { el, $, safeLink } from "./dom.js";
import { fits, recurrence, repeats } from "./series.js";
import { addMinutes, at, dayName, rfc3339, span, wall } from "./time.js";
import { clash, state, trouble } from "./words.js";

// How long the page watches a booking before it leaves it to the list below.
const watchFor = 3 * 60_000;

const most = 5; // clashes that are listed

export class Form {
	#form = $("booking-form");
	#status = $("booking-status");
	#clash = $("clash");
	#rooms = [];
	#changed;
	#wanted; // called with the time asked for, to outline it in the plan
	#sent = { body: "", key: "" };
	#watch = 0;
	#told = null; // the booking whose state is shown
	#length = 60; // minutes, kept when the start moves

	constructor({ changed, wanted }) {
		this.#changed = changed;
		this.#wanted = wanted;
		this.#form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#submit();
		});
		this.#form.addEventListener("change", (event) => this.#edited(event.target.name));
	}

	get #fields() { return this.#form.elements; }
	get #room() { return this.#rooms.find((room) => room.room === this.#fields.room.value); }

	// rooms fills the choice, once the rooms are known.
	set rooms(rooms) {
		const chosen = this.#fields.room.value;
		this.#rooms = rooms;
		this.#fields.room.replaceChildren(...rooms.map((room) => new Option(room.name || room.room, room.room)));
		if (rooms.some((room) => room.room === chosen)) this.#fields.room.value = chosen;
		this.#zone();
	}

	// suggest fills in a time on a day, unless the person has begun to write.
	suggest(day) {
		const zone = this.#room?.time_zone;
		if (!zone || this.#fields.subject.value) return;
		const now = wall(new Date(), zone);
		const next = wall(addMinutes(new Date(), 30), zone);
		const [hour, minute] = next.time.split(":").map(Number);
		const time = day === now.day && next.day === day && hour >= 8 && hour < 20
			? `${String(hour).padStart(2, "0")}:${minute < 30 ? "00" : "30"}` : "09:00";
		this.#fill(day, at(day, time, zone), zone);
		this.#wanted(null); // nobody has asked for it yet
	}

	// open prefills the form for a free time and goes there.
	open(room, start, blocks) {
		this.#fields.room.value = room.room;
		const next = blocks.find((block) => block.start >= start)?.start;
		const end = addMinutes(start, this.#length);
		this.#fill(wall(start, room.time_zone).day, start, room.time_zone, next && next < end ? next : end);
		this.#zone();
		this.#show(null);
		this.#hideClash();
		const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
		this.#form.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
		this.#fields.subject.focus({ preventScroll: true });
	}

	#fill(day, start, zone, end = addMinutes(start, this.#length)) {
		this.#fields.date.value = day;
		this.#fields.start.value = wall(start, zone).time;
		this.#fields.end.value = wall(end, zone).time;
		this.#draft();
	}

	#edited(name) {
		if (name === "room") this.#zone();
		const { start, end } = this.#times() ?? {};
		if (name === "start" && start) {
			this.#fields.end.value = wall(addMinutes(start, this.#length), this.#room.time_zone).time;
		} else if (name === "end" && start < end) {
			this.#length = (end - start) / 60_000;
		}
		if (name === "until" || name === "count") this.#fields[name === "until" ? "count" : "until"].value = ""; // one of them
		if (name === "repeat") this.#repeat();
		this.#errors([]);
		this.#draft();
	}

	#repeat() { $("f-ends").hidden = !this.#fields.repeat.value; }

	#zone() {
		$("f-zone").textContent = this.#room ? `Times are those of the room: ${this.#room.time_zone.replaceAll("_", " ")}.` : "";
	}

	#draft() { this.#wanted(this.#times()); }

	#times() {
		const { date, start, end } = this.#fields;
		const zone = this.#room?.time_zone;
		if (!zone || !date.value || !start.value) return null;
		return {
			room: this.#room.room,
			start: at(date.value, start.value, zone),
			end: end.value ? at(date.value, end.value, zone) : new Date(NaN),
		};
	}

	async #submit() {
		const fields = this.#fields;
		const times = this.#times();
		const missing = [];
		if (!this.#room) missing.push(["room", "Choose a room."]);
		if (!fields.subject.value.trim()) missing.push(["subject", "Say what it is for."]);
		if (!fields.date.value) missing.push(["date", "Choose a day."]);
		if (!fields.start.value) missing.push(["start", "From when?"]);
		if (!fields.end.value) missing.push(["end", "Until when?"]);
		else if (times && !(times.start < times.end)) missing.push(["end", "Must be after the start."]);
		const series = { repeat: fields.repeat.value, until: fields.until.value, count: fields.count.value };
		if (series.repeat) {
			if (fields.date.value && !fits(series.repeat, fields.date.value)) missing.push(["date", "Begin on a weekday."]);
			if (series.until ? series.until < fields.date.value : !(series.count > 0)) missing.push(["until", "Until which day, or how many times?"]);
		}
		this.#errors(missing);
		if (missing.length > 0) return;

		const zone = this.#room.time_zone;
		const body = {
			room: this.#room.room,
			subject: fields.subject.value.trim(),
			start: rfc3339(times.start, zone),
			end: rfc3339(times.end, zone),
			time_zone: zone,
			attendees: fields.attendees.value.split(/[\s,;]+/).filter(Boolean),
			private: fields.private.checked,
			recurrence: recurrence(series, fields.date.value),
		};
		await this.#send(body);
	}

	// send books. The same booking sent again keeps its key, so that it is made once.
	async #send(body) {
		const text = JSON.stringify(body);
		if (this.#sent.body !== text) this.#sent = { body: text, key: crypto.randomUUID() };
		const watch = ++this.#watch;
		this.#busy(true);
		this.#hideClash();
		this.#show({ status: "sending", ...state("sending") });
		this.#status.scrollIntoView({ block: "nearest" });
		try {
			if (body.recurrence && await this.#clashes(body)) return;
			const { data } = await api.book(body, this.#sent.key);
			this.#sent = { body: "", key: "" };
			this.#booked();
			this.#report(data);
			this.#changed();
			this.#follow(data, watch);
		} catch (problem) {
			this.#refused(problem, body);
		} finally {
			this.#busy(false);
		}
	}

	// clashes says before a series is booked which of its dates would clash.
	async #clashes(body) {
		const { free, occurrences, alternatives } = await api.check(body);
		if (!free) this.#conflict({ clashes: occurrences.flatMap((date) => date.clashes ?? []), alternatives }, body);
		return !free;
	}

	#refused(problem, body) {
		if (!(problem instanceof api.Problem)) throw problem;
		if (problem.code === "room_conflict") return this.#conflict(problem.body, body);
		const said = trouble(problem);
		if (problem.status === 422) this.#errors(fieldErrors(problem.body));
		// The answer is final: what is sent next is another booking, even if it reads the same.
		if (!said.retry) this.#sent = { body: "", key: "" };
		if (problem.code === "room_declined") this.#changed();
		this.#show(said.retry ? { ...said, again: () => this.#send(body) } : said);
	}

	// follow asks how a booking fares until it is decided.
	async #follow(booking, watch) {
		const until = Date.now() + watchFor;
		let pause = 400;
		while (state(booking.status).pending && Date.now() < until) {
			await new Promise((done) => setTimeout(done, pause));
			if (watch !== this.#watch) return; // another one is being booked
			pause = Math.min(pause * 1.5, 3000);
			const before = booking.status;
			try {
				booking = await api.booking(booking.id);
			} catch (problem) {
				if (problem.status === 401) return this.#show(trouble(problem));
				continue; // a lost question says nothing about the booking
			}
			if (watch !== this.#watch) return;
			if (booking.status !== before) {
				this.#report(booking);
				this.#changed();
			}
		}
	}

	#report(booking) {
		const said = state(booking.status);
		const room = this.#rooms.find((r) => r.room === booking.room);
		const zone = booking.time_zone || room?.time_zone || "UTC";
		const reason = booking.room_response?.reason;
		this.#show({
			status: booking.status,
			title: booking.status === "declined" && reason ? `Declined: ${reason}` : said.title,
			text: said.text,
			what: `${room?.name ?? booking.room}, ${dayName(wall(new Date(booking.start), zone).day, "short")}, ${span(booking.start, booking.end, zone)}${booking.recurrence ? `, ${repeats(booking.recurrence)}` : ""}`,
			steps: true,
			signIn: booking.status === "needs_sign_in" ? booking.login_url || "/.ones/login?return_to=/" : "",
		});
		this.#told = booking;
	}

	// heard keeps what is shown true when the list knows more, after a cancellation say.
	heard(bookings) {
		const now = this.#told && bookings.find((booking) => booking.id === this.#told.id);
		if (now && now.status !== this.#told.status) this.#report(now);
	}

	#conflict({ clashes = [], alternatives = [], detail = "" }, body) {
		this.#sent = { body: "", key: "" };
		const zoneOf = (id) => this.#rooms.find((room) => room.room === id)?.time_zone ?? body.time_zone;
		const nameOf = (id) => this.#rooms.find((room) => room.room === id)?.name ?? id;
		const dayOf = (time) => dayName(wall(new Date(time), body.time_zone).day, "short");
		const line = (c) => (body.recurrence ? `${dayOf(c.start)}, ` : "") + clash(c, body.time_zone);
		const others = alternatives.map((other) => el("li", {}, el("button", {
			type: "button", className: "alternative", "data-room": other.room, "data-start": other.start,
			onclick: () => {
				const zone = zoneOf(other.room);
				this.#fields.room.value = other.room;
				this.#zone();
				this.#fill(wall(new Date(other.start), zone).day, new Date(other.start), zone, new Date(other.end));
				this.#form.requestSubmit();
			},
		}, el("strong", {}, nameOf(other.room)), el("span", {}, span(other.start, other.end, zoneOf(other.room))), el("span", { className: "go" }, "Book"))));
		this.#clash.replaceChildren(...[
			clashes.length > 0 ? el("ul", { className: "taken" }, ...clashes.slice(0, most).map((c) => el("li", {}, line(c))),
				clashes.length > most ? el("li", {}, `and ${clashes.length - most} more`) : null) : el("p", {}, detail),
			others.length > 0 ? el("h3", {}, body.recurrence ? "Free on all dates" : "Free instead") : el("p", {}, "Nothing else is free around that time."),
			others.length > 0 ? el("ul", { className: "alternatives" }, ...others) : null,
			body.recurrence ? el("button", {
				type: "button", className: "button small quiet", id: "book-once",
				onclick: () => {
					this.#fields.repeat.value = "";
					this.#repeat();
					this.#form.requestSubmit();
				},
			}, `Book only ${dayOf(body.start)}`) : null,
		].filter(Boolean));
		this.#show({ status: "conflict", title: `${nameOf(body.room)} is taken${body.recurrence ? " on some dates" : ""}`, text: "Nothing was booked." });
		this.#clash.hidden = false;
		this.#clash.scrollIntoView({ block: "nearest" });
		this.#changed();
	}

	#hideClash() {
		this.#clash.hidden = true;
		this.#clash.replaceChildren();
	}

	#show(said) {
		this.#told = null;
		if (!said) {
			this.#status.removeAttribute("data-status");
			return this.#status.replaceChildren();
		}
		this.#status.dataset.status = said.status;
		const link = said.signIn && safeLink(said.signIn);
		this.#status.replaceChildren(...[
			el("strong", { className: "status-title" }, said.title),
			said.what ? el("span", { className: "status-what" }, said.what) : null,
			said.text ? el("span", {}, said.text) : null,
			said.steps ? el("span", { className: "steps", "aria-hidden": "true" }, el("i"), el("i"), el("i")) : null,
			link ? el("a", { className: "button small", href: link }, "Sign in") : null,
			said.again ? el("button", { type: "button", className: "button small", id: "try-again", onclick: said.again }, "Try again") : null,
		].filter(Boolean));
	}

	// errors writes [name, message] pairs under their fields.
	#errors(list) {
		const messages = new Map(list);
		for (const field of this.#form.querySelectorAll("[name]")) {
			const message = messages.get(field.name) ?? "";
			const place = $(`e-${field.name}`);
			if (place) place.textContent = message;
			if (message) field.setAttribute("aria-invalid", "true");
			else field.removeAttribute("aria-invalid");
		}
		if (list.length > 0) this.#fields[list[0][0]]?.focus();
	}

	#booked() {
		for (const name of ["subject", "attendees"]) this.#fields[name].value = "";
		this.#fields.private.checked = false;
		this.#fields.repeat.value = "";
		this.#repeat();
		this.#errors([]);
		this.#wanted(null);
	}

	#busy(busy) { $("book").disabled = busy; }
}

// fieldErrors finds the fields that a 422 names, whichever way it points at them.
function fieldErrors({ errors }) {
	if (!Array.isArray(errors)) return [];
	return errors.flatMap((e) => {
		const at = String(e.field ?? e.pointer ?? e.location ?? e.name ?? "");
		const name = at.split(/[./[\]#]+/).find((part) => ["room", "subject", "date", "start", "end", "attendees", "private", "recurrence"].includes(part));
		return name ? [[name === "recurrence" ? "repeat" : name, String(e.detail ?? e.message ?? "Please check.")]] : [];
	});
}
