// The controls: what to send, and what to change before the next request.

import { change } from "./change.js";
import { element, factList, make, post } from "./dom.js";
import { API_TITLES, apiOf, setup } from "./state.js";

const form = element("send");

/** Returns the chosen stage. */
export const chosenStage = () => apiOf(form.elements.api.value, form.elements.stage.value);

/** Calls `show` now, and whenever another stage is chosen. */
export function onChoice(show) {
  let shown;
  const showOnce = () => {
    const { name, stage } = chosenStage();
    if (shown !== `${name} ${stage}`) show();
    shown = `${name} ${stage}`;
  };
  form.addEventListener("change", showOnce);
  showOnce();
}

function showStages() {
  const { api, stage } = form.elements;
  const stages = setup.apis.filter(({ name }) => name === api.value).map((one) => one.stage);
  if (String(stages) !== String([...stage.options].map(({ value }) => value))) {
    stage.replaceChildren(...stages.map((name) => make("option", {}, name)));
  }
  stage.disabled = stages.length === 1;
  for (const place of document.querySelectorAll(".chosen")) {
    place.textContent = `${API_TITLES[api.value]}, stage ${stage.value}`;
  }
}

/** Says which authorizer the chosen stage has. */
export function showAuthorizer() {
  const { type, payload_format: format, ttl_s: ttl } = chosenStage();
  const kind = format ? `payload format ${format}` : `type ${type}`;
  element("about-stage").textContent = `Its authorizer: ${kind}, ${ttl ? `responses cached for ${ttl} s` : "no cache"}.`;
}

function showForm() {
  showStages();
  showAuthorizer();
  const { api, token, place, method, path } = form.elements;
  const websocket = api.value === "websocket";
  method.disabled = path.disabled = websocket;
  form.querySelector(".primary").textContent = websocket ? "Try the handshake" : "Send";
  element("connect").hidden = element("about-connect").hidden = !websocket;
  path.value = websocket ? "$connect" : path.value === "$connect" ? "/orders" : path.value;
  const subprotocol = place.querySelector("[value=subprotocol]");
  subprotocol.disabled = !websocket;
  if (!websocket && place.value === "subprotocol") place.value = "header";
  element("pasted").hidden = token.value !== "pasted";
}

form.addEventListener("change", showForm);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { api, stage, method, path, place } = form.elements;
  for (const id of ["problem", "done", "failed"]) element(id).textContent = "";
  try {
    await post("/send", {
      api: api.value,
      stage: stage.value,
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
  if (token.value === "pasted" && !text.value.trim()) throw new Error("Paste a token first.");
  return token.value === "pasted" ? { kind: "pasted", text: text.value } : { kind: token.value };
}

element("traps").addEventListener("click", ({ target }) => {
  const trap = target.closest("[data-trap]");
  if (trap) change("/trap", { id: trap.dataset.trap }, "The trap's requests are sent.");
});
element("advance").addEventListener("submit", (event) => {
  event.preventDefault();
  const { amount, unit } = event.target.elements;
  const seconds = amount.valueAsNumber * Number(unit.value);
  change("/cache", { action: "advance", seconds }, `API Gateway's clock moved by ${amount.value} ${unit.selectedOptions[0].text}.`);
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
showSetup();
showForm();
