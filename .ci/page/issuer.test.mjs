// Tests the controls of the issuer.

import assert from "node:assert/strict";
import { before } from "node:test";
import { addresses, change, scenario, send, startPage } from "./page.mjs";

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

scenario("shows what the issuer serves", async () => {
  const keySet = async () => {
    const response = await fetch(`${addresses.issuer}/jwks.json`).catch(() => undefined);
    return response && `${response.headers.get("content-type")} ${await response.text()}`;
  };
  for (const [served, said, expected] of [
    ["slow", "its keys, slowly", /"kid":"key-2"/],
    ["down", "nothing: the connection is cut", undefined],
    ["malformed", "malformed JSON", /json {"keys":\[{"kty":"RSA"$/],
    ["html", "a page of HTML", /^text\/html <h1>/],
    ["broken_key", "a broken key", /"n":"not base64url"/],
    ["withdraw_all", "no keys: all withdrawn", /{"keys":\[\]}$/],
    ["restore", "its keys", /"kid":"key-2"/],
  ]) {
    const fields = served === "slow" ? { served, ms: 1 } : { served };
    assert.equal(await change("issuer", fields), `status: The issuer now serves ${said}.`);
    if (expected) assert.match(await keySet(), expected);
    else assert.equal(await keySet(), undefined);
  }
  // Without its keys, a good token still enters with the key that the function has.
  await change("issuer", { served: "hang" });
  assert.equal((await send({ api: "http", token: "good", place: "header" })).verdict, "200 allowed");
});
