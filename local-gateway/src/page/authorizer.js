// The controls of the chosen stage's authorizer.

import { change } from "./change.js";
import { chosenStage, onChoice, showAuthorizer } from "./controls.js";
import { element } from "./dom.js";
import { API_TITLES, replaceStage } from "./state.js";

const form = element("authorizer");

function show() {
  const { type, identity_sources: sources, validation, ttl_s: ttl } = chosenStage();
  form.elements.sources.value = sources.join("\n");
  form.elements.validation.value = validation ?? "";
  form.elements.ttl.value = ttl;
  element("validation").hidden = type !== "TOKEN";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name: api, stage } = chosenStage();
  const { sources, validation, ttl } = form.elements;
  const changed = await change("/authorizer", {
    api,
    stage,
    identity_sources: sources.value.split("\n").map((line) => line.trim()).filter(Boolean),
    validation: validation.value || null,
    ttl_seconds: ttl.valueAsNumber,
  }, `The authorizer of ${API_TITLES[api]}, stage ${stage}, is changed, and its cache is empty.`,
  "API Gateway refuses this authorizer: ");
  if (!changed) return;
  replaceStage(changed);
  showAuthorizer();
  show();
});

onChoice(show);
