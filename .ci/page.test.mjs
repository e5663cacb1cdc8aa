// Tests the page of local-gateway in headless Chromium, with the real function.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { TIMEOUT_MS, readUntil, start, startBrowser } from "./chromium.mjs";

const run = promisify(execFile);

let browser;
let issuer;
let page;
let restApi;

before(async () => {
  const rules = JSON.stringify({ "$connect": [], "* /orders": [], "DELETE /orders": ["admin"] });
  const options = ["--port", "0", "--set", `AUTHORIZER_ROUTE_RULES=${rules}`];
  const lines = start(process.env.LOCAL_GATEWAY, options, "SIGINT");
  const message = await readUntil(lines, /follows\.$/);
  const find = (pattern) => message.match(pattern)[1];
  issuer = find(/^issuer +(\S+)$/m);
  restApi = find(/^REST API +(\S+)$/m);
  page = find(/^page +(\S+)$/m);
  browser = await startBrowser(page);
});

const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

/** Checks that these links lead to sections of the documentation. */
async function leadsToSections(links, expected) {
  assert.deepEqual(links, expected.map((link) => `${page}${link}`));
  for (const link of links) {
    const html = await (await fetch(link)).text();
    assert.ok(html.includes(`id="${new URL(link).hash.slice(1)}"`), link);
  }
}

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
  const { stdout } = await run("sh", ["-c", shown.command]);
  assert.match(stdout, /^HTTP\/1\.1 401 /);
});

/** Chooses a language, copies the selected request, and returns what is copied and the languages. */
function copied(language, hoursLater = 0) {
  return browser.run(async function (language, hoursLater) {
    const choice = document.getElementById("language");
    choice.value = language;
    choice.dispatchEvent(new Event("change"));
    const { fetch } = window;
    const { now } = Date;
    Date.now = () => now() + hoursLater * 3_600_000;
    window.fetch = async () => new Response(JSON.stringify({ token: "a.new.token" }));
    const text = await new Promise((resolve) => {
      navigator.clipboard.writeText = resolve;
      document.getElementById("command").click();
    });
    Date.now = now;
    window.fetch = fetch;
    return { text, languages: [...choice.options].map((option) => option.text) };
  }, language, hoursLater);
}

scenario("copies a request for curl and JavaScript", async () => {
  await send({ api: "rest", token: "good", place: "header", path: "/orders", method: "GET" });
  const { text: command, languages } = await copied("curl");
  assert.deepEqual(languages, ["curl", "JavaScript"]);
  assert.match((await run("sh", ["-c", command])).stdout, /^HTTP\/1\.1 200 /);
  const { text: code } = await copied("fetch");
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code]);
  assert.match(stdout, /^200 .*"sub":"alice"/);
});

scenario("copies a request for wscat, websocat and a browser", async () => {
  await send({ api: "websocket", token: "good", place: "header" });
  const { text: wscat, languages } = await copied("wscat");
  assert.deepEqual(languages, ["wscat", "websocat", "browser"]);
  assert.match(wscat, /^wscat -c 'ws:.*' \\\n  -H 'authorization: Bearer ey.*'$/);
  assert.match((await copied("websocat")).text, /^websocat 'ws:.*' \\\n  -H 'authorization: Bearer ey.*'$/);
  await send({ api: "websocket", token: "good", place: "subprotocol" });
  assert.match((await copied("websocat")).text, /^websocat 'ws:.*' \\\n  --protocol 'bearer, ey.*'$/);
  // The browser's code works for a request with a header too: there the token becomes a subprotocol.
  for (const place of ["header", "subprotocol"]) {
    await send({ api: "websocket", token: "good", place });
    const { text } = await copied("browser");
    assert.match(text, /^const socket = new WebSocket\("ws:.*", \["bearer","ey.*"\]\);/);
    const script = text.replace("console.log(data)", "resolve(data)");
    const reply = await browser.run(`function () { return new Promise((resolve) => { ${script} }); }`);
    assert.equal(JSON.parse(reply).body, "hello");
  }
});

scenario("copies a new token in place of one that has expired since", async () => {
  const tokenIn = ({ text }) => text.match(/Bearer ([\w.-]+)/)[1];
  await send({ api: "http", token: "good", place: "header" });
  const sent = tokenIn(await copied("curl"));
  assert.equal(tokenIn(await copied("curl", 0.9)), sent);
  assert.equal(tokenIn(await copied("curl", 1.1)), "a.new.token");
  // A token that had expired before it was sent is what the request is about.
  await send({ api: "http", token: "expired", place: "header" });
  assert.notEqual(tokenIn(await copied("curl", 1.1)), "a.new.token");
});

