// The page of local-gateway. There is no build step: the browser runs this file as it is.

const element = (id) => document.getElementById(id);

/** Makes an element. Text is never read as HTML. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const API_TITLES = { websocket: "WebSocket", rest: "REST", http: "HTTP" };
const MARKS = { pass: "✓", fail: "✕", skip: "–", cached: "↺" };

let setup;
let run;
let selected;
let selecting;
/** Requests by number, with their explanations once they are known. */
const requests = new Map();

/** Sends JSON to the server of this page. Returns the JSON of its response. */
async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const result = await response.json();
  if (!response.ok) throw new Error(result.message);
  return result;
}

// --- What happened to a request -------------------------------------------------------------------

const routeOf = ({ api, stage, request }) =>
  api === "websocket" ? "$connect" : `${request.method} ${stage ? `/${stage}` : ""}${request.path}`;

const isAllowed = (request) => request.authorization?.decision === "allow";

/** Names the reason why a request was refused, in a few words. */
function reasonOf(request) {
  const { authorization, explanation } = request;
  if (!authorization) return request.trap ? "the configuration" : "not for this API";
  switch (authorization.decision) {
    case "allow": return undefined;
    case "missing_identity": return "identity source missing";
    case "invalid_token": return "validation expression";
    case "invalid_api_key": return "API key";
    case "implicit_deny":
      return explanation?.decision === "deny" ? explanation.reason : "the policy does not name the route";
    case "explicit_deny":
    case "not_authorized":
      return explanation?.reason ?? contextOf(authorization)?.reason ?? "denied";
    case "unauthorized": return explanation?.reason ?? "Unauthorized";
    case "failed": return authorization.outcome?.errorMessage?.split(":")[0] ?? "the function failed";
    case "no_outcome":
      return { not_permitted: "no permission to invoke the function", throttled: "throttled" }[authorization.failure]
        ?? "no answer from the function";
    default: return "malformed response";
  }
}

const contextOf = (authorization) => authorization.outcome?.response?.context;

/** What API Gateway itself refuses, as the function explains what it refuses. */
function gatewayProblem(request) {
  const { authorization, api, stage } = request;
  if (!authorization && request.trap) {
    return {
      reason: "the configuration",
      found: JSON.parse(request.answer.body).message,
      cure: request.trap.cure,
    };
  }
  if (!authorization) {
    return {
      reason: request.answer.status === 400 ? "not a WebSocket handshake" : "unknown stage",
      found: `${request.request.method} ${request.request.path}`,
      wanted: `a request below ${apiOf(api, stage).url}`,
      cure: "Correct the URL. API Gateway answers before it looks for an authorizer.",
    };
  }
  switch (authorization.decision) {
    case "missing_identity": {
      const missing = authorization.identity.filter(({ value }) => value === null);
      return {
        reason: "identity source missing",
        found: `${missing.map(({ source }) => source).join(" and ")}: missing or empty`,
        wanted: `all of: ${authorization.identity.map(({ source }) => source).join(", ")}`,
        cure: "Send the token where the identity source is. Or change the identity sources: all that are listed must be there, so for “header or query” the list must be empty, and the cache off.",
      };
    }
    case "invalid_token":
      return {
        reason: "validation expression",
        found: `${authorization.identity[0].source} does not match it`,
        wanted: apiOf(api, stage).validation,
        cure: "Send a token that matches as a whole, or change the token validation expression.",
      };
    case "invalid_api_key":
      return {
        reason: "API key",
        found: authorization.cause,
        wanted: "an API key of the usage plan",
        cure: "The policy's usageIdentifierKey must be the value of an API key of the usage plan.",
      };
    case "implicit_deny": {
      // If the function says why it leaves the route out, that says more.
      const step = request.explanation?.decision === "deny" && failedStep(request);
      if (step) return { reason: request.explanation.reason, ...step };
      return {
        reason: "the policy does not name the route",
        found: authorization.arn,
        wanted: "a statement that allows this ARN",
        cure: authorization.cache.use === "hit"
          ? "The policy was cached for another route. It must allow every route that the caller may use."
          : "The policy must allow the ARN of each route that the caller may use.",
      };
    }
    case "malformed":
      return {
        reason: "malformed response",
        found: authorization.cause,
        wanted: "a response as API Gateway documents it",
        cure: "See the JSON of the answer. Context values must be strings, numbers or booleans.",
      };
    case "no_outcome":
      return {
        reason: "no answer from the function",
        found: authorization.cause,
        wanted: "an answer before the time limit",
        cure: "See the function's log on the terminal.",
      };
    default: return undefined;
  }
}

