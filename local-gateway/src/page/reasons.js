// Why a request was refused: the reason, what was found and wanted, and the cure.

import { apiOf } from "./state.js";

export const routeOf = ({ api, stage, request }) =>
  api === "websocket" ? "$connect" : `${request.method} ${stage && stage !== "$default" ? `/${stage}` : ""}${request.path}`;

export const isAllowed = (request) => request.authorization?.decision === "allow";

/** Tells whether the request was allowed, and nothing that came after that failed. */
export const isGood = (request) => isAllowed(request) && !integrationProblem(request) && !lacksSubprotocol(request);

/** Tells whether a handshake offered subprotocols and got none, for which clients close the connection. */
export const lacksSubprotocol = ({ answer, request }) =>
  answer.status === 101 && hasHeader(request.headers) && !hasHeader(answer.headers);

const hasHeader = (headers) => headers.some(([name]) => name.toLowerCase() === "sec-websocket-protocol");

/** Names the reason why a request was refused, in a few words. */
export function reasonOf(request) {
  const { authorization, explanation } = request;
  if (!authorization) return request.trap ? "the configuration" : "not for this API";
  switch (authorization.decision) {
    case "allow": return gatewayProblem(request)?.reason;
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
    case "no_outcome": return FAILURES[authorization.failure].reason;
    default: return "malformed response";
  }
}

/** Why the function gave no answer, and what helps. */
const FAILURES = {
  not_permitted: {
    verb: "Failed",
    reason: "no permission to invoke the function",
    wanted: "a permission for API Gateway (apigateway.amazonaws.com) to invoke the function",
    cure: "Add the permission. The function has no log line, because it was not asked.",
    page: "docs/deploy/README.md#the-permission",
  },
  throttled: {
    verb: "Failed",
    reason: "throttled",
    wanted: "a free execution environment, or room for another one",
    cure: "Raise the function's reserved concurrency, or the account's limit of concurrent executions. The function has no log line, because it was not asked.",
    page: "docs/local-gateway.md#execution-environments",
  },
  timeout: {
    verb: "Failed",
    reason: "no answer from the function in time",
    wanted: "an answer before the time limit",
    cure: "See in the function's log on the terminal what it waits for. A longer timeout of the function does not help: API Gateway stopped waiting.",
    page: "docs/errors.md#symptoms",
  },
  init_error: {
    verb: "Failed",
    reason: "the function did not start",
    wanted: "a function that starts",
    cure: "See the function's log on the terminal.",
    page: "docs/errors.md#symptoms",
  },
};

/** Tells whether there is no answer of the function: it was not invoked, was too slow, or ended. */
export const gaveNoAnswer = ({ authorization }) =>
  authorization?.decision === "no_outcome" || /^(Runtime|Sandbox)\./.test(authorization?.outcome?.errorType);

const NO_SUBPROTOCOL = {
  verb: "Failed",
  reason: "no subprotocol",
  found: "an answer without Sec-WebSocket-Protocol",
  wanted: "one of the subprotocols that the client offered",
  cure: "Your $connect backend must answer with Sec-WebSocket-Protocol: bearer, never with the token.",
  page: "docs/websocket.md#browsers-as-a-subprotocol",
};

/** Says where to send the token, so that it is in this identity source. */
function placeOf(source) {
  const [, kind, name] = source.match(/\.(header|querystring)\.(.+)$/) ?? [];
  if (!kind) return `Send the request with ${source}.`;
  return `Send the token in the ${kind === "header" ? "header" : "query parameter"} ${name}.`;
}

const contextOf = (authorization) => authorization.outcome?.response?.context;

