// Tests the copies of a request for other clients.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before } from "node:test";
import { promisify } from "node:util";
import { addresses, browser, scenario, send, shownAfter, startPage } from "./page.mjs";

const run = promisify(execFile);

before(() => startPage());

scenario("shows a request of another client, and its command sends the same", async () => {
  const count = await browser.run(() => document.querySelectorAll("#requests > :not(.on-connection)").length);
  await fetch(`${addresses.restApi}/a'b?x=1%202`, { method: "DELETE", headers: { "X-Quote": "it's" } });
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
