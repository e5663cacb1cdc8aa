// Tests the controls of the authorizer, the function and the time.

import assert from "node:assert/strict";
import { before } from "node:test";
import { addresses, browser, change, leadsToSections, scenario, send, startPage } from "./page.mjs";

before(() => startPage());

const good = { token: "good", place: "header", path: "/orders", method: "GET" };

scenario("sends to the chosen stage", async () => {
  const events = [];
  for (const [api, stage] of [["rest", "prod"], ["rest", "token"], ["http", "$default"], ["http", "v1"]]) {
    const { verdict, stations } = await send({ api, stage, ...good });
    assert.equal(verdict, "200 allowed");
    const note = await browser.run(() => document.getElementById("about-stage").textContent);
    events.push([stations[3], note]);
  }
  assert.deepEqual(events, [
    ["Event: REQUEST, passed", "Its authorizer: type REQUEST, responses cached for 300 s."],
    ["Event: TOKEN, passed", "Its authorizer: type TOKEN, responses cached for 300 s."],
    ["Event: REQUEST, 2.0, passed", "Its authorizer: payload format 2.0, responses cached for 300 s."],
    ["Event: REQUEST, 1.0, passed", "Its authorizer: payload format 1.0, responses cached for 300 s."],
  ]);
});

scenario("changes an authorizer, or says why API Gateway refuses it", async () => {
  const source = "method.request.header.Authorization";
  await send({ api: "rest", stage: "token", ...good });
  const done = "status: The authorizer of REST, stage token, is changed, and its cache is empty.";
  assert.equal(await change("authorizer", { sources: source, ttl: 0, validation: "Bearer [a-z]+" }), done);
  const refused = await send({ api: "rest", stage: "token", ...good });
  assert.equal(refused.verdict, "401 not authenticated: validation expression");
  assert.match(refused.panel, /Wanted\nBearer \[a-z\]\+\n/);
  assert.equal(await change("authorizer", { sources: source, ttl: 60, validation: "" }), done);
  assert.equal((await send({ api: "rest", stage: "token", ...good })).verdict, "200 allowed");
  const refusal = "alert: API Gateway refuses this authorizer: ";
  for (const [fields, cure] of [
    [{ ttl: 3601 }, "the time to live is 3601 s, over the limit of 3600 s"],
    [{ sources: "" }, "a TOKEN authorizer has one identity source, which is a header, for example `method.request.header.Authorization`"],
    [{ sources: "$request.header.Authorization" }, "`$request.header.Authorization` is not an identity source of this API, for example `method.request.header.Authorization`"],
  ]) {
    assert.equal(await change("authorizer", { sources: source, ttl: 300, validation: "", ...fields }), `${refusal}${cure}`);
  }
  await send({ api: "rest", ...good });
  assert.equal(await change("authorizer", { sources: "", ttl: 300 }),
    `${refusal}the cache needs an identity source; without one, set the time to live to 0`);
});

scenario("keeps a change that is not sent yet, until another stage is chosen", async () => {
  const sources = await browser.run(function () {
    const { elements } = document.getElementById("authorizer");
    const read = (form, name, value) => {
      document.getElementById("send").elements[name].value = value;
      document.getElementById("send").dispatchEvent(new Event("change"));
      return elements.sources.value;
    };
    elements.sources.value = "draft";
    return [read("send", "token", "expired"), read("send", "stage", "token")];
  });
  assert.deepEqual(sources, ["draft", "method.request.header.Authorization"]);
});

const handshake = () => send({ api: "websocket", token: "good", place: "header" });

scenario("shows a cold start after all environments are ended", async () => {
  assert.match((await handshake()).panel, /^Execution environment 1 was thawed, .* after it had been frozen\. .* bill \d+ ms\./);
  assert.equal(await change("stop_all"), "status: All environments are ended. The next request is a cold start.");
  const cold = await handshake();
  assert.equal(cold.stations[4], "Authorizer: allowed, cold start, passed");
  assert.match(cold.panel, /^Execution environment 2 was started for this request, a cold start of [\d.]+ m?s\./);
  assert.match(await environments(/^2: frozen for/), /^2: frozen for .*, 2 events, started in [\d.]+ m?s$/);
});

/** Waits until the list of environments matches. */
function environments(wanted) {
  return browser.run(`function () {
    document.getElementById("lambda").open = true;
    const list = document.getElementById("environments");
    return new Promise((resolve) => {
      const look = () => ${wanted}.test(list.textContent) && resolve(list.textContent);
      new MutationObserver(look).observe(list, { childList: true });
      look();
    });
  }`);
}

