// The controls of the issuer.

import { change } from "./change.js";
import { element, make } from "./dom.js";
import { setup } from "./state.js";

/** What the issuer can serve, and what a fetch of the keys shows of it. */
const SERVED = {
  restore: ["its keys", "serves its keys", "The next fetch gets the keys. After a failed one, the function waits up to 30 s."],
  slow: ["its keys, slowly", "slow", "The next fetch takes as long, or fails at AUTHORIZER_JWKS_TIMEOUT_MS (3000 by default)."],
  hang: ["nothing: no answer", "does not answer", "The next fetch fails at AUTHORIZER_JWKS_TIMEOUT_MS (3000 by default)."],
  down: ["nothing: the connection is cut", "down", "The next fetch fails at once."],
  malformed: ["malformed JSON", "serves malformed JSON", "The next fetch fails: the JSON is cut off."],
  html: ["a page of HTML", "serves a page of HTML", "The next fetch fails: a page with status 200 is no key set."],
  broken_key: ["a broken key", "serves a broken key", "The next fetch fails: the only key has a modulus that is not base64url."],
  withdraw_all: ["no keys: all withdrawn", "serves no keys", "The next fetch fails: a key set without keys is no reason to forget those in the cache."],
};

for (const [id, done] of [["rotate", "New tokens have a new key."], ["withdraw_old", "The old key is not published any more."]]) {
  element(id).addEventListener("click", () => change("/issuer", { action: id }, done));
}
element("forget").addEventListener("click", async () => {
  const ended = await change("/lambda", { action: "stop_all" }, "");
  if (ended) change("/cache", { action: "flush" }, "All execution environments are ended, and the caches are empty. The next request fetches the keys.");
});
const showState = (action) => (element("issuer-state").textContent = `Issuer: ${SERVED[action][1]}`);
const issuer = element("issuer");
const showServed = () => {
  element("about-served").textContent = SERVED[issuer.elements.served.value][2];
  const isSlow = issuer.elements.served.value === "slow";
  element("delay").hidden = !isSlow;
  // A hidden field must not keep the form from being submitted.
  issuer.elements.ms.disabled = !isSlow;
};
issuer.addEventListener("change", showServed);
issuer.addEventListener("submit", async (event) => {
  event.preventDefault();
  const action = issuer.elements.served.value;
  const body = action === "slow" ? { action, ms: issuer.elements.ms.valueAsNumber } : { action };
  if (await change("/issuer", body, `The issuer now serves ${SERVED[action][0]}.`)) showState(action);
});
issuer.elements.served.replaceChildren(...Object.entries(SERVED).map(([value, [title]]) => make("option", { value }, title)));
issuer.elements.served.value = setup.issuer_serves;
showState(setup.issuer_serves);
showServed();
