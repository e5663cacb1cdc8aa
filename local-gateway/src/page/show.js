// The list of requests, and the way of the selected one.

import { choose, languageOf, languagesOf, pastableCommand } from "./commands.js";
import { copyText, docsLink, element, make, post } from "./dom.js";
import { viewOfConnection } from "./connections.js";
import { gaveNoAnswer } from "./reasons.js";
import { requests } from "./state.js";
import { viewOfRequest } from "./stations.js";

const MARKS = { pass: "✓", fail: "✕", skip: "–", cached: "↺" };
const SPOKEN = { pass: "passed", fail: "failed", skip: "skipped", cached: "from the cache" };

/** The numbers of the selected request and of its station. */
let selected;
export const isNothingSelected = () => !selected;

/** Returns how a request or an event of a connection is shown. */
export const viewOf = (request) => (request.connection ? viewOfConnection(request) : viewOfRequest(request));

/** Writes a request into the list, again once its reason is known. Events of a connection are below its request. */
export function addToList(request) {
  const { title, status, isGood, isCached, why } = viewOf(request);
  const cached = isCached ? [make("span", { class: "tag" }, "cached"), why && " · "] : [];
  const button = make("button", { type: "button", "data-number": request.number },
    make("span", { class: "api" }, `#${request.number}`),
    make("span", { class: "route" }, title),
    make("span", { class: `status ${isGood ? "good" : ""}` }, status),
    make("span", { class: "why" }, ...cached, why));
  button.addEventListener("click", () => select(request.number));
  const old = element("requests").querySelector(`[data-number="${request.number}"]`);
  mark(button, false);
  if (!old) return insert(button, request.connection?.handshake);
  mark(button, old.getAttribute("aria-current") === "true");
  const hadFocus = document.activeElement === old;
  old.replaceWith(button);
  if (hadFocus) button.focus();
}

function insert(button, handshake) {
  const item = make("li", handshake ? { class: "on-connection", "data-handshake": handshake } : {}, button);
  let before = element("requests").querySelector(`[data-number="${handshake}"]`)?.parentElement;
  if (!before) return element("requests").prepend(item);
  while (before.nextElementSibling?.dataset.handshake === String(handshake)) before = before.nextElementSibling;
  return before.after(item);
}

/** Marks the selected request. Only this one is a stop of the Tab key; arrows lead to the others. */
function mark(button, isSelected) {
  button.setAttribute("aria-current", String(isSelected));
  button.tabIndex = isSelected ? 0 : -1;
}

export function select(number, station) {
  const request = requests.get(number);
  if (!request) return;
  selected = { number, station: station ?? viewOf(request).first };
  for (const button of element("requests").querySelectorAll("button")) {
    mark(button, Number(button.dataset.number) === number);
  }
  explain(request);
  show();
}

/** Asks the function for its explanation, once for each request that it decided. */
async function explain(request) {
  const { authorization, trap } = request;
  if (!authorization || authorization.decision === "missing_identity" || gaveNoAnswer(request) || request.asked) return;
  if (trap && !trap.real) return;
  request.asked = true;
  try {
    request.explanation = await post("/explain", { number: request.number });
  } catch (error) {
    request.explanationError = error.message;
  }
  addToList(request);
  if (selected?.number === request.number) show();
}

function show() {
  const request = requests.get(selected.number);
  element("empty").hidden = true;
  element("selected").hidden = false;
  const { verdict, isGood, reason, sentence, canCopy, stations } = viewOf(request);
  element("verdict").replaceChildren(
    make("span", { class: `status ${isGood ? "good" : ""}` }, verdict), reason ? `: ${reason}` : "");
  element("sentence").textContent = sentence;
  element("copying").hidden = !canCopy;
  if (canCopy) element("language").replaceChildren(...Object.entries(languagesOf(request)).map(([name, { title }]) =>
    make("option", { value: name, selected: name === languageOf(request) }, title)));
  showTrap(request.trap);
  const hadFocus = document.activeElement?.getAttribute("role") === "tab";
  element("stations").replaceChildren(...stations.map(({ name, state, fact }, index) => {
    const button = make("button", {
      type: "button", role: "tab", id: `station-${index}`, class: `station ${state}`,
      "aria-selected": String(index === selected.station), "aria-controls": "panel",
      tabindex: index === selected.station ? "0" : "-1",
    },
      make("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]),
      make("span", { class: "name" }, name),
      make("span", { class: "fact" }, ...breakable(fact)),
      make("span", { class: "hidden" }, SPOKEN[state]));
    button.addEventListener("click", () => select(selected.number, index));
    return button;
  }));
  if (hadFocus) element(`station-${selected.station}`).focus();
  const panel = element("panel");
  panel.setAttribute("aria-labelledby", `station-${selected.station}`);
  const isWaiting = request.asked && !request.explanation && !request.explanationError;
  panel.setAttribute("aria-busy", String(Boolean(isWaiting)));
  const shown = stations[selected.station].panel(request);
  const focusWasInside = panel !== document.activeElement && panel.contains(document.activeElement);
  panel.replaceChildren(...shown.filter(Boolean));
  if (focusWasInside) panel.focus();
}

/** Shows a request again, if it is selected. */
export function refresh(number) {
  if (selected?.number === number) show();
}

/** Lets a reason code break after its underscores. */
const breakable = (text) => text.split(/(?<=_)/).flatMap((part, index) => (index ? [make("wbr"), part] : [part]));

function showTrap(trap) {
  element("trap").hidden = !trap;
  if (!trap) return;
  element("trap").replaceChildren(
    make("h3", {}, `Trap: ${trap.title}`),
    make("dl", {}, ...[["What happened", trap.what], ["Why", trap.why], ["Cure", trap.cure], ["With jwks-authorizer", trap.here], ["More", docsLink(trap.page)]]
      .flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
}

element("stations").addEventListener("keydown", ({ key }) => {
  const count = element("stations").children.length;
  const { station } = selected;
  const to = { ArrowRight: station + 1, ArrowLeft: station + count - 1, Home: 0, End: count - 1 }[key];
  if (to === undefined) return;
  select(selected.number, to % count);
});
element("language").addEventListener("change", ({ target }) => {
  choose(requests.get(selected.number), target.value);
  show();
});
element("command").addEventListener("click", ({ target }) =>
  copyText(pastableCommand(requests.get(selected.number)), target));
element("requests").addEventListener("keydown", (event) => {
  const item = event.target.closest("li");
  const next = { ArrowDown: item?.nextElementSibling, ArrowUp: item?.previousElementSibling }[event.key];
  if (!next) return;
  event.preventDefault();
  next.firstChild.focus();
  next.firstChild.click();
});