scenario("freezes and thaws the environments", async () => {
  assert.equal(await change("freezes"), "status: Idle environments run.");
  await environments(/^2: idle,/);
  assert.match((await handshake()).panel, /^Execution environment 2 was idle, and not frozen\./);
  assert.equal(await change("freezes"), "status: Idle environments are frozen.");
  assert.match((await handshake()).panel, /^Execution environment 2 was thawed, /);
});

const environmentsNow = async () => (await (await fetch(`${addresses.page}setup`)).json()).lambda.environments;

scenario("shows that the function ended without an answer", async () => {
  // The function waits for the issuer. Meanwhile it gets a signal.
  await change("rotate");
  await change("issuer", { served: "hang" });
  const sent = handshake();
  let busy;
  while (!busy) busy = (await environmentsNow()).find(({ state }) => state === "busy");
  process.kill(busy.pid, "SIGKILL");
  const crashed = await sent;
  await change("issuer", { served: "restore" });
  assert.equal(crashed.verdict, "500 error: Runtime exited");
  assert.match(crashed.panel, /^Failed: Runtime exited\nFound\nRuntime exited: signal: 9 /);
  await leadsToSections(crashed.links, ["docs/errors.md#symptoms"]);
  assert.equal((await handshake()).verdict, "101 connected");
});

scenario("shows that the function took longer than its timeout", async () => {
  await change("freezes");
  await change("function-timeout", { seconds: 1 });
  for (const { pid } of await environmentsNow()) process.kill(pid, "SIGSTOP");
  const late = await handshake();
  await change("function-timeout", { seconds: 9 });
  await change("freezes");
  assert.match(late.panel, /^Failed: .*\nFound\n.* timed out after 1.*\n[^]*Cure\nRaise the function's timeout, or see in its log what it waited for\.\nMore\nerrors\.md#symptoms/);
});

scenario("limits the environments and the time of the function", async () => {
  assert.equal(await change("environment-limit", { environments: 0 }), "status: Every event is throttled.");
  const throttled = await handshake();
  assert.equal(throttled.verdict, "500 error: throttled");
  assert.equal(throttled.selected, "Authorizer: not invoked, failed");
  assert.match(throttled.panel, /^The function did not get the event\.\n\nFailed: throttled/);
  assert.equal(await change("environment-limit", { environments: 2 }), "status: At most 2 requests are handled at the same time.");
  assert.equal((await handshake()).verdict, "101 connected");
  assert.equal(await change("environment-limit", { environments: 101 }), "alert: the most is 100 environments");
  assert.equal(await change("function-timeout", { seconds: 3 }), "status: The function has 3 s for each event.");
  assert.equal(await change("function-timeout", { seconds: 901 }), "alert: the timeout is from 1 to 900 seconds");
});

scenario("takes the permission of the chosen stage away, and gives it back", async () => {
  await send({ api: "http", stage: "v1", ...good });
  assert.equal(await change("permitted"), "status: API Gateway may not invoke the function for HTTP, stage v1.");
  const refused = await send({ api: "http", stage: "v1", ...good, token: "expired" });
  assert.equal(refused.verdict, "500 error: no permission to invoke the function");
  await leadsToSections(refused.links, ["docs/deploy/README.md#the-permission"]);
  assert.equal((await send({ api: "http", ...good })).verdict, "200 allowed");
  assert.equal(await browser.run(() => document.getElementById("permitted").checked), true);
  await send({ api: "http", stage: "v1", ...good });
  assert.equal(await change("permitted"), "status: API Gateway may invoke the function for HTTP, stage v1.");
  assert.equal((await send({ api: "http", stage: "v1", ...good, token: "expired" })).verdict, "401 not authenticated: expired");
});

scenario("advances the time of the caches", async () => {
  const cacheOf = async () => (await send({ api: "rest", token: "good", place: "header" })).stations[2];
  await change("flush");
  await cacheOf();
  for (const [amount, cache] of [[4, /hit, 24\d s old/], [1, /miss/]]) {
    const said = await change("advance", { amount, unit: 60 });
    assert.equal(said, `status: API Gateway's clock moved by ${amount} minutes.`);
    assert.match(await cacheOf(), cache);
  }
  assert.equal(await change("advance", { amount: 2, unit: 3600 }), "alert: the most is 3600 seconds");
});
