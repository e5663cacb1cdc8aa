// Tests what the page shows of a request, from the client to the answer.

import assert from "node:assert/strict";
import { before } from "node:test";
import { leadsToSections, scenario, send, startPage } from "./page.mjs";

before(() => startPage());

scenario("shows a good request from the client to the answer", async () => {
  const shown = await send({ api: "rest", token: "good", place: "header" });
  assert.equal(shown.verdict, "200 allowed");
  assert.deepEqual(shown.stations.map((station) => station.replace(/[\d.]+ ms/, "MS")), [
    "Client: REST, passed",
    "Identity: present, passed",
    "Cache: miss, passed",
    "Event: REQUEST, passed",
    "Authorizer: allowed, passed",
    "Policy: 3 statements, passed",
    "Route: allowed, passed",
    "Integration: MS, passed",
    "Client gets: 200, passed",
  ]);
  assert.match(shown.panel, /the signature is valid/);
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
  assert.equal(shown.selected, "Identity: missing, failed");
  assert.match(shown.panel, /method\.request\.header\.Authorization: missing or empty/);
  await leadsToSections(shown.links, ["docs/deploy/README.md#identity-sources"]);
});