/** What API Gateway itself refuses, as the function explains what it refuses. */
export function gatewayProblem(request) {
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
    case "allow": return integrationProblem(request) ?? (lacksSubprotocol(request) ? NO_SUBPROTOCOL : undefined);
    case "missing_identity": {
      const missing = authorization.identity.filter(({ value }) => value === null);
      return {
        reason: "identity source missing",
        found: `${missing.map(({ source }) => source).join(" and ")}: missing or empty`,
        wanted: `all of: ${authorization.identity.map(({ source }) => source).join(", ")}`,
        cure: `${placeOf(missing[0].source)} To accept several places, list no identity source${api === "websocket" ? "" : " and switch the cache off"}.`,
        page: "docs/deploy/README.md#identity-sources",
      };
    }
    case "invalid_token":
      return {
        reason: "validation expression",
        found: `${authorization.identity[0].source} does not match it`,
        wanted: apiOf(api, stage).validation,
        cure: "Send a token that matches as a whole, or change the token validation expression.",
        page: "docs/deploy/README.md#identity-sources",
      };
    case "invalid_api_key":
      return {
        reason: "API key",
        found: authorization.cause,
        wanted: "an API key of the usage plan",
        cure: "The policy's usageIdentifierKey must be the value of an API key of the usage plan.",
        page: "docs/rest-and-http.md#usage-plans",
      };
    case "implicit_deny": {
      // If the function says why it leaves the route out, that says more.
      const step = request.explanation?.decision === "deny" && failedStep(request);
      if (step) return { reason: request.explanation.reason, page: pageOf(request.explanation.reason), ...step };
      return {
        reason: "the policy does not name the route",
        found: authorization.arn,
        wanted: "a statement that allows this ARN",
        cure: authorization.cache.use === "hit"
          ? "The policy was cached for another route. It must allow every route that the caller may use."
          : "The policy must allow the ARN of each route that the caller may use.",
        page: api === "websocket" ? "docs/websocket.md#the-policy" : "docs/rest-and-http.md#what-is-cached",
      };
    }
    case "malformed":
      return {
        reason: "malformed response",
        found: authorization.cause,
        wanted: "a response as API Gateway documents it",
        cure: "See the JSON of the answer. Context values must be strings, numbers or booleans.",
        page: "docs/errors.md#what-the-client-gets",
      };
    case "failed":
      if (!gaveNoAnswer(request)) return undefined;
      return {
        verb: "Failed",
        reason: reasonOf(request),
        found: authorization.outcome.errorMessage,
        wanted: "an answer of the function",
        cure: authorization.lambda?.status === "timeout"
          ? "Raise the function's timeout, or see in its log what it waited for."
          : "See the function's log on the terminal.",
        page: "docs/errors.md#symptoms",
      };
    case "no_outcome": return { found: authorization.cause, ...FAILURES[authorization.failure] };
    default: return undefined;
  }
}

/** How the integration failed, or refused a request that the authorizer let in. */
export function integrationProblem({ api, answer, integration }) {
  if (!integration) return undefined;
  if (integration.error) {
    return {
      verb: "Failed",
      reason: "the integration",
      found: integration.error,
      wanted: 'a proxy response in time, for example {"statusCode": 200, "body": "hello"}',
      cure: "Correct the backend. The authorizer let the request in.",
      page: "docs/local-gateway.md#your-backend",
    };
  }
  if (!answer || answer.status < 400) return undefined;
  return {
    reason: "by the integration",
    found: `The integration answered with the status ${answer.status}.`,
    wanted: api === "websocket" ? "a status of 2xx at $connect, to accept the connection" : undefined,
    cure: "See the backend. The authorizer let the request in.",
  };
}

/** The documentation of a reason code of the function. */
export const pageOf = (reason) => reason && `docs/errors.md#${reason}`;

/** The first step of the function's decision that failed. */
export const failedStep = ({ explanation }) => explanation?.steps.find(({ outcome }) => outcome === "failed");

export const functionRefused = ({ authorization }) =>
  ["unauthorized", "explicit_deny", "not_authorized", "failed"].includes(authorization?.decision);

const VERDICTS = { 101: "connected", 200: "allowed", 400: "bad request", 401: "not authenticated", 403: "not allowed", 500: "error" };

/** Says in a word or two what the client's status means. */
export function verdictOf(request) {
  const { status } = request.answer;
  if (status !== 101 && isGood(request)) return "allowed";
  return VERDICTS[status] ?? (status < 500 ? "refused" : "error");
}

/** Says in a sentence who decided what. The panel has what was found. */
export function sentenceOf(request) {
  const { authorization, integration, trap, answer } = request;
  if (!authorization) {
    return trap ? "API Gateway refused the configuration." : "API Gateway answered before it looked for an authorizer.";
  }
  switch (authorization.decision) {
    case "allow": {
      const who = authorization.cache.use === "hit" ? "A cached response of the function" : "The function";
      if (integration?.error) return `${who} allowed it, but your backend failed: ${integration.error}.`;
      if (integrationProblem(request)) return `${who} allowed it, but your backend answered with the status ${answer.status}.`;
      if (lacksSubprotocol(request)) return `${who} allowed it, but the answer selects no subprotocol, so a browser closes the connection.`;
      return `${who} allowed it. Your backend (the integration) got the claims that the authorizer passes on.`;
    }
    case "missing_identity": return "API Gateway refused it without asking the function, because an identity source is missing.";
    case "invalid_token": return "API Gateway refused it without asking the function, because of the token validation expression.";
    case "invalid_api_key": return "The function allowed it, but not with the value of an API key.";
    case "no_outcome": return "API Gateway got no answer from the function.";
    case "malformed": return "The function answered, but not in the format that API Gateway expects.";
    default: {
      const step = failedStep(request);
      if (step) return `The function refused it. The step that failed: ${step.step.replaceAll("_", " ")}.`;
      return authorization.decision === "implicit_deny" ? "No statement of the function's policy allows this route." : authorization.cause;
    }
  }
}
