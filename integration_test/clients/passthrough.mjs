// Calls Graph through the gateway with Microsoft's own SDK, as somebody who has signed in there once.
//
//	node passthrough.mjs BASE SERVICE_TOKEN WHO ROOM SOMEBODY_ELSE
//
// BASE is what stands before /v1.0. It has to be https: this SDK gives tokens to nothing else.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { step } from "./step.mjs";
import { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } from "@microsoft/microsoft-graph-client";

const [base, token, who, room, somebodyElse] = process.argv.slice(2);
const graph = Client.initWithMiddleware({
	baseUrl: base,
	defaultVersion: "v1.0",
	customHosts: new Set([new URL(base).hostname]),
	authProvider: { getAccessToken: async () => token },
	fetchOptions: { headers: { "Ones-Act-As": who } },
});

const zone = "China Standard Time";
const day = new Date(Date.now() + 28 * 86_400_000).toISOString().slice(0, 10);
const span = (from, to) => ({
	start: { dateTime: `${day}T${from}:00`, timeZone: zone },
	end: { dateTime: `${day}T${to}:00`, timeZone: zone },
});
const window = { startDateTime: `${day}T00:00:00Z`, endDateTime: `${day}T23:00:00Z` };

const create = (event) => graph.api("/me/events").post(event);
const ids = (events) => events.map((e) => e.id).sort();

// all follows the links of a list to its end; every one has to lead through the gateway.
async function all(page) {
	const found = [];
	const next = (link) => link === undefined || assert.ok(link.startsWith(`${base}/v1.0/`), link);
	next(page["@odata.context"]);
	next(page["@odata.nextLink"]);
	const iterator = new PageIterator(graph, page, (item) => found.push(item) > 0, { fetchOptions: { headers: { "Ones-Act-As": who } } });
	await iterator.iterate();
	assert.ok(iterator.isComplete());
	next(iterator.getDeltaLink());
	return { found, deltaLink: iterator.getDeltaLink() };
}

const refused = (error) => {
	assert.ok(error instanceof GraphError, error);
	assert.equal(error.statusCode, 403);
	assert.equal(error.code, "ErrorAccessDenied");
	assert.match(error.body, /"innerError":\{"code":"forbidden"\}/);
	return true;
};

const made = [];

await step("create", async () => {
	for (const hour of [10, 11, 12]) {
		const event = await create({ subject: `At ${hour}`, ...span(`${hour}:00`, `${hour}:30`) });
		assert.ok(event.transactionId, "the gateway has added no transactionId");
		made.push(event);
	}
});

await step("create-with-transaction-id", async () => {
	const transactionId = randomUUID();
	const event = { subject: "Mine", transactionId, ...span("13:00", "13:30") };
	const first = await create(event);
	assert.equal(first.transactionId, transactionId);
	assert.equal((await create(event)).id, first.id);
	made.push(first);
});

await step("create-again-by-name", async () => {
	const named = () => graph.api("/me/events").header("Idempotency-Key", "once").post({ subject: "Once", ...span("14:00", "14:30") });
	const first = await named();
	assert.equal((await named()).id, first.id);
	made.push(first);
});

await step("pages", async () => {
	const { found } = await all(await graph.api("/me/calendarView").query(window).top(2).get());
	assert.deepEqual(ids(found), ids(made));
});

await step("delta", async () => {
	const { found, deltaLink } = await all(await graph.api("/me/calendarView/delta").query(window).get());
	assert.deepEqual(ids(found), ids(made));
	const again = await all(await graph.api(deltaLink).get());
	assert.deepEqual(again.found, []);
});

await step("update", async () => {
	const changed = await graph.api(`/me/events/${made[0].id}`).patch({ subject: "Changed" });
	assert.equal(changed.subject, "Changed");
	const own = await graph.api(`/users/${who}/events/${made[0].id}`).select("subject").get();
	assert.equal(own.subject, "Changed");
});

await step("delete", async () => {
	await graph.api(`/me/events/${made[0].id}`).delete();
	await assert.rejects(graph.api(`/me/events/${made[0].id}`).get(), (error) => error.statusCode === 404 && error.code === "ErrorItemNotFound");
});

await step("get-schedule", async () => {
	const { value } = await graph.api("/me/calendar/getSchedule").post({
		schedules: [who, room],
		startTime: { dateTime: `${day}T00:00:00`, timeZone: zone },
		endTime: { dateTime: `${day}T23:00:00`, timeZone: zone },
		availabilityViewInterval: 30,
	});
	assert.deepEqual(
		value.map((s) => s.scheduleId),
		[who, room],
	);
	assert.ok(value[0].scheduleItems.length >= 4);
});

await step("batch", async () => {
	const request = (path, init) => new Request(`https://graph.example${path}`, init);
	const json = { "Content-Type": "application/json" };
	const batch = new BatchRequestContent([
		{
			id: "create",
			request: request("/me/events", { method: "POST", headers: json, body: JSON.stringify({ subject: "In a batch", ...span("15:00", "15:30") }) }),
		},
		{ id: "list", dependsOn: ["create"], request: request(`/me/calendarView?${new URLSearchParams(window)}&$top=1`) },
		{ id: "mail", dependsOn: ["list"], request: request("/me/messages") },
		{ id: "too-late", dependsOn: ["mail"], request: request("/me/calendar") },
	]);
	const answers = new BatchResponseContent(await graph.api("/$batch").post(await batch.getContent()));
	const answer = (id, status) => {
		const response = answers.getResponseById(id);
		assert.equal(response?.status, status, id);
		return response;
	};
	assert.ok((await answer("create", 201).json()).transactionId);
	const { found } = await all(await answer("list", 200).json());
	assert.equal(found.length, made.length);
	assert.equal((await answer("mail", 403).json()).error.code, "ErrorAccessDenied");
	answer("too-late", 424);
});

await step("refused", async () => {
	const event = { subject: "Not mine", ...span("16:00", "16:30") };
	for (const call of [
		() => graph.api("/me/messages").get(),
		() => graph.api("/me").get(),
		() => graph.api(`/users/${somebodyElse}/events`).post(event),
		() => graph.api(`/users/${somebodyElse}/events/${made[1].id}`).patch({ subject: "x" }),
		() => graph.api(`/users/${room}/calendar/events`).post(event),
		() => graph.api(`/users/${room}/events/${made[1].id}`).delete(),
		() => graph.api("/me/events").expand("attachments").get(),
	]) {
		await assert.rejects(call(), refused);
	}
});

await step("not-shared", async () => {
	// To read, it is Graph who says what is shared.
	await assert.rejects(graph.api(`/users/${somebodyElse}/events`).get(), (error) => {
		assert.equal(error.code, "ErrorAccessDenied");
		assert.ok(error.requestId, "this is no answer of Graph's");
		return true;
	});
});
