// What happens on a WebSocket after its handshake: messages, and the end of the connection.

import { asJson, factList, jsonBlock, make } from "./dom.js";
import { integrationPanel } from "./panels.js";
import { integrationProblem } from "./reasons.js";
import { integrationStation } from "./stations.js";
import { CLOSE_CODES } from "./words.js";

/** How the page shows an event of a connection. */
export const viewOfConnection = (event) => (event.event_type === "MESSAGE" ? viewOfMessage(event) : viewOfEnd(event));

const openedBy = ({ connection }) =>
  make("p", {}, `The connection was opened by request #${connection.handshake}. The authorizer was asked there, and is not asked again: its context is in each event.`);

function viewOfMessage(event) {
  const { route, reply } = event;
  const problem = route ? integrationProblem(event) : { reason: "no route" };
  const stations = [
    { name: "Client", state: "pass", fact: "message", panel: messagePanel },
    { name: "Route", state: route ? "pass" : "fail", fact: route ?? "none", panel: selectionPanel },
    { name: "Integration", ...integrationStation(event), panel: integrationPanel },
    { name: "Client gets", state: problem ? "fail" : reply === null ? "skip" : "pass", fact: reply === null ? "nothing" : "a message", panel: replyPanel },
  ];
  return {
    title: `message to ${route ?? "no route"}`,
    status: problem ? "failed" : "ok",
    isGood: !problem,
    why: [problem?.reason, event.trap && "trap"].filter(Boolean).join(" · "),
    verdict: `Message to ${route ?? "no route"}`,
    reason: problem?.reason,
    sentence: "A message on an open connection. API Gateway selects a route for it, and does not ask the authorizer again.",
    stations,
    first: problem ? stations.findIndex(({ state }) => state === "fail") : 2,
  };
}

function viewOfEnd(event) {
  const { disconnectStatusCode: code, disconnectReason: reason } = event.integration.event.requestContext;
  const problem = integrationProblem(event);
  const stations = [
    { name: "Connection", state: "pass", fact: `closed, ${code}`, panel: endPanel },
    { name: "Route", state: "pass", fact: "$disconnect", panel: (event) => [openedBy(event)] },
    { name: "Integration", ...integrationStation(event), panel: integrationPanel },
  ];
  return {
    title: "$disconnect",
    status: String(code),
    isGood: !problem,
    why: [problem?.reason ?? reason, event.trap && "trap"].filter(Boolean).join(" · "),
    verdict: `Disconnected, close code ${code}`,
    reason: problem?.reason,
    sentence: CLOSE_CODES[code] ? `${code}: ${CLOSE_CODES[code]}.` : "The client closed the connection with a code of its own.",
    stations,
    first: problem ? 2 : 0,
  };
}

const messagePanel = (event) => [openedBy(event), jsonBlock("The message", asJson(event.body))];

const selectionPanel = ({ route }) => [
  make("p", {}, "The API's route selection expression is $request.body.action: the value of “action” in the message's JSON is the route. Without such a route, the message goes to $default."),
  factList([["route", route ?? "none, and there is no $default"]]),
];

const replyPanel = ({ reply }) => [
  reply === null
    ? make("p", {}, "The integration answered without a body, so the client gets no message.")
    : jsonBlock("The reply", asJson(reply)),
];

function endPanel(event) {
  const { disconnectStatusCode: code, disconnectReason: reason } = event.integration.event.requestContext;
  return [
    factList([["close code", String(code)], ["meaning", CLOSE_CODES[code] ?? "one of the client's own"], ["reason", reason || "none was given"]]),
    openedBy(event),
  ];
}
