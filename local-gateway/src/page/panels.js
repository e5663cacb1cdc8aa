// What the panel shows of each station. Each function returns the panel's elements.

import { commandOf, notesOf, pastableCommand } from "./commands.js";
import { backendPanel } from "./backend.js";
import { asJson, docsLink, factList, jsonBlock, make, withShortTokens } from "./dom.js";
import { failedStep, functionRefused, gatewayProblem, gaveNoAnswer, integrationProblem, lacksSubprotocol, pageOf } from "./reasons.js";
import { apiOf } from "./state.js";
import { inWords } from "./words.js";

function whyCard({ verb = "Refused", reason, found, wanted, cure, page }) {
  const more = page && docsLink(page);
  const entries = [["Found", found], ["Wanted", wanted], ["Cure", cure], ["More", more]].filter(([, text]) => text);
  return make("div", { class: "why-card" },
    make("h3", {}, `${verb}: `, make("code", {}, reason)),
    make("dl", {}, ...entries.flatMap(([name, text]) => [
      make("dt", {}, name), make("dd", { class: name.toLowerCase() }, text),
    ])));
}

export function clientPanel(request) {
  const { method, path, query, headers } = request.request;
  const search = query.map(([name, value]) => `${name}=${value}`).join("&");
  return [
    make("h3", {}, `${method} ${request.api === "websocket" ? apiOf(request.api).url : path}${search && `?${search}`}`),
    factList(headers),
    request.trap ? undefined : jsonBlock("The same request", commandOf(request), {
      note: notesOf(request),
      copied: () => pastableCommand(request),
    }),
  ];
}

export function identityPanel(request) {
  const { authorization } = request;
  if (!authorization) return [whyCard(gatewayProblem(request))];
  const problem = authorization.decision === "missing_identity" && whyCard(gatewayProblem(request));
  const text = authorization.identity.length
    ? "API Gateway asks the authorizer only if each of these is in the request and not empty."
    : "This authorizer has no identity sources, so API Gateway asks it about every request.";
  return [
    problem || undefined,
    make("p", {}, text),
    factList(authorization.identity.map(({ source, value }) => [source, withShortTokens(value ?? "missing or empty")])),
  ];
}

/** For how many seconds the request's API caches responses. */
const ttlOf = ({ api, stage, trap }) => trap?.ttl_s ?? apiOf(api, stage).ttl_s;

/** Says what API Gateway stored after a miss. */
function storedText({ authorization: { decision, outcome } }, ttl) {
  if (decision === "malformed") return "Nothing was stored: API Gateway could not use the function's answer.";
  if (outcome?.response) return `Stored for ${ttl} s. A request with the same key does not reach the function, even if the token expires meanwhile.`;
  return outcome ? "Nothing was stored: the function answered with an error." : "Nothing was stored: the function gave no answer.";
}

export function cachePanel(request) {
  const { authorization, api } = request;
  const ttl = ttlOf(request);
  const texts = {
    off: api === "websocket"
      ? "WebSocket APIs do not cache: each handshake asks the authorizer."
      : "The cache is off.",
    not_asked: "The request was refused before API Gateway looked into the cache.",
    miss: authorization && `No response was stored for this key. ${storedText(request, ttl)}`,
    hit: `The function was not asked. Its response to request #${authorization?.cache.number} is ${authorization?.cache.age_s} s old, and is used for ${ttl} s. ` +
      (api === "rest" ? "The cached policy is evaluated again for this route." : "A cached simple response counts for each route with the same key."),
  };
  return [
    make("p", {}, authorization ? texts[authorization.cache.use] : texts.not_asked),
    ...(ttl > 0 && authorization ? [
      make("h3", {}, "The key: the values of the identity sources"),
      factList(authorization.identity.map(({ source, value }) => [source, withShortTokens(value ?? "–")])),
    ] : []),
  ];
}

export function eventPanel({ authorization }) {
  if (!authorization) return [make("p", {}, "There is no event: the request is not for this API.")];
  const asked = typeof authorization.invoked_ms === "number";
  return [
    asked ? undefined : make("p", {}, "The function was not asked. It would have got this event."),
    jsonBlock(asked ? "The event that the function got" : "The event", authorization.event),
  ];
}

export function authorizerPanel(request) {
  const { authorization, explanation } = request;
  const shown = [];
  const known = authorization && (typeof authorization.invoked_ms === "number" || authorization.cache.use === "hit");
  if (!known || gaveNoAnswer(request)) {
    const text = gaveNoAnswer(request) ? "The function did not get the event." : "API Gateway refused the request without asking the function.";
    if (!known) shown.push(make("p", {}, text));
    const problem = gatewayProblem(request);
    if (problem) shown.push(whyCard(problem));
    if (authorization?.lambda) shown.push(make("p", { class: "note" }, invocationText(authorization.lambda)));
    return shown;
  }
  if (authorization.cache.use === "hit") {
    shown.push(make("p", {}, `The function was not asked: API Gateway used its response to #${authorization.cache.number}. This is what it would decide now.`));
  }
  const step = failedStep(request);
  if (functionRefused(request) && step) {
    shown.push(whyCard({ reason: explanation.reason ?? step.step, page: pageOf(explanation.reason), ...step }));
  }
  if (request.explanationError) shown.push(make("p", {}, `There is no explanation: ${request.explanationError}`));
  if (request.trap && !request.trap.real) {
    shown.push(make("p", {}, "Another function answered in place of the authorizer, to show the trap."));
  } else if (!explanation && !request.explanationError) shown.push(make("p", {}, "Asking the function…"));
  if (typeof authorization.invoked_ms === "number") {
    const text = authorization.lambda ? invocationText(authorization.lambda) : `It answered in ${inWords(authorization.invoked_ms)}.`;
    shown.push(make("p", { class: "note" }, text));
  }
  if (explanation) shown.push(stepTable(explanation.steps));
  if (authorization.outcome) shown.push(jsonBlock("The function's answer", authorization.outcome.response ?? authorization.outcome));
  if (explanation?.claims) shown.push(jsonBlock("The token's claims", explanation.claims));
  return shown;
}

