// Tests each trap.

import assert from "node:assert/strict";
import { before } from "node:test";
import { browser, leadsToSections, panelOf, scenario, shownAfter, startPage } from "./page.mjs";

before(() => startPage());

const TRAPS = {
  token_type: [1, /^400 bad request: the configuration/, /choose the type REQUEST/, "docs/websocket.md#websocket-apis"],
  token_event: [1, /^500 error/, /no authorizationToken/, "docs/websocket.md#troubleshooting"],
  source_absent: [1, /^401 .*: identity source missing/, /the function was not asked/, "docs/deploy/README.md#identity-sources"],
  sources_anded: [1, /^401 .*: identity source missing/, /All identity sources/, "docs/deploy/README.md#identity-sources"],
  browser_header: [1, /^401 .*: identity source missing/, /closed with 1006/, "docs/websocket.md#browsers-as-a-subprotocol"],
  subprotocol_not_echoed: [1, /^101 connected: no subprotocol/, /Your \$connect backend must answer with Sec-WebSocket-Protocol: bearer, never with the token/, "docs/websocket.md#browsers-as-a-subprotocol"],
  connect_missed: [1, /^403 .*: the policy does not name the route/, /STAGE\/\$connect/, "docs/websocket.md#the-policy"],
  narrow_policy: [2, /^403 .*: the policy does not name the route/, /API Gateway has cached it/, "docs/rest-and-http.md#what-is-cached"],
  error_text: [1, /^500 error: unauthorized/, /exactly Unauthorized/, "docs/errors.md#what-the-client-gets"],
  nested_context: [1, /^500 error: malformed response/, /Join the list/, "docs/configuration.md#authorizer_context_claims"],
  permission_missing: [1, /^500 error: no permission to invoke the function$/, /logged nothing/, "docs/deploy/README.md#the-permission"],
  slash: [1, /^401 .*: unknown_issuer/, /Issuers are compared exactly/, "docs/errors.md#unknown_issuer"],
};

/** What else the page shows of some traps. */
const SHOWN = {
  permission_missing({ panel, sentence }) {
    assert.match(panel, /Wanted\na permission for API Gateway \(apigateway\.amazonaws\.com\) to invoke the function\nCure\nAdd the permission\. The function has no log line, because it was not asked\.\nMore\ndeploy\/README\.md#the-permission/);
    assert.equal(sentence, "API Gateway got no answer from the function.");
  },
  async error_text() {
    assert.match(await panelOf("Cache"), /Nothing was stored: the function answered with an error\./);
  },
  async sources_anded() {
    assert.match(await panelOf("Identity source"), /Cure\nSend the token in the query parameter access_token\. To accept several places, list no identity source and switch the cache off\./);
  },
  async browser_header() {
    assert.match(await panelOf("Identity source"), /Cure\nSend the token in the header Authorization\. To accept several places, list no identity source\.\n/);
  },
  subprotocol_not_echoed({ isGood, selected, panel, sentence }) {
    assert.equal(isGood, false);
    assert.equal(selected, "Client gets: 101, no subprotocol, failed");
    assert.match(panel, /^Failed: no subprotocol\n/);
    assert.match(sentence, /so a browser closes the connection\.$/);
  },
  async narrow_policy() {
    const panel = await panelOf("Route");
    assert.match(panel, /ARN \(AWS's name of this route\)[^]*requested\narn:.*\/GET\/me\nallowed\narn:.*\/GET\/orders$/);
    assert.match(await panelOf("Policy"), /^While this policy is cached, it decides about every route that the caller uses, not only this one\./);
  },
};

scenario("offers these traps", async () => {
  const ids = await browser.run(() => [...document.querySelectorAll("[data-trap]")].map(({ dataset }) => dataset.trap));
  assert.deepEqual(ids, Object.keys(TRAPS));
});

for (const [id, [requests, verdict, words, section]] of Object.entries(TRAPS)) {
  scenario(`shows the trap ${id}`, async () => {
    const count = await browser.run(function (id) {
      const count = document.querySelectorAll("#requests > :not(.on-connection)").length;
      document.querySelector(`[data-trap="${id}"]`).click();
      return count;
    }, id);
    const shown = await shownAfter(count + requests - 1);
    assert.match(shown.verdict, verdict);
    assert.match(shown.trap, words);
    assert.match(shown.trap, /With jwks-authorizer(Can happen: |Cannot happen: |Only with )/);
    await leadsToSections(shown.links.slice(0, 1), [section]);
    await SHOWN[id]?.(shown);
  });
}
