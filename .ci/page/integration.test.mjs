// Tests what the page shows of an integration that refuses connections, fails, or has nothing to say.

import assert from "node:assert/strict";
import { before } from "node:test";
import { fileURLToPath } from "node:url";
import { addresses, browser, leadsToSections, scenario, selectEvent, shownAfter, startPage } from "./page.mjs";

const script = fileURLToPath(new URL("../../local-gateway/tests/scripts/integration", import.meta.url));

before(() => startPage("--integration", `'${script}' chats`));

/** Opens a WebSocket that offers what this integration selects, and sends these messages. */
function talk(query, ...messages) {
  return browser.run(async function (url, messages) {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("/token", { method: "POST", headers, body: '{"kind":"good"}' });
    const socket = new WebSocket(url, ["bearer", (await response.json()).token, "chat"]);
    socket.onopen = () => messages.forEach((message) => socket.send(message));
  }, `${addresses.webSocketApi}${query}`, messages);
}

scenario("shows that the integration refused a connection", async () => {
  await talk("?room=full");
  const shown = await shownAfter(0);
  assert.equal(shown.verdict, "429 refused: by the integration");
  assert.equal(shown.selected, "Integration: refused, failed");
  assert.equal(shown.stations[4], "Authorizer: allowed, passed");
  assert.equal(shown.isGood, false);
  assert.equal(shown.sentence, "The function allowed it, but your backend answered with the status 429.");
  assert.match(shown.panel, /^Refused: by the integration\nFound\nThe integration answered with the status 429\./);
});

scenario("shows messages to an integration that fails, and to one without a reply", async () => {
  await talk("", "fail", "quiet");
  await shownAfter(1);
  const failed = await selectEvent("message to $default", 0);
  assert.equal(failed.verdict, "Message to $default: the integration");
  assert.equal(failed.selected, "Integration: failed, failed");
  assert.match(failed.panel, /^Failed: the integration\nFound\nthe command failed \(exit status: 1\)/);
  await leadsToSections(failed.links, ["docs/local-gateway.md#your-backend"]);
  const quiet = await selectEvent("message to $default", 1);
  assert.equal(quiet.verdict, "Message to $default");
  assert.equal(quiet.stations[3], "Client gets: nothing, skipped");
});
