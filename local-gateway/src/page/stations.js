// The stations of a request's way, as the page draws them.

import {
  answerPanel, authorizerPanel, cachePanel, clientPanel, eventPanel, identityPanel, integrationPanel, policyPanel,
  routePanel,
} from "./panels.js";
import { functionRefused, integrationProblem, isAllowed, isGood, lacksSubprotocol, reasonOf, routeOf, sentenceOf, verdictOf } from "./reasons.js";
import { API_TITLES } from "./state.js";
import { inWords } from "./words.js";

/** How the page shows a request. */
export function viewOfRequest(request) {
  const stations = stationsOf(request);
  const { answer, authorization, trap, api } = request;
  const reason = reasonOf(request);
  return {
    title: `${API_TITLES[api]} ${routeOf(request)}`,
    status: String(answer.status),
    isGood: isGood(request),
    isCached: authorization?.cache.use === "hit",
    why: [reason, trap && "trap"].filter(Boolean).join(" · "),
    verdict: `${answer.status} ${verdictOf(request)}`,
    reason,
    sentence: sentenceOf(request),
    canCopy: !trap,
    stations,
    first: firstStation(request, stations),
  };
}

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
    if (decision === "no_outcome") return ["fail", asked ? "no answer" : "not invoked"];
    if (!known) return ["skip", "not asked"];
    if (cached) return ["cached", `answer of #${authorization.cache.number}`];
    if (functionRefused(request)) return ["fail", reasonOf(request)];
    return ["pass", authorization.lambda?.cold_start ? "allowed, cold start" : "allowed"];
  };
  const answered = () => {
    if (!known || !authorization.outcome?.response) return ["skip", known ? "none" : "not reached"];
    if (decision === "malformed") return ["fail", "malformed"];
    const word = simple ? "simple response" : `${policy?.Statement.length} statement${policy?.Statement.length === 1 ? "" : "s"}`;
    return [cached ? "cached" : "pass", word];
  };
  return [
    { name: "Client", state: "pass", fact: API_TITLES[api], panel: clientPanel },
    { name: "Identity source", ...pair(identity()), panel: identityPanel },
    { name: "Cache", state: !authorization || authorization.cache.use === "not_asked" ? "skip" : cached ? "cached" : authorization.cache.use === "off" ? "skip" : "pass", fact: authorization ? cacheFacts[authorization.cache.use] : "not asked", panel: cachePanel },
    { name: "Event", state: asked ? "pass" : "skip", fact: asked ? [authorization.event.type, authorization.event.version].filter(Boolean).join(", ") : "not sent", panel: eventPanel },
    { name: "Authorizer", ...pair(authorizer()), panel: authorizerPanel },
    { name: "Policy", ...pair(answered()), panel: policyPanel },
    { name: "Route", ...pair(route()), panel: routePanel },
    { name: "Integration", ...integrationStation(request), panel: integrationPanel },
    { name: "Client gets", state: isGood(request) ? "pass" : "fail", fact: lacksSubprotocol(request) ? `${answer.status}, no subprotocol` : String(answer.status), panel: answerPanel },
  ];
}

const pair = ([state, fact]) => ({ state, fact });

/** Shows what the integration did with a request, or with an event of a connection. */
export function integrationStation(record) {
  const { integration } = record;
  if (!integration) return { state: "skip", fact: "not reached" };
  if (integration.error) return { state: "fail", fact: "failed" };
  if (integrationProblem(record)) return { state: "fail", fact: "refused" };
  return { state: "pass", fact: inWords(integration.duration_ms) };
}

/** Finds the station to look at first: the one that failed, or else the authorizer. */
function firstStation(request, stations) {
  const at = (name) => stations.findIndex((station) => station.name === name);
  const { name } = stations.find(({ state }) => state === "fail") ?? {};
  // The route only carries out what the function said. Its reason is at the authorizer.
  if (name === "Route" && request.authorization.decision !== "implicit_deny") return at("Authorizer");
  if (name !== "Client gets") return at(name ?? "Authorizer");
  if (isAllowed(request)) return at(lacksSubprotocol(request) ? name : "Integration");
  return at(request.authorization ? "Authorizer" : name);
}