/** Says in which execution environment the function ran, and whether that had to be started or thawed. */
function invocationText({ environment, init_ms: init, frozen_ms: frozen, duration_ms: duration, billed_ms: billed }) {
  let readiness = "was idle, and not frozen";
  if (init !== null) readiness = `was started for this request, a cold start of ${inWords(init)}`;
  else if (frozen !== null) readiness = `was thawed, ${inWords(frozen)} after it had been frozen`;
  return `Execution environment ${environment} ${readiness}. The function ran for ${inWords(duration)}; Lambda would bill ${billed} ms.`;
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

export function policyPanel(request) {
  const { authorization } = request;
  const response = authorization?.outcome?.response;
  if (!response) return [make("p", {}, "The function returned no policy.")];
  const problem = authorization.decision === "malformed" ? whyCard(gatewayProblem(request)) : undefined;
  if (response.isAuthorized !== undefined) {
    return [problem, make("p", {}, "A simple response of an HTTP API: yes or no, without a policy."), jsonBlock("Simple response", response)];
  }
  return [
    problem,
    ttlOf(request) > 0 ? make("p", {}, "While this policy is cached, it decides about every route that the caller uses, not only this one.") : undefined,
    jsonBlock("Policy", response.policyDocument ?? response),
    response.context ? jsonBlock("Context", response.context) : undefined,
  ];
}

/** Lists what a policy allows. */
const allowedBy = ({ Statement: statements }) =>
  [statements].flat().filter(({ Effect: effect }) => effect === "Allow").flatMap(({ Resource: resource }) => resource);

export function routePanel(request) {
  const { authorization } = request;
  if (!authorization?.outcome?.response) return [make("p", {}, "There was nothing to evaluate.")];
  if (authorization.outcome.response.isAuthorized !== undefined) {
    return [make("p", {}, "A simple response counts for the route as it is."), factList([["route", authorization.arn]])];
  }
  const { matched, decision } = authorization;
  const texts = {
    allow: "A statement allows this ARN (AWS's name of this route), and none denies it.",
    explicit_deny: "A statement denies this ARN (AWS's name of this route). In IAM, a Deny overrides any Allow.",
    implicit_deny: "No statement is about this ARN (AWS's name of this route). What no statement allows is denied.",
  };
  return [
    decision === "implicit_deny" ? whyCard(gatewayProblem(request)) : undefined,
    make("p", {}, texts[decision] ?? "The response was not evaluated."),
    factList([
      ["requested", authorization.arn],
      ...(decision === "implicit_deny" ? [["allowed", allowedBy(authorization.outcome.response.policyDocument).join(", ") || "nothing"]] : []),
      ...(matched ? [["matched", matched.resource], ["statement", String(matched.statement + 1)]] : []),
    ]),
  ];
}

/** Shows the integration of a request, or of an event of a connection. */
export function integrationPanel(record) {
  const { integration, authorization } = record;
  if (!integration) return [make("p", {}, "The integration is what is behind the API. It was not asked.")];
  const { event, response, duration_ms: duration } = integration;
  const problem = integrationProblem(record);
  return [
    problem && whyCard(problem),
    make("p", {}, "The integration is what is behind the API: your backend, or by default an echo, which answers with the event that it got."),
    make("p", { class: "note" }, `It answered in ${inWords(duration)}.`),
    authorization?.context ? jsonBlock(`What the authorizer tells it, in requestContext.authorizer${event.version === "2.0" ? ".lambda" : ""}`, authorization.context) : undefined,
    jsonBlock("The event that it got", event),
    response === null ? undefined : jsonBlock("Its response", response),
  ];
}

export function answerPanel(request) {
  const { answer, authorization, api, trap } = request;
  const problem = gatewayProblem(request);
  return [
    problem && (!authorization || lacksSubprotocol(request)) ? whyCard(problem) : undefined,
    make("h3", {}, `HTTP ${answer.status}`),
    factList(answer.headers.filter(([name]) => !name.startsWith("x-local-gateway"))),
    answer.body ? jsonBlock("The body", asJson(answer.body)) : undefined,
    api === "websocket" && answer.status !== 101
      ? make("p", {}, "A page in a browser sees only that the WebSocket closed with code 1006: neither the status nor the body.")
      : undefined,
    ...(api === "websocket" && answer.status === 101 && !trap ? backendPanel(request) : []),
  ];
}
