// Tests the WebSockets: handshakes, messages, and the end of a connection.

import assert from "node:assert/strict";
import { browser, scenario, send } from "./page.mjs";

scenario("connects a WebSocket as a browser does", async () => {
  const shown = await send({ api: "websocket", token: "good", place: "subprotocol" });
  assert.equal(shown.verdict, "101 connected");
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

scenario("talks over the browser's own WebSocket", async () => {
  assert.equal(await connect("good", "^open"), "open, with the subprotocol bearer");
  const reply = await browser.run(function () {
    const replies = document.getElementById("replies");
    document.getElementById("talk").requestSubmit();
    return new Promise((resolve) => {
      new MutationObserver(() => resolve(replies.textContent)).observe(replies, { childList: true });
    });
  });
  const { body, requestContext } = JSON.parse(reply);
  assert.deepEqual([body, requestContext.authorizer.sub], ["hello", "alice"]);
  assert.match(await connect("expired", "^closed"), /^closed with code 1006/);
});
