// Books a room with Microsoft's own SDK for Graph, four weeks ahead, where nothing may stand yet.
//
//	node graph.mjs ROOT ACCESS_TOKEN ROOM
//
// ROOT has to be https: this SDK gives tokens and follows links to nothing else.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { step } from "./step.mjs";
import {
	BatchRequestContent,
	BatchResponseContent,
	Client,
	GraphError,
	PageIterator,
	ResponseType,
} from "@microsoft/microsoft-graph-client";

const [root, token, room] = process.argv.slice(2);
const graph = Client.initWithMiddleware({
	baseUrl: root,
	defaultVersion: "v1.0",
	customHosts: new Set([new URL(root).hostname]),
	authProvider: { getAccessToken: async () => token },
});

const zone = "China Standard Time";
const inZone = `outlook.timezone="${zone}"`;
const monday = new Date();
monday.setUTCDate(monday.getUTCDate() + 28 + ((8 - monday.getUTCDay()) % 7));

// day is the date that comes so many days after that Monday.
const day = (after) => new Date(monday.getTime() + after * 86_400_000).toISOString().slice(0, 10);
const at = (after, time) => ({ dateTime: `${day(after)}T${time}:00`, timeZone: zone });
const span = (after, from, to) => ({ start: at(after, from), end: at(after, to) });
const clock = ({ dateTime }) => dateTime.slice(0, 16);

// days is a window of UTC. Working hours in China are on the same date there.
const days = (from, to) => ({ startDateTime: `${day(from)}T00:00:00Z`, endDateTime: `${day(to)}T00:00:00Z` });

const create = (event) => graph.api("/me/events").post(event);
const event = (id) => graph.api(`/me/events/${id}`);
const ids = (events) => events.map((e) => e.id);

// all follows the links of a list to its end.
async function all(page, options) {
	const found = [];
	const pages = new PageIterator(graph, page, (item) => found.push(item) > 0, options);
	await pages.iterate();
	assert.ok(pages.isComplete());
	return { found, deltaLink: pages.getDeltaLink() };
}

// until asks again until the answer is as wanted: a room answers in its own time.
async function until(ask, wanted) {
	for (const end = Date.now() + 20_000; ; await setTimeout(50)) {
		const answer = await ask();
		if (wanted(answer)) return answer;
		assert.ok(Date.now() < end, `it stays ${JSON.stringify(answer)}`);
	}
}

const isMissing = (error) => {
	assert.ok(error instanceof GraphError, error);
	assert.equal(error.statusCode, 404);
	assert.equal(error.code, "ErrorItemNotFound");
	assert.ok(error.requestId);
	return true;
};

await step("calendar", async () => {
	const calendar = await graph.api("/me/calendar").get();
	assert.ok(calendar.id && calendar.name);
	assert.match(calendar.owner.address, /@/);
	assert.equal(calendar.canEdit, true);
});

const propertyID = "String {7c8e9ab1-52ab-4d0e-8f52-a1e5d2d4f3a6} Name ClientsTest";
const booking = {
	subject: "Project sync",
	transactionId: randomUUID(),
	body: { contentType: "text", content: "What is left to do." },
	...span(0, "10:00", "11:00"),
	location: { displayName: "A room", locationEmailAddress: room },
	attendees: [{ type: "resource", emailAddress: { address: room } }],
	singleValueExtendedProperties: [{ id: propertyID, value: "b-123" }],
};

const { id, iCalUId, changeKey } = await step("create", async () => {
	const made = await create(booking);
	assert.equal(made.type, "singleInstance");
	assert.equal(made.isOrganizer, true);
	assert.equal(made.transactionId, booking.transactionId);
	assert.equal(made.attendees[0].status.response, "none");
	assert.equal(made["@odata.etag"], `W/"${made.changeKey}"`);
	return made;
});

await step("create-again", async () => {
	assert.equal((await create(booking)).id, id);
});

await step("read-in-a-zone", async () => {
	const response = await event(id)
		.header("Prefer", inZone)
		.expand(`singleValueExtendedProperties($filter=id eq '${propertyID}')`)
		.responseType(ResponseType.RAW)
		.get();
	assert.equal(response.headers.get("Preference-Applied"), inZone);
	const read = await response.json();
	assert.deepEqual(read.start, { dateTime: `${day(0)}T10:00:00.0000000`, timeZone: zone });
	assert.deepEqual(read.singleValueExtendedProperties, booking.singleValueExtendedProperties);
});

