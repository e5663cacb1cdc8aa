// Tests the controls of the authorizer, the function, the time and the issuer.

import assert from "node:assert/strict";
import { addresses, browser, change, scenario, send } from "./page.mjs";

scenario("advances the time of the caches", async () => {
  const cacheOf = async () => (await send({ api: "rest", token: "good", place: "header" })).stations[2];
  await cacheOf();
  for (const [amount, cache] of [[4, /hit, 24\d s old/], [1, /miss/]]) {
    const said = await change("advance", { amount, unit: 60 });
    assert.equal(said, `status: API Gateway's clock moved by ${amount} minutes.`);
    assert.match(await cacheOf(), cache);
  }
  assert.equal(await change("advance", { amount: 2, unit: 3600 }), "alert: the most is 3600 seconds");
});

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
