// The stations of a request's way, as the page draws them.

import {
  answerPanel, authorizerPanel, cachePanel, clientPanel, eventPanel, identityPanel, policyPanel, routePanel,
} from "./panels.js";
import { functionRefused, isAllowed, reasonOf } from "./reasons.js";
import { API_TITLES } from "./state.js";

/** The stations of a request's way: a state, a fact of a few words, and what fills the panel. */
export function stationsOf(request) {
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
export function firstStation(request) {
  const failed = stationsOf(request).findIndex(({ state }) => state === "fail");
  // The route only carries out what the function said. Its reason is at the authorizer.
  if (failed === 6 && request.authorization.decision !== "implicit_deny") return 4;
  if (failed === 7) return request.authorization ? 4 : 7;
  return failed === -1 ? 4 : failed;
}