/** The first step of the function's decision that failed. */
const failedStep = ({ explanation }) => explanation?.steps.find(({ outcome }) => outcome === "failed");

const functionRefused = ({ authorization }) =>
  ["unauthorized", "explicit_deny", "not_authorized", "failed"].includes(authorization?.decision);

/** The stations of a request's way: a state, a fact of a few words, and what fills the panel. */
function stationsOf(request) {
  const { authorization, answer, api } = request;
  const decision = authorization?.decision;
  const asked = authorization && typeof authorization.invoked_ms === "number";
  const cached = authorization?.cache.use === "hit";
  const known = asked || cached;
  const simple = authorization?.outcome?.response?.isAuthorized !== undefined;
  const policy = authorization?.outcome?.response?.policyDocument;
  const cacheFacts = {
    off: "off", not_asked: "not asked", miss: "miss", hit: `hit, ${authorization?.cache.age_s} s old`,
  };
  const identity = () => {
    if (!authorization) return ["skip", "not looked for"];
    if (decision === "missing_identity") return ["fail", "missing"];
    return ["pass", authorization.identity.length ? "present" : "none needed"];
  };
  const route = () => {
    if (!known || ["unauthorized", "failed", "no_outcome"].includes(decision)) return ["skip", "not reached"];
    if (decision === "malformed") return ["skip", "not reached"];
    if (decision === "implicit_deny") return ["fail", "no statement matches"];
    if (decision === "explicit_deny") return ["fail", "denied"];
    if (decision === "not_authorized") return ["fail", "not authorized"];
    return ["pass", simple ? "authorized" : "allowed"];
  };
  const authorizer = () => {
    if (!known) return ["skip", "not asked"];
    if (cached) return ["cached", `answer of #${authorization.cache.number}`];
    if (functionRefused(request)) return ["fail", reasonOf(request)];
    if (decision === "no_outcome") return ["fail", "no answer"];
    return ["pass", "allowed"];
  };
  const answered = () => {
    if (!known || !authorization.outcome?.response) return ["skip", known ? "none" : "not reached"];
    if (decision === "malformed") return ["fail", "malformed"];
    const word = simple ? "simple response" : `${policy?.Statement.length} statement${policy?.Statement.length === 1 ? "" : "s"}`;
    return [cached ? "cached" : "pass", word];
  };
  return [
    { name: "Client", state: "pass", fact: API_TITLES[api], panel: clientPanel },
    { name: "Identity", ...pair(identity()), panel: identityPanel },
    { name: "Cache", state: !authorization || authorization.cache.use === "not_asked" ? "skip" : cached ? "cached" : authorization.cache.use === "off" ? "skip" : "pass", fact: authorization ? cacheFacts[authorization.cache.use] : "not asked", panel: cachePanel },
    { name: "Event", state: asked ? "pass" : "skip", fact: asked ? [authorization.event.type, authorization.event.version].filter(Boolean).join(", ") : "not sent", panel: eventPanel },
    { name: "Authorizer", ...pair(authorizer()), panel: authorizerPanel },
    { name: "Policy", ...pair(answered()), panel: policyPanel },
    { name: "Route", ...pair(route()), panel: routePanel },
    { name: "Client gets", state: isAllowed(request) ? "pass" : "fail", fact: String(answer.status), panel: answerPanel },
  ];
}

const pair = ([state, fact]) => ({ state, fact });

/** The station to look at first: the one that failed, or else the authorizer. */
function firstStation(request) {
  const failed = stationsOf(request).findIndex(({ state }) => state === "fail");
  // The route only carries out what the function said. Its reason is at the authorizer.
  if (failed === 6 && request.authorization.decision !== "implicit_deny") return 4;
  if (failed === 7) return request.authorization ? 4 : 7;
  return failed === -1 ? 4 : failed;
}

// --- Panels ---------------------------------------------------------------------------------------

function jsonBlock(title, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const copy = make("button", { type: "button" }, "Copy");
  copy.addEventListener("click", () => copyText(text, copy));
  return make("div", { class: "json" },
    make("div", { class: "bar" }, make("h3", {}, title), copy),
    make("pre", { tabindex: "0", "aria-label": title }, text));
}

