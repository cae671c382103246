// The signed-in page: fetches the rooms and the bookings, and keeps them fresh.

import * as api from "./api.js";
import { el, $, safeLink } from "./dom.js";
import { Form } from "./form.js";
import { bounds, Grid } from "./grid.js";
import { Mine } from "./mine.js";
import { addDays, at, dayName, wall } from "./time.js";
import { state, trouble } from "./words.js";

const settled = 15_000, unsettled = 2_500; // between two looks, in milliseconds

let rooms = [], mine = [], schedules = null;
let day = "";
let timer = 0, look = 0;
let wanted = null;

const grid = new Grid((room, start, blocks) => form.open(room, start, blocks));
const form = new Form({
	changed: () => refresh(),
	wanted: (times) => {
		wanted = times;
		const asked = times && wall(times.start, zone()).day;
		if (asked && asked !== day && asked >= today()) show(asked); // the plan follows the form
		else grid.draft(wanted);
	},
});
const list = new Mine(() => refresh());

const zone = () => rooms[0]?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
const today = () => wall(new Date(), zone()).day;

// refresh fetches what is shown. Of several at once the last one counts.
async function refresh() {
	clearTimeout(timer);
	const mark = ++look;
	let note = "";
	try {
		if (rooms.length === 0) {
			rooms = await api.rooms();
			form.rooms = rooms;
			day ||= today();
			form.suggest(day);
		}
		const shown = day;
		const since = at(shown < today() ? shown : today(), "00:00", zone());
		const [bookings, ...looks] = await Promise.allSettled([api.bookings(since.toISOString()), ...rooms.map((room) => {
			const { from, to } = bounds(shown, room.time_zone);
			return api.schedule(room.room, from.toISOString(), to.toISOString());
		})]);
		if (mark !== look) return;
		const refused = [bookings, ...looks].find((l) => l.status === "rejected" && l.reason.status === 401);
		if (refused) throw refused.reason;
		if (bookings.status === "fulfilled") mine = bookings.value;
		schedules = new Map(looks.flatMap((l, i) => l.status === "fulfilled" ? [[rooms[i].room, l.value]] : []));
		note = freshness(looks);
		draw(bookings.status === "fulfilled");
	} catch (problem) {
		if (mark !== look) return;
		complain(problem);
		if (problem.status === 401) return; // nothing more to see until the person signs in
		timer = setTimeout(refresh, settled);
		return;
	}
	$("grid-note").textContent = note;
	const waiting = mine.some((booking) => state(booking.status).pending || booking.pending_change);
	if (!document.hidden) timer = setTimeout(refresh, waiting ? unsettled : settled);
}

function draw(readable = true) {
	grid.draw(day, rooms, schedules, mine);
	grid.draft(wanted);
	list.draw(mine, rooms, readable);
	form.heard(mine);
	$("day-title").textContent = day === today() ? `Today, ${dayName(day)}` : dayName(day);
	$("day-today").disabled = day === today();
}

function freshness(looks) {
	if (rooms.length === 0) return "No rooms are set up yet.";
	if (looks.every((l) => l.status === "rejected")) return "The rooms can’t be looked at right now. Booking still works: the room itself answers.";
	const unseen = looks.flatMap((l, i) => l.status === "fulfilled" && !l.value.as_of ? [rooms[i].name || rooms[i].room] : []);
	if (unseen.length === rooms.length) return "The rooms’ own calendars can’t be seen from here: only bookings made here are shown.";
	if (unseen.length > 0) return `Only bookings made here are shown for ${unseen.join(", ")}: their calendars can’t be seen.`;
	const oldest = Math.min(...looks.flatMap((l) => l.status === "fulfilled" && l.value.as_of ? [Date.parse(l.value.as_of)] : []));
	return Number.isFinite(oldest) ? `As of ${wall(new Date(oldest), zone()).time}` : "";
}

function complain(problem) {
	if (!(problem instanceof api.Problem)) throw problem;
	const { title, text, signIn } = trouble(problem);
	const link = signIn && safeLink(signIn);
	$("grid").setAttribute("aria-busy", "false");
	$("grid-note").replaceChildren(problem.status === 0 ? "The gateway does not answer. Trying again shortly." : `${title}. ${text} `,
		link ? el("a", { href: link }, "Sign in") : "");
}

async function show(to) {
	day = to;
	schedules = null;
	draw();
	await refresh();
	grid.reveal();
}

async function go(to) {
	day = to;
	if (day >= today()) form.suggest(day);
	await show(day);
}

$("day-prev").addEventListener("click", () => go(addDays(day || today(), -1)));
$("day-next").addEventListener("click", () => go(addDays(day || today(), 1)));
$("day-today").addEventListener("click", () => go(today()));
document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : refresh());

await refresh();
grid.reveal();
