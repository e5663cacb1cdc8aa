// Why a request was refused: the reason, what was found and wanted, and the cure.

import { apiOf } from "./state.js";

export const routeOf = ({ api, stage, request }) =>
  api === "websocket" ? "$connect" : `${request.method} ${stage && stage !== "$default" ? `/${stage}` : ""}${request.path}`;

export const isAllowed = (request) => request.authorization?.decision === "allow";

/** Tells whether the request was allowed, and the integration did not refuse it or fail. */
export const isGood = (request) => isAllowed(request) && !integrationProblem(request);

/** Names the reason why a request was refused, in a few words. */
export function reasonOf(request) {
  const { authorization, explanation } = request;
  if (!authorization) return request.trap ? "the configuration" : "not for this API";
  switch (authorization.decision) {
    case "allow": return integrationProblem(request)?.reason;
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
    wanted: "a statement in the function's resource-based policy for this authorizer",
    cure: "Allow lambda:InvokeFunction to apigateway.amazonaws.com, with the authorizer's SourceArn.",
    page: "docs/deploy/README.md#the-permission",
  },
  throttled: {
    verb: "Failed",
    reason: "throttled",
    wanted: "a free execution environment, or room for another one",
    cure: "Raise the function's reserved concurrency, or the account's limit of concurrent executions.",
    page: "docs/local-gateway.md#execution-environments",
  },
  timeout: {
    verb: "Failed",
    reason: "no answer from the function in time",
    wanted: "an answer before the time limit",
    cure: "See what the function waits for: its log is on the terminal.",
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
    case "allow": return integrationProblem(request);
    case "missing_identity": {
      const missing = authorization.identity.filter(({ value }) => value === null);
      return {
        reason: "identity source missing",
        found: `${missing.map(({ source }) => source).join(" and ")}: missing or empty`,
        wanted: `all of: ${authorization.identity.map(({ source }) => source).join(", ")}`,
        cure: "Send the token where the identity source is. Or change the identity sources: all that are listed must be there, so for “header or query” the list must be empty, and the cache off.",
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

export function sentenceOf(request) {
  const { authorization } = request;
  if (isGood(request)) {
    return authorization.cache.use === "hit"
      ? "API Gateway let it in with a cached response; the function was not asked."
      : "The function allowed it, and the integration got the caller's context.";
  }
  const problem = gatewayProblem(request);
  if (problem) return problem.found;
  const step = failedStep(request);
  return step ? `${step.found}.` : authorization.cause;
}
