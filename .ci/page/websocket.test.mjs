// Tests the WebSockets: handshakes, messages, and the end of a connection.

import assert from "node:assert/strict";
import { before } from "node:test";
import { browser, buttons, change, scenario, selectEvent, send, shownAfter, startPage } from "./page.mjs";

before(() => startPage());

scenario("connects a WebSocket as a browser does", async () => {
  const shown = await send({ api: "websocket", token: "good", place: "subprotocol" });
  assert.equal(shown.verdict, "101 connected");
  assert.deepEqual(await buttons(), ["Try the handshake", "Connect from this browser"]);
  assert.match(shown.command, /^wscat -c 'ws:.*\/prod' \\\n  -s 'bearer' \\\n  -s 'ey/);
});

/** Connects the browser's own WebSocket, and returns the status once it matches. */
function connect(token, wanted) {
  return browser.run(function (token, wanted) {
    const form = document.getElementById("send");
    [...form.elements.api].find(({ value }) => value === "websocket").click();
    form.elements.token.value = token;
    document.getElementById("connect").click();
    const status = document.getElementById("socket");
    return new Promise((resolve) => {
      const look = () => new RegExp(wanted).test(status.textContent) && resolve(status.textContent);
      new MutationObserver(look).observe(status, { childList: true });
    });
  }, token, wanted);
}

/** Sends a message, and waits for the reply. */
function talk(route) {
  return browser.run(function (route) {
    const form = document.getElementById("talk");
    const replies = document.getElementById("replies");
    const choice = form.elements.route;
    choice.value = [...choice.options].find(({ text }) => text === route).value;
    choice.dispatchEvent(new Event("change"));
    return new Promise((resolve) => {
      new MutationObserver(() => resolve(JSON.parse(replies.textContent))).observe(replies, { childList: true });
      form.requestSubmit();
    });
  }, route);
}

/** Waits until the browser's own WebSocket has closed. */
function closed() {
  return browser.run(function () {
    const status = document.getElementById("socket");
    return new Promise((resolve) => {
      const look = () => /^The connection ended/.test(status.textContent) && resolve(status.textContent);
      new MutationObserver(look).observe(status, { childList: true });
      look();
    });
  });
}

scenario("talks over the browser's own WebSocket", async () => {
  assert.equal(await connect("good", "^open"), "open, with the subprotocol bearer");
  for (const [route, message] of [["$default", "hello"], ["hello", '{"action":"hello"}']]) {
    const { body, requestContext } = await talk(route);
    assert.deepEqual([body, requestContext.authorizer.sub, requestContext.routeKey], [message, "alice", route]);
    const shown = await selectEvent(`message to ${route}`);
    assert.equal(shown.verdict, `Message to ${route}`);
    assert.deepEqual(shown.stations.map((station) => station.replace(/[\d.]+ ms/, "MS")), [
      "Client: message, passed", `Route: ${route}, passed`, "Integration: MS, passed", "Client gets: a message, passed",
    ]);
    assert.match(shown.panel, /"sub": "alice"/);
  }
});

scenario("shows the end of a connection, by the client and by a backend", async () => {
  await browser.run(() => document.getElementById("close").click());
  assert.match(await closed(), /^The connection ended, close code 1005: the client closed it, and gave no code\.$/);
  const byClient = await selectEvent("$disconnect");
  assert.equal(byClient.isGood, true);
  assert.equal(byClient.verdict, "Disconnected, close code 1005");
  assert.match(byClient.panel, /Client-side close frame status not set[^]*The connection was opened by request #\d+/);

  const count = await browser.run(() => document.querySelectorAll("#requests > :not(.on-connection)").length);
  await connect("good", "^open");
  await shownAfter(count);
  const code = await browser.run(() => {
    document.getElementById("station-8").click();
    return document.querySelector("#panel pre").textContent;
  });
  assert.match(code, /endpoint: "http:\/\/127\.0\.0\.1:\d+\/prod"[^]*ConnectionId: "[\w+/]+=*"/);
  await browser.run(function () {
    const button = [...document.querySelectorAll("#panel button")].find(({ textContent }) => textContent === "Disconnect as a backend does");
    button.focus();
    button.click();
  });
  assert.equal(await closed(), "The connection ended, close code 1000: closed normally. Reason: Connection Closed Normally.");
  const panel = await browser.run(function () {
    const panel = document.getElementById("panel");
    return new Promise((resolve) => {
      const look = () => /is closed/.test(panel.textContent) && resolve([panel.textContent, document.activeElement.id]);
      new MutationObserver(look).observe(panel, { childList: true });
      look();
    });
  });
  assert.match(panel[0], /The connection .* is closed: see #\d+ in the list\.$/);
  assert.equal(panel[1], "panel");
  assert.equal((await selectEvent("$disconnect")).verdict, "Disconnected, close code 1000");
});

scenario("ends an idle connection when the time is advanced", async () => {
  await connect("good", "^open");
  assert.equal(await change("advance", { amount: 10, unit: 60 }), "status: API Gateway's clock moved by 10 minutes.");
  assert.match(await closed(), /^The connection ended, close code 1001: going away: .* Reason: Going away\.$/);
  assert.equal((await selectEvent("$disconnect")).verdict, "Disconnected, close code 1001");
});

scenario("says that a page cannot see why a handshake was refused", async () => {
  assert.match(await connect("expired", "^The handshake failed"), /^The handshake failed, close code 1006\. A page sees neither/);
});
