// The controls of the function: its execution environments, its limits, and who may invoke it.

import { change } from "./change.js";
import { chosenStage, onChoice } from "./controls.js";
import { element, make } from "./dom.js";
import { API_TITLES, replaceStage, setup } from "./state.js";
import { inWords } from "./words.js";

/** How often the environments are read while they are shown. */
const PERIOD_MS = 1000;

const [details, limit, timeout] = ["lambda", "environment-limit", "function-timeout"].map(element);

function environmentText({ number, state, init_ms: init, frozen_ms: frozen, invocations }) {
  const since = frozen === null ? "" : ` for ${inWords(frozen)}`;
  const started = init === null ? "" : `, started in ${inWords(init)}`;
  return `${number}: ${state}${since}, ${invocations} event${invocations === 1 ? "" : "s"}${started}`;
}

function showEnvironments({ environments }) {
  const texts = environments.length ? environments.map(environmentText) : ["none: the next request starts one"];
  element("environments").replaceChildren(...texts.map((text) => make("li", {}, text)));
}

function show(lambda) {
  showEnvironments(lambda);
  element("freezes").checked = lambda.freezes;
  element("freezes").disabled = !lambda.can_freeze;
  limit.elements.environments.value = lambda.limit;
  timeout.elements.seconds.value = lambda.timeout_s;
}

async function ask(action, done) {
  const lambda = await change("/lambda", action, done);
  if (lambda) show(lambda);
  return Boolean(lambda);
}

element("stop_all").addEventListener("click", () =>
  ask({ action: "stop_all" }, "All environments are ended. The next request is a cold start."));
element("freezes").addEventListener("change", ({ target: { checked } }) =>
  ask({ action: checked ? "freeze" : "thaw" }, checked ? "Idle environments are frozen." : "Idle environments run."));
limit.addEventListener("submit", (event) => {
  event.preventDefault();
  const environments = limit.elements.environments.valueAsNumber;
  ask({ action: "limit", environments }, environments
    ? `At most ${environments} requests are handled at the same time.`
    : "Every event is throttled.");
});
timeout.addEventListener("submit", (event) => {
  event.preventDefault();
  const seconds = timeout.elements.seconds.valueAsNumber;
  ask({ action: "timeout", seconds }, `The function has ${seconds} s for each event.`);
});

const showPermission = () => (element("permitted").checked = chosenStage().is_permitted);
element("permitted").addEventListener("change", async ({ target: { checked: granted } }) => {
  const chosen = chosenStage();
  const { name: api, stage } = chosen;
  const done = `API Gateway ${granted ? "may" : "may not"} invoke the function for ${API_TITLES[api]}, stage ${stage}.`;
  if (await ask({ action: "permission", api, stage, granted }, done)) replaceStage({ ...chosen, is_permitted: granted });
});

let timer;
async function readAgain() {
  try {
    showEnvironments((await (await fetch("/setup")).json()).lambda);
  } catch { /* local-gateway was stopped. The page says so at the top. */ }
}
details.addEventListener("toggle", () => {
  clearInterval(timer);
  if (!details.open) return;
  readAgain();
  timer = setInterval(readAgain, PERIOD_MS);
});

show(setup.lambda);
onChoice(showPermission);
