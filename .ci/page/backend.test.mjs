// Tests what the page shows of a backend that cannot be started.

import assert from "node:assert/strict";
import { before } from "node:test";
import { browser, scenario, send, startPage } from "./page.mjs";

before(() => startPage("--integration", "nosuchcmd"));

for (const [api, status] of [["websocket", 502], ["rest", 502], ["http", 500]]) {
  scenario(`shows a broken backend as a failure, with an API of the kind ${api}`, async () => {
    const shown = await send({ api, token: "good", place: "header" });
    assert.equal(shown.verdict, `${status} error: the integration`);
    assert.equal(shown.isGood, false);
    assert.match(shown.sentence, /^The function allowed it, but your backend failed: the command `nosuchcmd` could not be started: .*\.$/);
    assert.equal(shown.selected, "Integration: failed, failed");
    const isGreen = await browser.run(() => document.querySelector("#requests .status").classList.contains("good"));
    assert.equal(isGreen, false);
  });
}
