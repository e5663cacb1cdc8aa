// Tests the controls of the issuer.

import assert from "node:assert/strict";
import { before } from "node:test";
import { addresses, browser, change, scenario, send, startPage } from "./page.mjs";

before(() => startPage());

scenario("rotates the issuer's key, and withdraws the old one", async () => {
  const statusOf = async (token, api = "http") => (await send({ api, token, place: "header", path: "/orders", method: "GET" })).verdict;
  assert.equal(await change("withdraw_old"), "alert: there is no old key: rotate the key first");
  assert.equal(await change("rotate"), "status: New tokens have a new key.");
  assert.equal(await change("withdraw_old"), "status: The old key is not published any more.");
  // Through another API, whose cache does not answer for the one below.
  assert.equal(await statusOf("old_key", "rest"), "200 allowed");
  assert.equal(await statusOf("good"), "200 allowed");
  assert.equal(await statusOf("old_key"), "401 not authenticated: unknown_key");
});

const stateLine = () => browser.run(() => document.getElementById("issuer-state").textContent);

scenario("shows what the issuer serves", async () => {
  const keySet = async () => {
    const response = await fetch(`${addresses.issuer}/jwks.json`).catch(() => undefined);
    return response && `${response.headers.get("content-type")} ${await response.text()}`;
  };
  for (const [served, said, state, expected] of [
    ["slow", "its keys, slowly", "slow", /"kid":"key-2"/],
    ["down", "nothing: the connection is cut", "down", undefined],
    ["malformed", "malformed JSON", "serves malformed JSON", /json {"keys":\[{"kty":"RSA"$/],
    ["html", "a page of HTML", "serves a page of HTML", /^text\/html <h1>/],
    ["broken_key", "a broken key", "serves a broken key", /"n":"not base64url"/],
    ["withdraw_all", "no keys: all withdrawn", "serves no keys", /{"keys":\[\]}$/],
    ["restore", "its keys", "serves its keys", /"kid":"key-2"/],
  ]) {
    const fields = served === "slow" ? { served, ms: 1 } : { served };
    assert.equal(await change("issuer", fields), `status: The issuer now serves ${said}.`);
    assert.equal(await stateLine(), `Issuer: ${state}`);
    if (expected) assert.match(await keySet(), expected);
    else assert.equal(await keySet(), undefined);
  }
  // Without its keys, a good token still enters with the key that the function has.
  await change("issuer", { served: "hang" });
  assert.equal((await send({ api: "http", token: "good", place: "header" })).verdict, "200 allowed");
});

scenario("lets the function forget its keys, so that the issuer's failure shows", async () => {
  const good = () => send({ api: "http", token: "good", place: "header" });
  await change("issuer", { served: "down" });
  assert.equal((await good()).verdict, "200 allowed");
  const forgotten = "status: All execution environments are ended, and the caches are empty. The next request fetches the keys.";
  assert.equal(await change("forget"), forgotten);
  assert.match((await good()).verdict, /^500 error: keys_unavailable$/);
  await browser.open(addresses.page);
  assert.equal(await stateLine(), "Issuer: down");
  await change("issuer", { served: "restore" });
  await change("forget");
  assert.equal((await good()).verdict, "200 allowed");
});
