// Buys a ticket and checks it in with the generated client.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [url = "", documentFile = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url });

// Every operation of the document has a type: `paths` has the same keys. One that is missing does not compile below.
const operations: Record<keyof paths, object> = JSON.parse(readFileSync(documentFile, "utf8")).paths;
assert.ok(Object.keys(operations).length > 25);

const password = "correct horse battery";
async function join(name: string): Promise<{ Authorization: string }> {
    const email = `${name}-${process.pid}@example.com`;
    const registered = await client.POST("/auth/register", { body: { email, name, password } });
    assert.equal(registered.response.status, 201);
    const { data } = await client.POST("/auth/login", { body: { email, password } });
    assert.ok(data);
    return { Authorization: `Bearer ${data.access_token}` };
}

const organizer = await join("organizer");
const buyer = await join("buyer");
const { data: event } = await client.POST("/events", {
    headers: organizer,
    body: { title: "Typed in TypeScript", event_date: "2099-12-31T20:00:00Z", location: "Lagos", price: "5000.00", capacity: 2 },
});
assert.ok(event);

const started = await client.POST("/payments/initialize", { headers: buyer, body: { event_id: event.id, quantity: 1 } });
assert.ok(started.data);
const reference = started.data.reference;
const paid = await fetch(`${url}/sandbox/paystack/simulate/${reference}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ action: "pay" }),
});
assert.equal(paid.status, 200);
const verified = await client.GET("/payments/verify/{reference}", { headers: buyer, params: { path: { reference } } });
assert.ok(verified.data && "tickets" in verified.data);
const ticket = verified.data.tickets[0];
assert.ok(ticket);

// Both operations that generators used to leave out: their bodies refer to an enumeration.
const checkedIn = await client.POST("/check-ins", {
    headers: organizer,
    body: { code: ticket.ticket_code, nonce: "typescript-1", direction: "in" },
});
assert.equal(checkedIn.data?.ticket_id, ticket.id);
const review = await client.POST("/payments/{reference}/review", {
    headers: organizer,
    params: { path: { reference } },
    body: { verdict: "accept", note: "It was right" },
});
assert.equal(review.response.status, 409);
assert.equal(review.error?.code, "not_in_review");
assert.equal(review.error?.errors, undefined);

// A problem names the wrong fields where there are some.
const wrong = await client.POST("/payments/initialize", { headers: buyer, body: { event_id: event.id, quantity: 0 } });
assert.equal(wrong.error?.errors?.[0]?.field, "quantity");
const soldOut = await client.POST("/payments/initialize", { headers: buyer, body: { event_id: event.id, quantity: 2 } });
assert.deepEqual([soldOut.error?.code, soldOut.error?.available], ["sold_out", 1]);
console.log("a ticket was bought with the generated TypeScript client");
