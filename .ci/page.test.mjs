// Tests the page of local-gateway in headless Chromium, with the real function.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { TIMEOUT_MS, readUntil, start, startBrowser } from "./chromium.mjs";

let browser;
let restApi;

before(async () => {
  const rules = JSON.stringify({ "$connect": [], "* /orders": [], "DELETE /orders": ["admin"] });
  const options = ["--port", "0", "--set", `AUTHORIZER_ROUTE_RULES=${rules}`];
  const lines = start(process.env.LOCAL_GATEWAY, options, "SIGINT");
  const message = await readUntil(lines, /follows\.$/);
  const find = (pattern) => message.match(pattern)[1];
  restApi = find(/^REST API +(\S+)$/m);
  browser = await startBrowser(find(/^page +(\S+)$/m));
});

const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

scenario("shows a good request from the client to the answer", async () => {
  const shown = await send({ api: "rest", token: "good", place: "header" });
  assert.equal(shown.verdict, "200 allowed");
  assert.deepEqual(shown.stations, [
    "Client: REST, passed",
    "Identity: present, passed",
    "Cache: miss, passed",
    "Event: REQUEST, passed",
    "Authorizer: allowed, passed",
    "Policy: 3 statements, passed",
    "Route: allowed, passed",
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
});

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

scenario("shows a request of another client, and its command sends the same", async () => {
  const count = await browser.run(() => document.querySelectorAll("#requests li").length);
  await fetch(`${restApi}/a'b?x=1%202`, { method: "DELETE", headers: { "X-Quote": "it's" } });
  const shown = await shownAfter(count);
  assert.equal(shown.verdict, "401 not authenticated: identity source missing");
  assert.match(shown.command, /^curl -i -X DELETE 'http:.*\/prod\/a'\\''b\?x=1\+2'/);
  assert.match(shown.command, /-H 'x-quote: it'\\''s'/);
});

const TRAPS = {
  token_type: [1, /^400 bad request: the configuration/, /choose the type REQUEST/],
  token_event: [1, /^500 error/, /no authorizationToken/],
  source_absent: [1, /^401 .*: identity source missing/, /the function was not asked/],
  sources_anded: [1, /^401 .*: identity source missing/, /All identity sources/],
  browser_header: [1, /^401 .*: identity source missing/, /closed with 1006/],
  subprotocol_not_echoed: [1, /^101 connected/, /browser closes the connection/],
  connect_missed: [1, /^403 .*: the policy does not name the route/, /STAGE\/\$connect/],
  narrow_policy: [2, /^403 .*: the policy does not name the route/, /API Gateway has cached it/],
  error_text: [1, /^500 error: unauthorized/, /exactly Unauthorized/],
  nested_context: [1, /^500 error: malformed response/, /Join the list/],
  permission_missing: [1, /^500 error: no permission/, /logged nothing/],
  slash: [1, /^401 .*: unknown_issuer/, /Issuers are compared exactly/],
};

for (const [id, [requests, verdict, words]] of Object.entries(TRAPS)) {
  scenario(`shows the trap ${id}`, async () => {
    const count = await browser.run(function (id) {
      const count = document.querySelectorAll("#requests li").length;
      document.querySelector(`[data-trap="${id}"]`).click();
      return count;
    }, id);
    const shown = await shownAfter(count + requests - 1);
    assert.match(shown.verdict, verdict);
    assert.match(shown.trap, words);
  });
}

scenario("works with the keyboard, and every control has a name", async () => {
  const names = await browser.run(function () {
    const unnamed = (control) =>
      !(control.labels?.length || control.textContent.trim() || control.getAttribute("aria-label"));
    const controls = [...document.querySelectorAll("button, input, select, textarea")];
    return controls.filter(unnamed).map((control) => control.outerHTML);
  });
  assert.deepEqual(names, []);
  const moved = await browser.run(function () {
    const tab = document.querySelector("[role=tab][aria-selected=true]");
    tab.focus();
    tab.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    return [tab.id, document.activeElement.id, document.activeElement.getAttribute("aria-selected")];
  });
  assert.deepEqual(moved, ["station-4", "station-5", "true"]);
});

/** Fills in the form, sends, and returns what the page then shows. */
async function send(fields) {
  const count = await browser.run(async function (fields) {
    const form = document.getElementById("send");
    const count = document.querySelectorAll("#requests li").length;
    const { api, ...others } = fields;
    [...form.elements.api].find(({ value }) => value === api).click();
    for (const [name, value] of Object.entries(others)) form.elements[name].value = value;
    form.dispatchEvent(new Event("change"));
    form.requestSubmit();
    return count;
  }, fields);
  return shownAfter(count);
}

/** Waits for a further request and its explanation, and returns what the page shows. */
function shownAfter(count) {
  return browser.run(function (count) {
    const read = () => {
      const words = (station) => {
        const [, name, fact, state] = [...station.children].map((child) => child.textContent);
        return `${name}: ${fact}, ${state}`;
      };
      const newest = document.querySelector("#requests button");
      const stations = [...document.querySelectorAll(".station")];
      const panel = document.getElementById("panel").innerText;
      const isShown = document.querySelectorAll("#requests li").length > count
        && newest.getAttribute("aria-current") === "true"
        && document.getElementById("panel").ariaBusy === "false";
      if (!isShown) return undefined;
      const selected = stations.findIndex((station) => station.ariaSelected === "true");
      const shown = {
        verdict: document.getElementById("verdict").textContent,
        stations: stations.map(words),
        selected: words(stations[selected]),
        panel,
      };
      shown.trap = document.getElementById("trap").textContent;
      stations[0].click();
      shown.command = document.querySelector("#panel pre")?.textContent;
      document.getElementById(`station-${selected}`).click();
      return shown;
    };
    return new Promise((resolve) => {
      const look = () => {
        const shown = read();
        if (!shown) return;
        observer.disconnect();
        resolve(shown);
      };
      const observer = new MutationObserver(look);
      observer.observe(document.body, { childList: true, subtree: true, attributes: true });
      look();
    });
  }, count);
}
