import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { connect } from "../client/client.mjs";

const NOW_SECONDS = 1_800_000_000;

/** The browser's class, under the test's control. */
class FakeWebSocket {
  static OPEN = 1;
  static all = [];

  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    if (/[^\w.-]/.test(protocols[1])) throw new SyntaxError("invalid subprotocol");
    Object.assign(this, { url, protocols, protocol: protocols[0] });
    FakeWebSocket.all.push(this);
  }

  send(message) {
    this.sent.push(message);
  }

  close(code) {
    if (this.readyState > 1) return;
    this.readyState = 2;
    this.closedWith = code;
  }

  opens() {
    this.readyState = 1;
    this.onopen();
  }

  ends(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

beforeEach(() => {
  mock.timers.reset();
  mock.restoreAll();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW_SECONDS * 1000 });
  // Without jitter, the delays are at their upper limit.
  mock.method(Math, "random", () => 1);
  globalThis.WebSocket = FakeWebSocket;
  FakeWebSocket.all = [];
});

/** Waits for the promises of the client. The test does not replace setImmediate. */
const settle = () => new Promise(setImmediate);

async function pass(seconds) {
  mock.timers.tick(seconds * 1000);
  await settle();
}

function jwt(name, expiresInSeconds) {
  const exp = Math.floor(Date.now() / 1000) + expiresInSeconds;
  // `?` and `>` make characters that Base64 and Base64URL encode differently.
  const claims = { sub: `${name}???>>>`, exp };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${name}`;
}

/**
 * Connects with `tokens`: each call of `getToken` takes the next one, the last one again and again.
 * An Error rejects.
 */
async function start(...tokens) {
  const calls = { requests: [], opened: [], messages: [], waits: [], stops: [] };
  const client = connect({
    url: "wss://api.example/default",
    getToken: async ({ renew }) => {
      calls.requests.push(renew ? "renew" : "get");
      const token = await (tokens.length > 1 ? tokens.shift() : tokens[0]);
      if (token instanceof Error) throw token;
      return token;
    },
    onOpen: (socket) => calls.opened.push(socket),
    onMessage: ({ data }) => calls.messages.push(data),
    onWait: (cause, delayMs) => calls.waits.push([cause.code ?? cause.message, delayMs]),
    onStop: (cause) => calls.stops.push(cause),
  });
  await settle();
  return { client, ...calls };
}

const latest = () => FakeWebSocket.all.at(-1);
const handshakes = () => FakeWebSocket.all.length;

test("offers the marker and the token, then passes messages on", async () => {
  const token = jwt("good", 3600);
  const { client, requests, opened, messages } = await start(token);
  assert.deepEqual(latest().protocols, ["bearer", token]);
  assert.equal(latest().url, "wss://api.example/default");
  assert.equal(client.send("too early"), false);

  latest().opens();
  assert.equal(opened[0].protocol, "bearer");
  assert.equal(client.send("hello"), true);
  latest().onmessage({ data: "hi" });
  assert.deepEqual(latest().sent, ["hello"]);
  assert.deepEqual(messages, ["hi"]);
  assert.deepEqual(requests, ["get"]);
});

test("renews a refused token once, and stops when the new one is refused", async () => {
  const { requests, waits, stops } = await start("refused");
  latest().ends(1006);
  await pass(1);
  assert.deepEqual(requests, ["get", "renew"]);
  latest().ends(1006);
  await pass(3600);
  assert.deepEqual(stops, [{ code: 1006 }]);
  assert.deepEqual(waits, [[1006, 1000]]);
  assert.deepEqual(requests, ["get", "renew"]);
  assert.equal(handshakes(), 2);
});

test("renews a refused token once, and connects with the new one", async () => {
  const { requests, opened, stops } = await start("refused", "good");
  latest().ends(1006);
  await pass(1);
  latest().opens();
  assert.deepEqual(latest().protocols, ["bearer", "good"]);
  assert.equal(opened.length, 1);
  assert.deepEqual(requests, ["get", "renew"]);
  assert.deepEqual(stops, []);
});

for (const [state, seconds, expected] of [
  ["has expired", -60, ["get", "renew"]],
  ["is about to expire", 29, ["get", "renew"]],
  ["is valid for long enough", 30, ["get"]],
]) {
  test(`before the handshake, a token that ${state} causes ${expected}`, async () => {
    const { requests } = await start(jwt("first", seconds), jwt("second", 3600));
    assert.deepEqual(requests, expected);
    assert.equal(handshakes(), 1);
    assert.match(latest().protocols[1], expected.length === 2 ? /second$/ : /first$/);
  });
}

for (const token of ["opaque", "a.b.c", "e30.e30.x", "e30.bnVsbA.x"]) {
  test(`uses the token ${token}, which has no readable exp`, async () => {
    const { requests } = await start(token);
    latest().opens();
    await pass(7200);
    assert.deepEqual(requests, ["get"]);
    assert.equal(handshakes(), 1);
  });
}

test("renews the token of an open connection before it expires", async () => {
  const { requests, opened } = await start(jwt("first", 600), jwt("second", 3600));
  const first = latest();
  first.opens();
  await pass(569);
  assert.deepEqual(requests, ["get"]);
  await pass(1);
  assert.deepEqual(requests, ["get", "renew"]);
  assert.equal(first.closedWith, 1000);
  latest().opens();
  first.ends(1000);
  await pass(60);
  assert.deepEqual(opened, FakeWebSocket.all);
  assert.equal(handshakes(), 2);
});

test("forgets earlier failures at a renewal", async () => {
  const { waits } = await start("refused", jwt("first", 600), jwt("second", 3600));
  latest().ends(1006);
  await pass(1);
  latest().opens();
  await pass(570);
  latest().opens();
  latest().ends(1006);
  assert.deepEqual(waits, [[1006, 1000], [1006, 1000]]);
});

test("connects with a new token even if it has expired by the page's clock", async () => {
  const { requests } = await start(jwt("first", -60));
  latest().ends(1006);
  await pass(1);
  latest().opens();
  await pass(3600);
  assert.deepEqual(requests, ["get", "renew", "renew"]);
  assert.equal(handshakes(), 2);
});

test("keeps the connection open while its token cannot be renewed", async () => {
  const { client, requests, waits } = await start(
    jwt("first", 600),
    new Error("offline"),
    jwt("second", 4200),
  );
  const first = latest();
  first.opens();
  await pass(570);
  assert.deepEqual(waits, [["offline", 1000]]);
  assert.equal(client.send("still here"), true);
  await pass(1);
  assert.deepEqual(requests, ["get", "renew", "renew"]);
  assert.equal(first.closedWith, 1000);
  assert.equal(handshakes(), 2);
});

test("makes one connection when the old one drops before the next renewal", async () => {
  const { requests, waits } = await start(jwt("first", 600), new Error("offline"), "second");
  latest().opens();
  await pass(570);
  latest().ends(1006);
  await pass(1);
  latest().opens();
  await pass(3600);
  assert.deepEqual(requests, ["get", "renew", "renew"]);
  assert.deepEqual(waits, [["offline", 1000]]);
  assert.equal(handshakes(), 2);
});

for (const [seconds, expected] of [
  [39, 1],
  [40, 2],
]) {
  test(`makes ${expected} connections with tokens that live ${seconds} s`, async () => {
    await start(jwt("first", seconds), jwt("second", seconds));
    latest().opens();
    await pass(10);
    assert.equal(handshakes(), expected);
  });
}

test("does not renew a token at once that expires in a year", async () => {
  const { requests } = await start(jwt("long", 365 * 24 * 3600));
  latest().opens();
  await pass(24 * 3600);
  assert.deepEqual(requests, ["get"]);
});

test("makes one connection when the old one drops during the renewal", async () => {
  const { promise, resolve } = withResolvers();
  await start(jwt("first", 600), promise);
  const first = latest();
  first.opens();
  await pass(570);
  first.ends(1006);
  await pass(5);
  assert.equal(handshakes(), 1);
  resolve(jwt("second", 3600));
  await settle();
  latest().opens();
  await pass(60);
  assert.equal(handshakes(), 2);
});

for (const seconds of [1, 60]) {
  test(`reconnects without a new token after a drop at ${seconds} s`, async () => {
    const { requests, waits, stops } = await start(jwt("first", 600), jwt("second", 3600));
    latest().opens();
    await pass(seconds);
    latest().ends(1006);
    await pass(1);
    latest().opens();
    // The renewal of the first token is cancelled.
    await pass(600);
    assert.deepEqual(requests, ["get", "get"]);
    assert.deepEqual(waits, [[1006, 1000]]);
    assert.deepEqual(stops, []);
  });
}

test("doubles the delay up to a minute, and stops after 20 failures", async () => {
  const { requests, waits, stops } = await start("good");
  latest().opens();
  await pass(10);
  latest().ends(1001);
  for (let failure = 1; failure <= 20; failure++) {
    assert.deepEqual(stops, []);
    await pass(60);
    latest().ends(1006);
  }
  const seconds = waits.map(([, delayMs]) => delayMs / 1000);
  assert.deepEqual(seconds, [1, 2, 4, 8, 16, 32, ...Array(14).fill(60)]);
  assert.equal(stops.length, 1);
  await pass(3600);
  assert.equal(handshakes(), 21);
  assert.equal(requests.filter((request) => request === "renew").length, 1);
});

test("takes a random part of the delay", async () => {
  mock.method(Math, "random", () => 0.25);
  const { waits } = await start("good");
  latest().opens();
  latest().ends(1006);
  assert.deepEqual(waits, [[1006, 250]]);
});

for (const [seconds, delays] of [
  [9, [1000, 2000]],
  [10, [1000, 1000]],
]) {
  test(`after connections of ${seconds} s, the delays are ${delays} ms`, async () => {
    const { waits } = await start("good");
    for (const delay of delays) {
      latest().opens();
      await pass(seconds);
      latest().ends(1006);
      await pass(delay / 1000);
    }
    assert.deepEqual(waits, delays.map((delay) => [1006, delay]));
  });
}

test("asks for a token until the issuer answers", async () => {
  const offline = new Error("offline");
  const { requests, waits, stops } = await start(offline, offline, offline, "good");
  for (let i = 0; i < 3; i++) await pass(60);
  assert.deepEqual(requests, ["get", "get", "get", "get"]);
  assert.deepEqual(waits, [["offline", 1000], ["offline", 2000], ["offline", 4000]]);
  assert.deepEqual(stops, []);
  assert.equal(handshakes(), 1);
});

test("still asks for a new token when the first request for it fails", async () => {
  const { requests } = await start("refused", new Error("offline"), "good");
  latest().ends(1006);
  await pass(1);
  await pass(2);
  assert.deepEqual(requests, ["get", "renew", "renew"]);
  assert.deepEqual(latest().protocols, ["bearer", "good"]);
});

test("stops when there is no token", async () => {
  const { stops } = await start(undefined);
  await pass(3600);
  assert.deepEqual(stops, [undefined]);
  assert.equal(handshakes(), 0);
});

test("stops when the token cannot be a subprotocol", async () => {
  const { stops } = await start("two words");
  await pass(3600);
  assert.deepEqual(stops.map((error) => error.name), ["SyntaxError"]);
});

test("closes an open connection", async () => {
  const { client, requests, waits, stops } = await start(jwt("good", 600));
  latest().opens();
  client.close();
  assert.equal(latest().closedWith, 1000);
  latest().ends(1000);
  await pass(3600);
  assert.equal(client.send("too late"), false);
  assert.deepEqual([requests, waits, stops], [["get"], [], []]);
});

test("closes during a handshake", async () => {
  const { client, stops } = await start("refused", "good");
  latest().ends(1006);
  await pass(1);
  client.close();
  // A browser reports this as a failed handshake.
  latest().ends(1006);
  await pass(3600);
  assert.deepEqual([stops, handshakes()], [[], 2]);
});

test("closes during a delay", async () => {
  const { client } = await start("good");
  latest().opens();
  latest().ends(1006);
  client.close();
  await pass(3600);
  assert.equal(handshakes(), 1);
});

for (const outcome of ["good", undefined, new Error("offline")]) {
  test(`closes before getToken ends with ${outcome}`, async () => {
    const { promise, resolve } = withResolvers();
    const { client, waits, stops } = await start(promise);
    client.close();
    resolve(outcome);
    await settle();
    await pass(3600);
    assert.deepEqual([waits, stops, handshakes()], [[], [], 0]);
  });
}

function withResolvers() {
  let resolve;
  const promise = new Promise((settled) => (resolve = settled));
  return { promise, resolve };
}