function whyCard({ reason, found, wanted, cure }) {
  const entries = [["Found", found], ["Wanted", wanted], ["Cure", cure]].filter(([, text]) => text);
  return make("div", { class: "why-card" },
    make("h3", {}, "Refused: ", make("code", {}, reason)),
    make("dl", {}, ...entries.flatMap(([name, text]) => [
      make("dt", {}, name), make("dd", { class: name.toLowerCase() }, text),
    ])));
}

function factList(entries) {
  return make("dl", {}, ...entries.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

function clientPanel(request) {
  const { method, path, query, headers } = request.request;
  const search = query.map(([name, value]) => `${name}=${value}`).join("&");
  return [
    make("h3", {}, `${method} ${request.api === "websocket" ? apiOf(request.api).url : path}${search && `?${search}`}`),
    factList(headers),
    request.trap ? undefined : jsonBlock("The same request from a shell", commandOf(request)),
  ];
}

function identityPanel(request) {
  const { authorization } = request;
  if (!authorization) return [whyCard(gatewayProblem(request))];
  const problem = authorization.decision === "missing_identity" && whyCard(gatewayProblem(request));
  const text = authorization.identity.length
    ? "API Gateway asks the authorizer only if each of these is in the request and not empty."
    : "This authorizer has no identity sources, so API Gateway asks it about every request.";
  return [
    problem || undefined,
    make("p", {}, text),
    factList(authorization.identity.map(({ source, value }) => [source, value ?? "missing or empty"])),
  ];
}

function cachePanel({ authorization, api, stage, trap }) {
  const ttl = trap?.ttl_s ?? apiOf(api, stage).ttl_s;
  const texts = {
    off: api === "websocket"
      ? "WebSocket APIs do not cache: each handshake asks the authorizer."
      : "The cache is off.",
    not_asked: "The request was refused before API Gateway looked into the cache.",
    miss: `No response was cached for these identity source values. Allow and Deny are now cached for ${ttl} s; an error is not.`,
    hit: `The function was not asked. Its response to request #${authorization?.cache.number} is ${authorization?.cache.age_s} s old, and is used for ${ttl} s. ` +
      (api === "rest" ? "The cached policy is evaluated again for this route." : "A cached simple response counts for each route with the same key."),
  };
  return [
    make("p", {}, authorization ? texts[authorization.cache.use] : texts.not_asked),
    ttl > 0 ? factList(authorization?.identity.map(({ source, value }) => [source, value ?? "–"]) ?? []) : undefined,
  ];
}

function eventPanel({ authorization }) {
  if (!authorization) return [make("p", {}, "There is no event: the request is not for this API.")];
  const asked = typeof authorization.invoked_ms === "number";
  return [
    asked ? undefined : make("p", {}, "The function was not asked. It would have got this event."),
    jsonBlock(asked ? "The event that the function got" : "The event", authorization.event),
  ];
}

function authorizerPanel(request) {
  const { authorization, explanation } = request;
  const shown = [];
  const known = authorization && (typeof authorization.invoked_ms === "number" || authorization.cache.use === "hit");
  if (!known) {
    shown.push(make("p", {}, "API Gateway refused the request without asking the function."));
    const problem = gatewayProblem(request);
    if (problem) shown.push(whyCard(problem));
    return shown;
  }
  if (authorization.cache.use === "hit") {
    shown.push(make("p", {}, `The function was not asked: API Gateway used its response to #${authorization.cache.number}. This is what it would decide now.`));
  }
  const step = failedStep(request);
  if (functionRefused(request) && step) {
    shown.push(whyCard({ reason: explanation.reason ?? step.step, ...step }));
  }
  if (request.explanationError) shown.push(make("p", {}, `There is no explanation: ${request.explanationError}`));
  if (request.trap && !request.trap.real) {
    shown.push(make("p", {}, "Another function answered in place of the authorizer, to show the trap."));
  } else if (!explanation && !request.explanationError) shown.push(make("p", {}, "Asking the function…"));
  if (typeof authorization.invoked_ms === "number") {
    shown.push(make("p", { class: "note" }, `The function answered after ${authorization.invoked_ms.toFixed(1)} ms. Each step of its decision:`));
  }
  if (explanation) shown.push(stepTable(explanation.steps));
  if (authorization.outcome) shown.push(jsonBlock("The function's answer", authorization.outcome.response ?? authorization.outcome));
  if (explanation?.claims) shown.push(jsonBlock("The token's claims", explanation.claims));
  return shown;
}

function stepTable(steps) {
  const marks = { passed: "✓", failed: "✕", skipped: "–", warning: "!" };
  const row = ({ step, outcome, found, wanted }) =>
    make("tr", { class: outcome },
      make("td", { class: "mark" }, make("span", { "aria-hidden": "true" }, marks[outcome]), make("span", { class: "hidden" }, outcome)),
      make("th", { scope: "row" }, step.replaceAll("_", " ")),
      make("td", {}, found ?? ""), make("td", {}, wanted ?? ""));
  return make("table", { class: "steps" },
    make("caption", { class: "hidden" }, "Each step of the function's decision"),
    make("thead", {}, make("tr", {}, make("th", { class: "mark" }, make("span", { class: "hidden" }, "Outcome")),
      ...["Step", "Found", "Wanted"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...steps.map(row)));
}

function policyPanel(request) {
  const { authorization } = request;
  const response = authorization?.outcome?.response;
  if (!response) return [make("p", {}, "The function returned no policy.")];
  const problem = authorization.decision === "malformed" ? whyCard(gatewayProblem(request)) : undefined;
  if (response.isAuthorized !== undefined) {
    return [problem, make("p", {}, "A simple response of an HTTP API: yes or no, without a policy."), jsonBlock("Simple response", response)];
  }
  return [
    problem,
    make("p", {}, "One policy answers each route that the caller uses while it is cached."),
    jsonBlock("Policy", response.policyDocument ?? response),
    response.context ? jsonBlock("Context", response.context) : undefined,
  ];
}

function routePanel(request) {
  const { authorization } = request;
  if (!authorization?.outcome?.response) return [make("p", {}, "There was nothing to evaluate.")];
  if (authorization.outcome.response.isAuthorized !== undefined) {
    return [make("p", {}, "A simple response counts for the route as it is."), factList([["route", authorization.arn]])];
  }
  const { matched, decision } = authorization;
  const texts = {
    allow: "A statement allows this ARN, and none denies it.",
    explicit_deny: "A statement denies this ARN. In IAM, a Deny overrides any Allow.",
    implicit_deny: "No statement is about this ARN. What no statement allows is denied.",
  };
  return [
    decision === "implicit_deny" ? whyCard(gatewayProblem(request)) : undefined,
    make("p", {}, texts[decision] ?? "The response was not evaluated."),
    factList([
      ["requested", authorization.arn],
      ...(matched ? [["matched", matched.resource], ["statement", String(matched.statement + 1)]] : []),
    ]),
  ];
}

function answerPanel(request) {
  const { answer, authorization } = request;
  let body = answer.body;
  try { body = JSON.parse(answer.body); } catch { /* It is not JSON. */ }
  const problem = gatewayProblem(request);
  return [
    problem && !authorization ? whyCard(problem) : undefined,
    make("h3", {}, `HTTP ${answer.status}`),
    factList(answer.headers.filter(([name]) => !name.startsWith("x-local-gateway"))),
    answer.body ? jsonBlock(isAllowed(request) ? "The body: an echo of what the integration gets" : "The body", body) : undefined,
    isAllowed(request) ? jsonBlock("What the integration gets of the authorizer", authorization.context) : undefined,
    !isAllowed(request) && request.api === "websocket"
      ? make("p", {}, "A page in a browser sees only that the WebSocket closed with code 1006, and no status.")
      : undefined,
  ];
}

// --- The same request as a command ----------------------------------------------------------------

const apiOf = (name, stage) => setup.apis.find((api) => api.name === name && (!stage || api.stage === stage));
const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const OWN_HEADERS = ["host", "connection", "upgrade", "content-length", "accept", "user-agent",
  "sec-websocket-version", "sec-websocket-key", "sec-websocket-extensions"];

function commandOf({ api, stage, request }) {
  const search = new URLSearchParams(request.query).toString();
  const path = api === "websocket" ? "" : request.path;
  const url = quote(`${apiOf(api, stage).url}${path}${search && `?${search}`}`);
  const headers = request.headers.filter(([name]) => !OWN_HEADERS.includes(name.toLowerCase()));
  if (api !== "websocket") {
    const method = request.method === "GET" ? [] : ["-X", request.method];
    return ["curl", "-i", ...method, url, ...headers.map(([name, value]) => `\\\n  -H ${quote(`${name}: ${value}`)}`)].join(" ");
  }
  const options = headers.map(([name, value]) =>
    name.toLowerCase() === "sec-websocket-protocol"
      ? value.split(",").map((one) => `\\\n  -s ${quote(one.trim())}`).join(" ")
      : `\\\n  -H ${quote(`${name}: ${value}`)}`);
  return ["wscat", "-c", url, ...options].join(" ");
}

async function copyText(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Could not copy";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

// --- Showing --------------------------------------------------------------------------------------

const VERDICTS = { 101: "connected", 200: "allowed", 400: "bad request", 401: "not authenticated", 403: "not allowed", 500: "error" };

function sentenceOf(request) {
  const { authorization } = request;
  if (isAllowed(request)) {
    return authorization.cache.use === "hit"
      ? "API Gateway let it in with a cached response; the function was not asked."
      : "The function allowed it, and the integration got the caller's context.";
  }
  const problem = gatewayProblem(request);
  if (problem) return problem.found;
  const step = failedStep(request);
  return step ? `${step.found}.` : authorization.cause;
}

/** Writes a request into the list, again once its reason is known. */
function addToList(request) {
  const reason = reasonOf(request);
  const why = [];
  if (request.authorization?.cache.use === "hit") why.push(make("span", { class: "tag" }, "cached"), reason ? " · " : "");
  if (reason) why.push(reason);
  if (request.trap) why.push(why.length ? " · " : "", "trap");
  const button = make("button", { type: "button", "data-number": request.number },
    make("span", { class: "api" }, `#${request.number}`),
    make("span", { class: "route" }, `${API_TITLES[request.api]} ${routeOf(request)}`),
    make("span", { class: `status ${isAllowed(request) ? "good" : ""}` }, String(request.answer.status)),
    make("span", { class: "why" }, ...why));
  button.addEventListener("click", () => select(request.number));
  const old = element("requests").querySelector(`[data-number="${request.number}"]`);
  if (!old) return element("requests").prepend(make("li", {}, button));
  button.setAttribute("aria-current", old.getAttribute("aria-current"));
  const hadFocus = document.activeElement === old;
  old.replaceWith(button);
  if (hadFocus) button.focus();
}

function select(number, station) {
  const request = requests.get(number);
  if (!request) return;
  selected = { number, station: station ?? firstStation(request) };
  for (const button of element("requests").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(Number(button.dataset.number) === number));
  }
  explain(request);
  show();
}

/** Asks the function for its explanation, once for each request that it decided. */
async function explain(request) {
  const { authorization, trap } = request;
  if (!authorization || authorization.decision === "missing_identity" || request.asked) return;
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
  const status = request.answer.status;
  const reason = reasonOf(request);
  element("verdict").replaceChildren(
    make("span", { class: `status ${isAllowed(request) ? "good" : ""}` }, `${status} ${VERDICTS[status] ?? ""}`),
    reason ? `: ${reason}` : "");
  element("sentence").textContent = sentenceOf(request);
  element("command").textContent = request.api === "websocket" ? "Copy wscat command" : "Copy curl command";
  element("command").hidden = Boolean(request.trap);
  showTrap(request.trap);
  const stations = stationsOf(request);
  const hadFocus = document.activeElement?.getAttribute("role") === "tab";
  element("stations").replaceChildren(...stations.map(({ name, state, fact }, index) => {
    const button = make("button", {
      type: "button", role: "tab", id: `station-${index}`, class: `station ${state}`,
      "aria-selected": String(index === selected.station), "aria-controls": "panel",
      tabindex: index === selected.station ? "0" : "-1",
    },
      make("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]),
      make("span", { class: "name" }, name),
      make("span", { class: "fact" }, fact),
      make("span", { class: "hidden" }, { pass: "passed", fail: "failed", skip: "skipped", cached: "from the cache" }[state]));
    button.addEventListener("click", () => select(selected.number, index));
    return button;
  }));
  if (hadFocus) element(`station-${selected.station}`).focus();
  const panel = element("panel");
  panel.setAttribute("aria-labelledby", `station-${selected.station}`);
  const isWaiting = request.asked && !request.explanation && !request.explanationError;
  panel.setAttribute("aria-busy", String(Boolean(isWaiting)));
  const shown = stations[selected.station].panel(request);
  panel.replaceChildren(...shown.filter(Boolean));
}

function showTrap(trap) {
  element("trap").hidden = !trap;
  if (!trap) return;
  const page = make("code", {}, trap.page);
  element("trap").replaceChildren(
    make("h3", {}, `Trap: ${trap.title}`),
    make("dl", {}, ...[["What happened", trap.what], ["Why", trap.why], ["Cure", trap.cure], ["More", page]]
      .flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
}

element("stations").addEventListener("keydown", ({ key }) => {
  const move = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const count = element("stations").children.length;
  if (move) select(selected.number, (selected.station + move + count) % count);
});
element("command").addEventListener("click", ({ target }) =>
  copyText(commandOf(requests.get(selected.number)), target));
element("requests").addEventListener("keydown", (event) => {
  const item = event.target.closest("li");
  const next = { ArrowDown: item?.nextElementSibling, ArrowUp: item?.previousElementSibling }[event.key];
  if (!next) return;
  event.preventDefault();
  next.firstChild.focus();
  next.firstChild.click();
});

// --- Controls -------------------------------------------------------------------------------------

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

function chosenToken() {
  const { token, text } = form.elements;
  return token.value === "pasted" ? { kind: "pasted", text: text.value } : { kind: token.value };
}

// A WebSocket of this browser. It can send the token as a subprotocol only.
let socket;

element("connect").addEventListener("click", async () => {
  socket?.close();
  socket = undefined;
  const status = element("socket");
  element("talk").hidden = false;
  element("replies").textContent = "";
  status.textContent = "connecting…";
  try {
    const { token } = await post("/token", chosenToken());
    const opened = socket = new WebSocket(apiOf("websocket").url, ["bearer", token]);
    opened.addEventListener("open", () => {
      status.textContent = `open, with the subprotocol ${opened.protocol || "none"}`;
    });
    opened.addEventListener("message", ({ data }) => {
      element("replies").textContent = JSON.stringify(JSON.parse(data), null, 2);
    });
    opened.addEventListener("close", ({ code }) => {
      const hidden = code === 1006 ? " A page sees no more of a refusal." : "";
      if (opened === socket) status.textContent = `closed with code ${code}.${hidden}`;
    });
  } catch (error) {
    status.textContent = error.message;
  }
});
element("close").addEventListener("click", () => socket?.close());
element("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState === WebSocket.OPEN) socket.send(event.target.elements.text.value);
});

document.addEventListener("click", async ({ target }) => {
  const { issuer, cache, trap } = target.dataset ?? {};
  if (trap) {
    element("problem").textContent = "";
    return post("/trap", { id: trap }).catch(({ message }) => (element("problem").textContent = message));
  }
  if (!issuer && !cache) return;
  const body = cache === "advance" ? { action: "advance", seconds: 300 } : { action: issuer ?? cache };
  try {
    await post(issuer ? "/issuer" : "/cache", body);
    element("done").textContent = `Done: ${target.textContent.toLowerCase()}.`;
  } catch (error) {
    element("done").textContent = error.message;
  }
});

function showSetup() {
  element("traps").replaceChildren(...setup.traps.map(({ id, title }) =>
    make("li", {}, make("button", { type: "button", "data-trap": id }, title))));
  const addresses = [
    ...setup.apis.map(({ name, stage, url }) => [`${API_TITLES[name]}, stage ${stage}`, url]),
    ["issuer", setup.issuer_url], ["function", setup.function_url],
  ];
  element("addresses").replaceChildren(...factList(addresses).childNodes);
  const settings = setup.settings.length ? `Your settings: ${setup.settings.join(", ")}. ` : "";
  element("settings").textContent = settings + (setup.trusts_built_in_issuer ? "" :
    "They name an issuer of their own, so the function refuses the built-in issuer's tokens. Use a token of your issuer.");
  if (!setup.trusts_built_in_issuer) form.elements.token.value = "pasted";
}

function listen() {
  const events = new EventSource("/requests");
  events.addEventListener("open", () => {
    element("connection").textContent = "live";
    element("connection").classList.add("live");
  });
  events.addEventListener("error", () => {
    element("connection").textContent = "local-gateway is not running";
    element("connection").classList.remove("live");
  });
  events.addEventListener("run", ({ data }) => {
    if (run && run !== data) location.reload();
    run = data;
  });
  events.addEventListener("request", ({ data }) => {
    const request = JSON.parse(data);
    if (requests.has(request.number)) return;
    requests.set(request.number, request);
    addToList(request);
    element("none").hidden = true;
    // At the start, many come at once. Only the last one of them is shown.
    clearTimeout(selecting);
    selecting = setTimeout(() => (element("follow").checked || !selected) && select(request.number), 20);
    element("announcement").textContent =
      `Request ${request.number}, ${API_TITLES[request.api]} ${routeOf(request)}: ${request.answer.status} ${reasonOf(request) ?? "allowed"}`;
  });
}

setup = await (await fetch("/setup")).json();
showSetup();
showForm();
listen();