const TRAPS = {
  token_type: [1, /^400 bad request: the configuration/, /choose the type REQUEST/, "docs/websocket.md#websocket-apis"],
  token_event: [1, /^500 error/, /no authorizationToken/, "docs/websocket.md#troubleshooting"],
  source_absent: [1, /^401 .*: identity source missing/, /the function was not asked/, "docs/deploy/README.md#identity-sources"],
  sources_anded: [1, /^401 .*: identity source missing/, /All identity sources/, "docs/deploy/README.md#identity-sources"],
  browser_header: [1, /^401 .*: identity source missing/, /closed with 1006/, "docs/websocket.md#browsers-as-a-subprotocol"],
  subprotocol_not_echoed: [1, /^101 connected/, /browser closes the connection/, "docs/websocket.md#browsers-as-a-subprotocol"],
  connect_missed: [1, /^403 .*: the policy does not name the route/, /STAGE\/\$connect/, "docs/websocket.md#the-policy"],
  narrow_policy: [2, /^403 .*: the policy does not name the route/, /API Gateway has cached it/, "docs/rest-and-http.md#what-is-cached"],
  error_text: [1, /^500 error: unauthorized/, /exactly Unauthorized/, "docs/errors.md#what-the-client-gets"],
  nested_context: [1, /^500 error: malformed response/, /Join the list/, "docs/configuration.md#authorizer_context_claims"],
  permission_missing: [1, /^500 error: no permission/, /logged nothing/, "docs/deploy/README.md#the-permission"],
  slash: [1, /^401 .*: unknown_issuer/, /Issuers are compared exactly/, "docs/errors.md#unknown_issuer"],
};

for (const [id, [requests, verdict, words, section]] of Object.entries(TRAPS)) {
  scenario(`shows the trap ${id}`, async () => {
    const count = await browser.run(function (id) {
      const count = document.querySelectorAll("#requests li").length;
      document.querySelector(`[data-trap="${id}"]`).click();
      return count;
    }, id);
    const shown = await shownAfter(count + requests - 1);
    assert.match(shown.verdict, verdict);
    assert.match(shown.trap, words);
    await leadsToSections(shown.links.slice(0, 1), [section]);
  });
}

/** Presses a button, or fills in and submits a form. Returns what the page says of it. */
function change(id, fields) {
  return browser.run(function (id, fields) {
    const control = document.getElementById(id);
    control.closest("details").open = true;
    if (fields) {
      for (const [name, value] of Object.entries(fields)) control.elements[name].value = value;
      control.dispatchEvent(new Event("change"));
      control.requestSubmit();
    } else {
      control.click();
    }
    const [done, failed] = ["done", "failed"].map((id) => document.getElementById(id));
    return new Promise((resolve) => {
      const look = () => {
        const said = done.textContent || failed.textContent;
        if (said) resolve(`${failed.textContent ? failed.role : done.role}: ${said}`);
      };
      const observer = new MutationObserver(look);
      for (const place of [done, failed]) observer.observe(place, { childList: true });
    });
  }, id, fields);
}

scenario("advances the time of the caches", async () => {
  const cacheOf = async () => (await send({ api: "rest", token: "good", place: "header" })).stations[2];
  await cacheOf();
  for (const [amount, cache] of [[4, /hit, 24\d s old/], [1, /miss/]]) {
    const said = await change("advance", { amount, unit: 60 });
    assert.equal(said, `status: The cached responses are ${amount} minutes older.`);
    assert.match(await cacheOf(), cache);
  }
  assert.equal(await change("advance", { amount: 2, unit: 3600 }), "alert: the most is 3600 seconds");
});

scenario("every control has a name in the accessibility tree", async () => {
  await send({ api: "http", token: "expired", place: "header" });
  await browser.run(function () {
    for (const details of document.querySelectorAll("details")) details.removeAttribute("name");
    for (const details of document.querySelectorAll("details")) details.open = true;
    document.getElementById("talk").hidden = false;
  });
  const { nodes } = await browser.devTools("Accessibility.getFullAXTree");
  const property = (node, name) => node.properties?.find((property) => property.name === name)?.value.value;
  const controls = nodes.filter((node) => !node.ignored && property(node, "focusable") && node.role.value !== "RootWebArea");
  const unnamed = controls.filter((node) => !node.name?.value && node.role.value !== "MenuListPopup");
  assert.deepEqual(unnamed.map(({ role, name }) => [role.value, name]), []);
  assert.ok(controls.length > 40, String(controls.length));
  const failed = nodes.filter((node) => node.role?.value === "tab" && node.name.value.endsWith("failed"));
  assert.deepEqual(failed.map(({ name }) => name.value), ["Authorizer expired failed", "Client gets 401 failed"]);
  await browser.run(function () {
    document.getElementById("talk").hidden = true;
    for (const details of document.querySelectorAll("details")) {
      details.open = false;
      details.setAttribute("name", "more");
    }
  });
});

const KEYS = { tab: "\uE004", enter: "\uE007", up: "\uE013", down: "\uE015", right: "\uE014", home: "\uE011" };
const focused = () => browser.run(function () {
  const { activeElement: element } = document;
  return element.name ? `${element.form.id}.${element.name}` : element.id || element.dataset.number || element.textContent;
});