await step("immutable-id", async () => {
	const immutably = (id) => event(id).header("Prefer", 'IdType="ImmutableId"').get();
	const read = await immutably(id);
	assert.notEqual(read.id, id);
	assert.equal(read.iCalUId, iCalUId);
	const again = await immutably(read.id);
	assert.equal(again.id, read.id);
	assert.equal(again.iCalUId, iCalUId);
});

await step("pages", async () => {
	const others = [];
	for (const hour of [12, 13, 14, 15]) {
		others.push(await create({ subject: `At ${hour}`, ...span(0, `${hour}:00`, `${hour + 1}:00`) }));
	}
	const page = await graph.api("/me/calendarView").query(days(0, 1)).orderby("start/dateTime").top(2).get();
	assert.equal(page.value.length, 2);
	assert.ok(page["@odata.nextLink"]);
	assert.deepEqual(ids((await all(page)).found), [id, ...ids(others)]);
});

// morning is the room's half hours from 10:00 to 12:00: 0 is free, 2 is busy.
async function morning() {
	const { value } = await graph.api("/me/calendar/getSchedule").post({
		schedules: [room],
		startTime: at(0, "10:00"),
		endTime: at(0, "12:00"),
		availabilityViewInterval: 30,
	});
	assert.equal(value.length, 1);
	assert.equal(value[0].scheduleId, room);
	return value[0].availabilityView;
}

await step("room-accepts", async () => {
	await until(
		() => event(id).get(),
		(e) => e.attendees[0].status.response === "accepted",
	);
	assert.equal(await morning(), "2200");
});

await step("update", async () => {
	const changed = await event(id).patch({ subject: "Long project sync", end: at(0, "11:30") });
	assert.equal(changed.id, id);
	assert.equal(changed.subject, "Long project sync");
	assert.notEqual(changed.changeKey, changeKey);
});

await step("get-schedule", async () => {
	await until(morning, (view) => view === "2220");
});

await step("find-meeting-times", async () => {
	const find = (from, to) =>
		graph
			.api("/me/findMeetingTimes")
			.header("Prefer", inZone)
			.post({
				attendees: [{ type: "resource", emailAddress: { address: room } }],
				timeConstraint: { activityDomain: "unrestricted", timeSlots: [span(0, from, to)] },
				meetingDuration: "PT1H",
				maxCandidates: 5,
				minimumAttendeePercentage: 100,
				returnSuggestionReasons: true,
			});
	const { meetingTimeSuggestions, emptySuggestionsReason } = await find("09:00", "17:00");
	assert.equal(emptySuggestionsReason, "");
	assert.ok(meetingTimeSuggestions.length > 0);
	for (const suggestion of meetingTimeSuggestions) {
		const { start, end } = suggestion.meetingTimeSlot;
		assert.equal(start.timeZone, zone);
		assert.equal(new Date(end.dateTime) - new Date(start.dateTime), 3_600_000);
		for (const taken of [span(0, "10:00", "11:30"), span(0, "12:00", "16:00")]) {
			assert.ok(clock(end) <= clock(taken.start) || clock(start) >= clock(taken.end), `${clock(start)} is taken`);
		}
		assert.equal(suggestion.confidence, 100);
		assert.ok(suggestion.suggestionReason);
		assert.equal(suggestion.attendeeAvailability[0].attendee.emailAddress.address, room);
		assert.equal(suggestion.attendeeAvailability[0].availability, "free");
	}
	const none = await find("10:00", "11:00");
	assert.deepEqual(none.meetingTimeSuggestions, []);
	assert.match(none.emptySuggestionsReason, /^(organizer|attendees)Unavailable$/i);
});

const instances = async (series) => {
	const { value } = await graph
		.api(`/me/events/${series.id}/instances`)
		.query(days(0, 28))
		.header("Prefer", inZone)
		.get();
	return value.sort((a, b) => clock(a.start).localeCompare(clock(b.start)));
};

const series = await step("series", async () => {
	const master = await create({
		subject: "Weekly sync",
		...span(2, "09:00", "09:30"),
		recurrence: {
			pattern: { type: "weekly", interval: 1, daysOfWeek: ["wednesday"] },
			range: { type: "numbered", startDate: day(2), numberOfOccurrences: 3, recurrenceTimeZone: zone },
		},
	});
	assert.equal(master.type, "seriesMaster");
	assert.equal(master.recurrence.range.numberOfOccurrences, 3);
	return master;
});

