// The plan of one day: a row for each room, from 08:00 to 20:00 in the room's zone.

import { el, $ } from "./dom.js";
import { dates } from "./series.js";
import { addMinutes, at, span, wall } from "./time.js";
import { state } from "./words.js";

const opens = 8, closes = 20, step = 30; // hours, hours, minutes
const slots = (closes - opens) * 60 / step;

// bounds of the day shown for a room.
export function bounds(day, zone) {
	const two = (n) => String(n).padStart(2, "0");
	return { from: at(day, `${two(opens)}:00`, zone), to: at(day, `${two(closes)}:00`, zone) };
}

// A Grid draws what it is given and calls pick(room, start, end) for a free time.
export class Grid {
	#root = $("grid");
	#pick;
	#lanes = new Map(); // room -> { lane, from, to, zone }

	constructor(pick) {
		this.#pick = pick;
		this.#root.addEventListener("keydown", (event) => this.#arrows(event));
	}

	// draw shows rooms with their schedules (a Map by room, without those that could
	// not be looked at; null while they are fetched) and the person's own bookings.
	draw(day, rooms, schedules, mine) {
		const focused = document.activeElement?.closest?.(".slot")?.dataset;
		const now = new Date();
		const zones = new Set(rooms.map((room) => room.time_zone));
		this.#lanes.clear();
		const rows = rooms.map((room) => {
			const zone = room.time_zone;
			const { from, to } = bounds(day, zone);
			const schedule = schedules?.get(room.room);
			const unknown = schedules && !schedule;
			const lane = el("div", { className: unknown ? "lane unknown" : "lane", role: "group", "aria-label": room.name, "data-room": room.room });
			this.#lanes.set(room.room, { lane, from, to, zone });
			const blocks = merge(room.room, schedule?.blocks ?? [], mine);
			for (let i = 0; i < slots; i++) lane.append(this.#slot(room, i, from, blocks, now, schedules && (unknown ? "not known" : "free")));
			for (const block of blocks) {
				const node = draw(block, zone);
				if (place(node, block.start, block.end, from, to)) lane.append(node);
			}
			const line = el("div", { className: "now", "aria-hidden": "true" });
			if (now > from && now < to) {
				line.style.left = `${(now - from) / (to - from) * 100}%`;
				lane.append(line);
			}
			const about = [room.capacity ? `${room.capacity} seats` : "", room.group, zones.size > 1 ? zone : "", unknown ? "can’t be looked at now" : ""];
			return el("div", { className: "room" },
				el("div", { className: "room-name" }, el("strong", {}, room.name || room.room), el("span", {}, about.filter(Boolean).join(" · "))), lane);
		});
		const hours = el("div", { className: "hours", "aria-hidden": "true" });
		for (let h = opens; h < closes; h++) hours.append(el("span", {}, `${String(h).padStart(2, "0")}:00`));
		this.#root.replaceChildren(el("div", { className: "room axis" }, el("div", { className: "room-name" }), hours), ...rows);
		this.#root.setAttribute("aria-busy", "false");
		this.#restore(focused);
	}

	// draft outlines the time that the form asks for; without one it goes.
	draft(wanted) {
		this.#root.querySelector(".draft")?.remove();
		const row = wanted && this.#lanes.get(wanted.room);
		if (!row || !(wanted.start < wanted.end)) return;
		const node = el("div", { className: "block draft", "aria-hidden": "true" });
		if (place(node, wanted.start, wanted.end, row.from, row.to)) row.lane.append(node);
	}

	// reveal scrolls to now, or to the start of the day, where the plan is wider than the screen.
	reveal() {
		const scroll = $("grid-scroll");
		const line = this.#root.querySelector(".now");
		scroll.scrollLeft = line ? line.offsetLeft - scroll.clientWidth / 3 : 0;
	}

	// A slot can be chosen unless it is over, taken, or not fetched yet (no freedom).
	#slot(room, i, from, blocks, now, freedom) {
		const start = addMinutes(from, i * step), end = addMinutes(start, step);
		const taken = blocks.some((b) => b.start < end && b.end > start);
		if (taken || end <= now || !freedom) return el("span", { className: end <= now ? "gone" : "" });
		const time = wall(start, room.time_zone).time;
		return el("button", {
			type: "button", className: "slot", tabIndex: -1, "data-room": room.room, "data-start": start.toISOString(), "data-time": time, "data-index": i,
			"aria-label": `${room.name}, ${time}, ${freedom}`,
			onclick: () => this.#pick(room, new Date(Math.max(start, soon())), blocks),
		}, el("span", { "aria-hidden": "true" }, time));
	}

