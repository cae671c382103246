// Wall time in a room's zone, and instants. Days are "2026-12-01", times "10:00".

const formats = new Map();

function parts(instant, zone) {
	let format = formats.get(zone);
	if (!format) {
		format = new Intl.DateTimeFormat("en-US", {
			timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
			hour: "2-digit", minute: "2-digit", second: "2-digit",
		});
		formats.set(zone, format);
	}
	return Object.fromEntries(format.formatToParts(instant).map((p) => [p.type, p.value]));
}

// wall is what a clock in the zone shows.
export function wall(instant, zone) {
	const p = parts(instant, zone);
	return { day: `${p.year}-${p.month}-${p.day}`, time: `${p.hour}:${p.minute}` };
}

// offset of the zone at an instant, in milliseconds east of UTC.
function offset(instant, zone) {
	const p = parts(instant, zone);
	const shown = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second);
	return shown - Math.floor(instant.getTime() / 1000) * 1000;
}

// at is the instant at which a clock in the zone shows day and time. A time that
// the clock skips in spring is taken as that much later.
export function at(day, time, zone) {
	const utc = Date.parse(`${day}T${time}:00Z`);
	const first = new Date(utc - offset(new Date(utc), zone));
	const second = new Date(utc - offset(first, zone));
	const shown = wall(second, zone);
	return shown.day === day && shown.time === time ? second : new Date(Math.max(first, second));
}

// rfc3339 writes an instant with the zone's offset.
export function rfc3339(instant, zone) {
	const minutes = Math.round(offset(instant, zone) / 60000);
	const two = (n) => String(n).padStart(2, "0");
	const size = Math.abs(minutes);
	const local = new Date(instant.getTime() + minutes * 60000).toISOString().slice(0, 19);
	return `${local}${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export const addMinutes = (instant, minutes) => new Date(instant.getTime() + minutes * 60000);

export function addDays(day, n) {
	const date = new Date(`${day}T00:00:00Z`);
	date.setUTCDate(date.getUTCDate() + n);
	return date.toISOString().slice(0, 10);
}

// dayName: "Tuesday, 1 December".
export const dayName = (day, weekday = "long") =>
	new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { weekday, day: "numeric", month: weekday, timeZone: "UTC" });

// span: "10:00–11:00", or with days where it crosses midnight.
export function span(start, end, zone) {
	const a = wall(new Date(start), zone);
	const b = wall(new Date(end), zone);
	return a.day === b.day ? `${a.time}–${b.time}` : `${dayName(a.day, "short")} ${a.time} – ${dayName(b.day, "short")} ${b.time}`;
}
