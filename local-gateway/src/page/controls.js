// The controls: what to send, and what to change before the next request.

import { element, factList, make, post } from "./dom.js";
import { API_TITLES, setup } from "./state.js";

const form = element("send");

function showForm() {
  const { api, token, place, method, path } = form.elements;
  const websocket = api.value === "websocket";
  method.disabled = path.disabled = websocket;
  element("connect").hidden = !websocket;
  path.value = websocket ? "$connect" : path.value === "$connect" ? "/orders" : path.value;
  const subprotocol = place.querySelector("[value=subprotocol]");
  subprotocol.disabled = !websocket;
  if (!websocket && place.value === "subprotocol") place.value = "header";
  element("pasted").hidden = token.value !== "pasted";
}

form.addEventListener("change", showForm);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { api, method, path, place } = form.elements;
  element("problem").textContent = "";
  try {
    await post("/send", {
      api: api.value,
      method: method.value,
      path: api.value === "websocket" ? "" : path.value,
      place: place.value,
      token: chosenToken(),
    });
  } catch (error) {
    element("problem").textContent = error.message;
  }
});

export function chosenToken() {
  const { token, text } = form.elements;
  return token.value === "pasted" ? { kind: "pasted", text: text.value } : { kind: token.value };
}

/** What a fetch of the keys shows of each thing that the issuer can serve. */
const SERVED = {
  restore: ["its keys", "The next fetch gets the keys. After a failed one, the function waits up to 30 s."],
  slow: ["its keys, slowly", "The next fetch takes as long, or fails at AUTHORIZER_JWKS_TIMEOUT_MS (3000 by default)."],
  hang: ["nothing: no answer", "The next fetch fails at AUTHORIZER_JWKS_TIMEOUT_MS (3000 by default)."],
  down: ["nothing: the connection is cut", "The next fetch fails at once."],
  malformed: ["malformed JSON", "The next fetch fails: the JSON is cut off."],
  html: ["a page of HTML", "The next fetch fails: a page with status 200 is no key set."],
  broken_key: ["a broken key", "The next fetch fails: the only key has a modulus that is not base64url."],
  withdraw_all: ["no keys: all withdrawn", "The next fetch fails: a key set without keys is no reason to forget those in the cache."],
};

/** Asks for a change, and says below the controls what came of it. */
async function change(path, body, done) {
  element("done").textContent = element("failed").textContent = "";
  try {
    await post(path, body);
    element("done").textContent = done;
  } catch (error) {
    element("failed").textContent = error.message;
  }
}

element("traps").addEventListener("click", ({ target }) => {
  const trap = target.closest("[data-trap]");
  if (trap) change("/trap", { id: trap.dataset.trap }, "The trap's requests are sent.");
});
for (const [id, done] of [["rotate", "New tokens have a new key."], ["withdraw_old", "The old key is not published any more."]]) {
  element(id).addEventListener("click", () => change("/issuer", { action: id }, done));
}
const issuer = element("issuer");
const showServed = () => {
  element("about-served").textContent = SERVED[issuer.elements.served.value][1];
  const isSlow = issuer.elements.served.value === "slow";
  element("delay").hidden = !isSlow;
  // A hidden field must not keep the form from being submitted.
  issuer.elements.ms.disabled = !isSlow;
};
issuer.addEventListener("change", showServed);
issuer.addEventListener("submit", (event) => {
  event.preventDefault();
  const action = issuer.elements.served.value;
  const body = action === "slow" ? { action, ms: issuer.elements.ms.valueAsNumber } : { action };
  change("/issuer", body, `The issuer now serves ${SERVED[action][0]}.`);
});
element("advance").addEventListener("submit", (event) => {
  event.preventDefault();
  const { amount, unit } = event.target.elements;
  const seconds = amount.valueAsNumber * Number(unit.value);
  change("/cache", { action: "advance", seconds }, `The cached responses are ${amount.value} ${unit.selectedOptions[0].text} older.`);
});
element("flush").addEventListener("click", () => change("/cache", { action: "flush" }, "The caches are empty."));

function showSetup() {
  element("traps").replaceChildren(...setup.traps.map(({ id, title }) =>
    make("li", {}, make("button", { type: "button", "data-trap": id }, title))));
  const addresses = [
    ...setup.apis.map(({ name, stage, url }) => [stage ? `${API_TITLES[name]}, stage ${stage}` : API_TITLES[name], url]),
    ["issuer", setup.issuer_url], ["function", setup.function_url],
  ];
  element("addresses").replaceChildren(...factList(addresses).childNodes);
  const settings = setup.settings.length ? `Your settings: ${setup.settings.join(", ")}. ` : "";
  element("settings").textContent = settings + (setup.trusts_built_in_issuer ? "" :
    "They name an issuer of their own, so the function refuses the built-in issuer's tokens. Use a token of your issuer.");
  if (!setup.trusts_built_in_issuer) form.elements.token.value = "pasted";
}
issuer.elements.served.replaceChildren(...Object.entries(SERVED).map(([value, [title]]) => make("option", { value }, title)));
showServed();
showSetup();
showForm();
