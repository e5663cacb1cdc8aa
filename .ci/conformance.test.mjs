// Invokes the functions of local-gateway/conformance.yaml, in place of Lambda.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const { responses } = JSON.parse(readFileSync("local-gateway/tests/cases.json", "utf8"));

// Returns the handler of a function whose code is in the template. `modules` are what it may require.
function handlerOf(name, modules = {}) {
  const template = readFileSync("local-gateway/conformance.yaml", "utf8");
  const [, code] = template.match(new RegExp(`\n  ${name}:\n[^]*?InlineCode: \\|\n((?: {8}.*\n|\n)+)`));
  const module = { exports: {} };
  new Function("exports", "require", code)(module.exports, (name) => modules[name]);
  return module.exports.handler;
}

const stub = (event) => handlerOf("Stub")(event, { awsRequestId: "id" });

test("the stub returns the response that the credential names, with the invocation's ID", async () => {
  for (const [name, response] of Object.entries(responses)) {
    const credential = name.includes(",") ? name : `${name}.mark`;
    const invoked = stub({ authorizationToken: credential });
    if (response?.error) {
      await assert.rejects(invoked, { message: response.error });
    } else if (response === null) {
      assert.equal(await invoked, null);
    } else {
      const context = { ...response.context, invocation: "id" };
      assert.deepEqual(await invoked, { ...response, context });
    }
  }
});

test("the stub finds the credential in each kind of event", async () => {
  for (const event of [
    { authorizationToken: "simple_deny" },
    { headers: { authorization: "simple_deny" }, queryStringParameters: { token: "t" } },
    { headers: { Authorization: "simple_deny" } },
    { headers: null, queryStringParameters: { token: "simple_deny" } },
  ]) {
    assert.equal((await stub(event)).isAuthorized, false);
  }
  await assert.rejects(stub({ headers: {}, queryStringParameters: null }), { message: "Unauthorized" });
  await assert.rejects(stub({ authorizationToken: "toString" }), { message: /^no response/ });
});

test("the echo answers each kind of API with its event", async () => {
  const sent = [];
  class ApiGatewayManagementApi {
    constructor({ endpoint }) { this.endpoint = endpoint; }
    async postToConnection(message) { sent.push([this.endpoint, message]); }
  }
  const echo = handlerOf("Echo", { "@aws-sdk/client-apigatewaymanagementapi": { ApiGatewayManagementApi } });
  const request = { requestContext: { authorizer: { sub: "alice" } } };
  assert.deepEqual(JSON.parse((await echo(request)).body), request);

  const connect = (authorizer) => echo({ requestContext: { routeKey: "$connect", connectionId: "c", authorizer } });
  assert.deepEqual(await connect({ subprotocol: "bearer" }), { statusCode: 200, headers: { "Sec-WebSocket-Protocol": "bearer" } });
  assert.deepEqual(await connect({}), { statusCode: 200, headers: undefined });

  const message = { requestContext: { routeKey: "$default", connectionId: "c", domainName: "d", stage: "prod" } };
  assert.deepEqual(await echo(message), { statusCode: 200 });
  assert.deepEqual(sent, [["https://d/prod", { ConnectionId: "c", Data: JSON.stringify(message) }]]);
});
