import assert from "node:assert/strict";
import { test } from "node:test";

import { createHandler } from "../src/routes.mjs";

const EXPIRY_SECONDS = 1_900_000_000;

// API Gateway converts every value of an authorizer's context to a string.
const AUTHORIZER = {
  principalId: "alice",
  sub: "alice",
  exp: String(EXPIRY_SECONDS),
  integrationLatency: "12",
};

/** Calls a route. Returns its response and the calls to `send` and `disconnect`. */
async function call(routeKey, authorizer, { now = 0, fail } = {}) {
  const sent = [];
  const record = (kind) => async (connectionId, message) => {
    sent.push([kind, connectionId, ...(message ? [message] : [])]);
    if (fail) throw fail;
  };
  const handler = createHandler({
    send: record("send"),
    disconnect: record("disconnect"),
    now: () => now,
  });
  const response = await handler({
    requestContext: { routeKey, connectionId: "c1", authorizer },
    body: "hello",
  });
  return { response, sent };
}

test("returns the subprotocol marker of the token", async () => {
  const { response } = await call("$connect", { ...AUTHORIZER, subprotocol: "bearer" });
  assert.deepEqual(response, {
    statusCode: 200,
    headers: { "Sec-WebSocket-Protocol": "bearer" },
  });
});

test("returns no subprotocol to a client that offered none", async () => {
  const { response } = await call("$connect", AUTHORIZER);
  assert.deepEqual(response, { statusCode: 200 });
});

test("sends nothing to a client that disconnects", async () => {
  const { response, sent } = await call("$disconnect", AUTHORIZER);
  assert.deepEqual(response, { statusCode: 200 });
  assert.deepEqual(sent, []);
});

test("replies to a message with the authorizer's context", async () => {
  const { response, sent } = await call("$default", AUTHORIZER, {
    now: EXPIRY_SECONDS * 1000 - 1,
  });
  assert.deepEqual(response, { statusCode: 200 });
  assert.deepEqual(sent, [["send", "c1", { authorizer: AUTHORIZER }]]);
});

test("refuses a message and disconnects at the token's expiry", async () => {
  const { response, sent } = await call("$default", AUTHORIZER, { now: EXPIRY_SECONDS * 1000 });
  assert.deepEqual(response, { statusCode: 401 });
  assert.deepEqual(sent, [
    ["send", "c1", { error: "the token has expired" }],
    ["disconnect", "c1"],
  ]);
});

for (const exp of [undefined, "", "soon"]) {
  test(`refuses a message when the expiry is ${JSON.stringify(exp)}`, async () => {
    const { response, sent } = await call("$default", { ...AUTHORIZER, exp });
    assert.deepEqual(response, { statusCode: 401 });
    assert.deepEqual(sent.at(-1), ["disconnect", "c1"]);
  });
}

test("ignores that the client has disconnected", async () => {
  const fail = Object.assign(new Error("gone"), { name: "GoneException" });
  assert.equal((await call("$default", AUTHORIZER, { fail })).response.statusCode, 200);
  const expired = await call("$default", AUTHORIZER, { fail, now: EXPIRY_SECONDS * 1000 });
  assert.equal(expired.response.statusCode, 401);
});

test("reports other errors of the management API", async () => {
  const fail = Object.assign(new Error("no"), { name: "ForbiddenException" });
  await assert.rejects(call("$default", AUTHORIZER, { fail }), fail);
});