scenario("works with the keyboard alone", async () => {
  await browser.run(() => {
    document.querySelector("[name=api][value=http]").click();
    document.querySelector("[name=place]").value = "header";
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const stops = [];
  for (let stop = 0; stop < 18; stop++) {
    await browser.press(KEYS.tab);
    stops.push(await focused());
  }
  const newest = await browser.run(() => document.querySelector("#requests button").dataset.number);
  assert.deepEqual(stops, [
    "Skip to the selected request", "Documentation",
    "send.api", "send.method", "send.path", "send.token", "send.place", "Send",
    "Traps", "Issuer", "Time and caches", "Addresses",
    "follow", newest,
    "language", "command", "station-4", "panel",
  ]);
  await browser.run((number) => document.querySelector(`[data-number="${number}"]`).focus(), newest);
  await browser.press(KEYS.down);
  assert.equal(await focused(), String(newest - 1));
  await browser.press(KEYS.up);
  await browser.run(() => document.querySelector("[role=tab][aria-selected=true]").focus());
  await browser.press(KEYS.right);
  assert.equal(await focused(), "station-5");
  await browser.press(KEYS.home);
  assert.equal(await focused(), "station-0");
  const count = await browser.run(() => {
    document.querySelector("[name=path]").focus();
    return document.querySelectorAll("#requests li").length;
  });
  await browser.press(KEYS.enter);
  assert.match((await shownAfter(count)).verdict, /^401/);
  assert.equal(await focused(), "send.path");
});

/** Returns the texts and borders that have too little contrast (WCAG 2.2, 1.4.3 and 1.4.11). */
function lowContrast() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const background = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    const [, , , alpha = 1] = channels(backgroundColor);
    return alpha === 1 ? backgroundColor : background(element.parentElement);
  };
  const low = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility({ opacityProperty: true }) || element.matches(":disabled, .hidden, option")) continue;
    const { color, borderColor } = getComputedStyle(element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const needed = (wanted, found, what) => found < wanted && low.push(`${what} ${element.outerHTML.slice(0, 80)}: ${found.toFixed(2)}`);
    if (hasText || element.matches("select, input")) needed(4.5, ratio(color, background(element)), "text");
    if (element.matches("select, textarea, input:not([type=radio], [type=checkbox])")) {
      needed(3, ratio(borderColor.match(/^[^)]*\)/)[0], background(element.parentElement)), "border");
    }
  }
  return low;
}

const chooseScheme = (value) =>
  browser.devTools("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });

for (const scheme of ["light", "dark"]) {
  scenario(`has enough contrast in the ${scheme} scheme`, async () => {
    await chooseScheme(scheme);
    for (const fields of [
      { api: "rest", token: "good", place: "header" },
      { api: "rest", token: "good", place: "header" },
      { api: "websocket", token: "expired", place: "header" },
    ]) {
      await send(fields);
      for (const index of [0, 1, 2]) {
        await browser.run((index) => { document.querySelectorAll("details")[index].open = true; }, index);
        assert.deepEqual(await browser.run(lowContrast), []);
      }
    }
    const color = await browser.run(() => getComputedStyle(document.documentElement).backgroundColor);
    assert.equal(color, scheme === "light" ? "rgb(244, 245, 248)" : "rgb(20, 22, 27)");
  });
}

/** Returns the elements that a window of this size cuts off. */
async function cutOff(width, height) {
  await browser.devTools("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  return browser.run(function () {
    const isCut = (element) => element.checkVisibility() && !element.closest(".hidden, .skip-link, pre, table")
      && (element.getBoundingClientRect().right > innerWidth || element.getBoundingClientRect().left < 0);
    return [...document.body.querySelectorAll("*")].filter(isCut).map((element) => element.outerHTML.slice(0, 80));
  });
}

scenario("fits into narrow and wide windows", async () => {
  await send({ api: "http", token: "wrong_audience", place: "header" });
  for (const [width, height] of [[320, 700], [600, 800], [1000, 700], [1440, 900]]) {
    assert.deepEqual(await cutOff(width, height), [], `${width} px`);
  }
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
    const response = await fetch(`${issuer}/jwks.json`).catch(() => undefined);
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

scenario("shows the documentation with enough contrast, and in narrow windows", async () => {
  for (const name of ["local-gateway", "configuration", "errors"]) {
    await browser.open(`${page}docs/${name}.md`);
    for (const scheme of ["light", "dark"]) {
      await chooseScheme(scheme);
      assert.deepEqual(await browser.run(lowContrast), [], name);
    }
    assert.deepEqual(await cutOff(320, 700), [], name);
  }
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
      shown.links = [...document.querySelectorAll("#selected a")].filter((link) => link.checkVisibility()).map(({ href }) => href);
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
