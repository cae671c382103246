// A booking that repeats is one booking with many dates.

import { addMinutes } from "./time.js";
import { occupies } from "./words.js";

const days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const weekdays = days.slice(1, 6);
const weekday = (day) => days[new Date(`${day}T00:00:00Z`).getUTCDay()];

// fits says whether a series can begin on a day.
export const fits = (repeat, day) => repeat !== "weekday" || weekdays.includes(weekday(day));

// recurrence is what the form asks for as Graph's patternedRecurrence; null: once only.
export function recurrence({ repeat, until, count }, day) {
	const pattern = {
		day: { type: "daily", interval: 1 },
		weekday: { type: "weekly", interval: 1, daysOfWeek: weekdays },
		week: { type: "weekly", interval: 1, daysOfWeek: [weekday(day)] },
	}[repeat];
	if (!pattern) return null;
	return { pattern, range: until ? { type: "endDate", endDate: until } : { type: "numbered", numberOfOccurrences: Number(count) } };
}

// repeats says how often, in a word. Other programs make series that this one has no word for.
export function repeats({ pattern: { type, interval, daysOfWeek } }) {
	if (interval !== 1) return "repeating";
	return type === "daily" ? "daily" : type !== "weekly" ? "repeating" : daysOfWeek.length === 5 ? "every weekday" : "weekly";
}

// dates are the times at which a booking takes up its room.
export const dates = (booking) =>
	occupies(booking.status) ? (booking.dates ?? [booking]).filter((date) => occupies(date.status)) : [];

// next is the first date that is not over yet.
export const next = (booking) => dates(booking).find((date) => new Date(date.end) > new Date());

// present says whether a date can be checked in to.
export const present = (date) => addMinutes(new Date(date.start), -10) <= new Date();