await step("instances", async () => {
	const found = await instances(series);
	assert.deepEqual(
		found.map((e) => [e.type, e.seriesMasterId, clock(e.start)]),
		[2, 9, 16].map((n) => ["occurrence", series.id, clock(at(n, "09:00"))]),
	);
});

await step("exception", async () => {
	const [, second] = await instances(series);
	const changed = await event(second.id).patch({ subject: "Sync, later", ...span(9, "11:00", "11:30") });
	assert.equal(changed.type, "exception");
	assert.equal(changed.seriesMasterId, series.id);
	const want = [
		["occurrence", "Weekly sync", clock(at(2, "09:00"))],
		["exception", "Sync, later", clock(at(9, "11:00"))],
		["occurrence", "Weekly sync", clock(at(16, "09:00"))],
	];
	const seen = (events) => events.map((e) => [e.type, e.subject, clock(e.start)]);
	assert.deepEqual(seen(await instances(series)), want);
	const view = await graph.api("/me/calendarView").query(days(2, 17)).orderby("start/dateTime").header("Prefer", inZone).get();
	assert.deepEqual(seen(view.value), want);
});

const gone = await step("delta", async () => {
	const made = [];
	for (const hour of [10, 11, 12]) {
		made.push(await create({ subject: `Delta at ${hour}`, ...span(1, `${hour}:00`, `${hour + 1}:00`) }));
	}
	const headers = { Prefer: "odata.maxpagesize=2" };
	const round = async (request) => all(await request.headers(headers).get(), { headers });

	const full = await round(graph.api("/me/calendarView/delta").query(days(1, 2)));
	assert.deepEqual(new Set(ids(full.found)), new Set(ids(made)));

	await event(made[1].id).patch({ subject: "Changed" });
	const changed = await round(graph.api(full.deltaLink));
	assert.deepEqual(
		changed.found.map((e) => [e.id, e.subject]),
		[[made[1].id, "Changed"]],
	);

	await event(made[2].id).delete();
	const deleted = await round(graph.api(changed.deltaLink));
	assert.deepEqual(
		deleted.found.map((e) => [e.id, e["@removed"]]),
		[[made[2].id, { reason: "deleted" }]],
	);
	return made[2].id;
});

await step("batch", async () => {
	const request = (path, init) => new Request(root + path, init);
	const batch = new BatchRequestContent([
		{
			id: "create",
			request: request("/me/events", {
				method: "POST",
				headers: { "Content-Type": "application/json" },
				body: JSON.stringify({ subject: "In a batch", ...span(3, "10:00", "11:00") }),
			}),
		},
		{
			id: "read",
			dependsOn: ["create"],
			request: request(`/me/calendarView?${new URLSearchParams(days(3, 4))}`, { headers: { Prefer: inZone } }),
		},
		{ id: "missing", dependsOn: ["read"], request: request(`/me/events/${gone}`) },
		{ id: "too-late", dependsOn: ["missing"], request: request("/me/calendar") },
	]);
	const answers = new BatchResponseContent(await graph.api("/$batch").post(await batch.getContent()));
	const answer = (id, status) => {
		const response = answers.getResponseById(id);
		assert.equal(response?.status, status, id);
		return response;
	};
	const made = await answer("create", 201).json();
	const { value } = await answer("read", 200).json();
	assert.deepEqual(
		value.map((e) => [e.id, clock(e.start)]),
		[[made.id, clock(at(3, "10:00"))]],
	);
	assert.equal((await answer("missing", 404).json()).error.code, "ErrorItemNotFound");
	answer("too-late", 424);
});

await step("cancel", async () => {
	const response = await graph
		.api(`/me/events/${id}/cancel`)
		.responseType(ResponseType.RAW)
		.post({ comment: "We are done already." });
	assert.equal(response.status, 202);
	await until(morning, (view) => view === "0000");
});

await step("not-found", async () => {
	await assert.rejects(event(id).get(), isMissing);
});

await step("throttled", async () => {
	const fault = await fetch(`${root}/_sim/faults`, {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ match: "GET /v1.0/me/calendar", times: 1, status: 429, retry_after: "1" }),
	});
	assert.equal(fault.status, 201);
	const begun = performance.now();
	const calendar = await graph.api("/me/calendar").get();
	assert.ok(calendar.id);
	assert.ok(performance.now() - begun > 900, "the SDK did not wait, so it was not throttled");
});