	// One stop for the Tab key; arrows go from slot to slot.
	#restore(focused) {
		const all = [...this.#root.querySelectorAll(".slot")];
		const same = focused && all.find((s) => s.dataset.room === focused.room && s.dataset.index === focused.index);
		if (same) same.focus();
		const stop = same ?? all[0];
		if (stop) stop.tabIndex = 0;
	}

	#arrows(event) {
		const from = event.target.closest(".slot");
		const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
		if (!from || !move) return;
		event.preventDefault();
		const lanes = [...this.#lanes.values()].map((row) => [...row.lane.querySelectorAll(".slot")]).filter((row) => row.length > 0);
		const y = lanes.findIndex((row) => row.includes(from));
		const row = lanes[Math.min(Math.max(y + move[1], 0), lanes.length - 1)];
		const index = Number(from.dataset.index);
		const next = move[0]
			? row[row.indexOf(from) + move[0]]
			: row.reduce((best, s) => Math.abs(s.dataset.index - index) < Math.abs(best.dataset.index - index) ? s : best);
		if (!next) return;
		from.tabIndex = -1;
		next.tabIndex = 0;
		next.focus();
		next.scrollIntoView({ block: "nearest", inline: "nearest" });
	}
}

// soon is the next time on a clock's five-minute marks.
const soon = () => Math.ceil(Date.now() / 300_000) * 300_000;

// merge lays the person's own bookings over the room's blocks: the room doesn't
// know those that are still on their way, nor where one is to be moved to.
function merge(room, blocks, mine) {
	const own = mine.flatMap((b) => [
		...(b.room === room ? dates(b) : []).map((date) => ({ date, booking: b })),
		...(b.pending_change?.room === room && b.pending_change.kind === "update" ? [{ date: b.pending_change, booking: { ...b, status: "awaiting_room" } }] : []),
	]).map((o) => ({ ...o, start: new Date(o.date.start), end: new Date(o.date.end) }));
	const covered = (block) => own.some((o) => o.booking.id === block.booking_id ||
		(!block.booking_id && +o.start === +block.start && +o.end === +block.end));
	const others = blocks.map((b) => ({ ...b, start: new Date(b.start), end: new Date(b.end) }))
		.filter((b) => b.status !== "free" && !covered(b));
	return [...others, ...own].sort((a, b) => a.start - b.start);
}

function draw(block, zone) {
	const time = span(block.start, block.end, zone);
	const minutes = (block.end - block.start) / 60_000;
	const size = minutes <= 30 ? "short tiny" : minutes < 90 ? "short" : "";
	if (!block.booking) {
		const subject = block.subject || "Busy";
		return el("div", { className: `block busy ${size}`, title: `${subject}, ${time}` }, el("strong", {}, subject), el("span", {}, time));
	}
	const { subject, status, id } = block.booking;
	const kind = state(status).pending ? "waiting" : "mine";
	return el("div", { className: `block ${kind} ${size}`, title: `${subject}, ${time}, ${state(status).pill}`, "data-block": id },
		el("strong", {}, subject), el("span", {}, kind === "waiting" ? state(status).pill : time));
}

// place sets a block's left edge and width; false if it lies outside.
function place(node, start, end, from, to) {
	const left = Math.max(start, from), right = Math.min(end, to);
	if (left >= right) return false;
	node.style.left = `${(left - from) / (to - from) * 100}%`;
	node.style.width = `${(right - left) / (to - from) * 100}%`;
	return true;
}
