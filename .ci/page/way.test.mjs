// Tests what the page shows of a request, from the client to the answer.

import assert from "node:assert/strict";
import { before } from "node:test";
import { browser, buttons, leadsToSections, panelOf, scenario, send, startPage } from "./page.mjs";

before(() => startPage());

scenario("says at the start what an identity source is", async () => {
  const [text, link] = await browser.run(() => {
    const empty = document.getElementById("empty");
    return [empty.innerText, empty.querySelector("a").href];
  });
  assert.match(text, /^Nothing selected\n+First, API Gateway checks that the request has what you told it to look for: the identity sources, for example the Authorization header\. It does not look at the value\.\n/);
  await leadsToSections([link], ["docs/deploy/README.md#identity-sources"]);
});

scenario("asks for a token of one's own before it sends anything", async () => {
  const problem = await browser.run(function () {
    const form = document.getElementById("send");
    form.elements.token.value = "pasted";
    form.elements.text.value = " ";
    form.dispatchEvent(new Event("change"));
    form.requestSubmit();
    return document.getElementById("problem").textContent;
  });
  assert.equal(problem, "Paste a token first.");
  assert.equal(await browser.run(() => document.querySelectorAll("#requests li").length), 0);
});

scenario("shows a good request from the client to the answer", async () => {
  const shown = await send({ api: "rest", token: "good", place: "header" });
  assert.equal(shown.verdict, "200 allowed");
  assert.deepEqual([shown.isGood, await buttons()], [true, ["Send"]]);
  assert.deepEqual(shown.stations.map((station) => station.replace(/[\d.]+ ms/, "MS")), [
    "Client: REST, passed",
    "Identity source: present, passed",
    "Cache: miss, passed",
    "Event: REQUEST, passed",
    "Authorizer: allowed, passed",
    "Policy: 3 statements, passed",
    "Route: allowed, passed",
    "Integration: MS, passed",
    "Client gets: 200, passed",
  ]);
  assert.match(shown.panel, /the signature is valid/);
  assert.equal(shown.sentence, "The function allowed it. Your backend (the integration) got the claims that the authorizer passes on.");
  const cache = await panelOf("Cache");
  assert.match(cache, /Stored for 300 s\. A request with the same key does not reach the function, even if the token expires meanwhile\./);
  assert.match(cache, /The key: the values of the identity sources\n\n?method\.request\.header\.Authorization\nBearer eyJ[\w-]{9}…[\w-]{12}$/);
  const whole = await browser.run(() => document.querySelector("#panel dd span").title);
  assert.match(whole, /^Bearer eyJ[\w-]+\.[\w-]+\.[\w-]{100,}$/);
});

scenario("shows a response from the cache", async () => {
  const shown = await send({ api: "rest", token: "good", place: "header" });
  assert.equal(shown.verdict, "200 allowed");
  assert.match(shown.stations[2], /^Cache: hit, \d+ s old, from the cache$/);
  assert.match(shown.stations[3], /^Event: not sent, skipped$/);
});

scenario("shows why a request is refused, and what helps", async () => {
  const shown = await send({ api: "http", token: "wrong_audience", place: "header" });
  assert.equal(shown.verdict, "401 not authenticated: wrong_audience");
  assert.equal(shown.sentence, "The function refused it. The step that failed: audience.");
  assert.equal(shown.selected, "Authorizer: wrong_audience, failed");
  assert.match(shown.panel, /^Refused: wrong_audience\nFound\n.*another-service.*\nWanted\nlocal-gateway \(AUTHORIZER_AUDIENCE\)\nCure\n/);
  await leadsToSections(shown.links, ["docs/errors.md#wrong_audience"]);
});

scenario("shows why a route is refused", async () => {
  const shown = await send({ api: "rest", token: "good", place: "header", path: "/other" });
  assert.equal(shown.verdict, "403 not allowed: route_forbidden");
  assert.equal(shown.selected, "Route: no statement matches, failed");
  assert.match(shown.panel, /^Refused: route_forbidden\nFound\n[^]*AUTHORIZER_ROUTE_RULES/);
  const deleted = await send({ api: "rest", token: "good", place: "header", path: "/orders", method: "DELETE" });
  assert.equal(deleted.verdict, "403 not allowed: insufficient_scope");
  assert.match(deleted.selected, /^Authorizer: answer of #\d+, from the cache$/);
});

scenario("shows what API Gateway refuses without asking the function", async () => {
  const shown = await send({ api: "rest", token: "good", place: "query" });
  assert.equal(shown.verdict, "401 not authenticated: identity source missing");
  assert.equal(shown.selected, "Identity source: missing, failed");
  assert.match(shown.panel, /method\.request\.header\.Authorization: missing or empty/);
  await leadsToSections(shown.links, ["docs/deploy/README.md#identity-sources"]);
});
