// Tests that AWS's own client for @connections works with local-gateway's WebSocket API: the authorizer
// lets a client in, and a backend reaches it.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PayloadTooLargeException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { WebSocket } from "ws";

/** A step that takes longer than this has failed. */
const TIMEOUT_MS = 30_000;

let gateway;
/** The URL of the WebSocket API. */
let url;
let token;

before(async () => {
  gateway = spawn(process.env.LOCAL_GATEWAY, ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: gateway.stdout });
  for await (const line of lines) {
    url ??= line.match(/^WebSocket API +(\S+)$/)?.[1];
    token ??= line.match(/^TOKEN=(\S+)$/)?.[1];
    if (url && token) break;
  }
  assert.ok(url && token, "local-gateway ended before it printed an address and a token");
  gateway.stdout.resume();
});

after(async () => {
  const exited = once(gateway, "exit");
  gateway.kill("SIGINT");
  await exited;
});

const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

/** Connects, and returns the connection with its ID. */
async function connect() {
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } });
  await once(socket, "open");
  socket.send(JSON.stringify({ action: "hello" }));
  const { requestContext } = JSON.parse((await once(socket, "message"))[0]);
  assert.equal(requestContext.routeKey, "hello");
  assert.ok(requestContext.authorizer.principalId);
  return { socket, ConnectionId: requestContext.connectionId };
}

function backend() {
  return new ApiGatewayManagementApiClient({
    region: "eu-west-1",
    endpoint: url.replace("ws:", "http:"),
    credentials: { accessKeyId: "any", secretAccessKey: "any" },
  });
}

scenario("a backend sends, asks, and closes", async () => {
  const { socket, ConnectionId } = await connect();
  const client = backend();

  const received = once(socket, "message");
  await client.send(new PostToConnectionCommand({ ConnectionId, Data: "from the backend" }));
  assert.equal(String((await received)[0]), "from the backend");

  const connection = await client.send(new GetConnectionCommand({ ConnectionId }));
  assert.equal(connection.Identity.SourceIp, "127.0.0.1");
  assert.ok(connection.ConnectedAt instanceof Date);
  assert.ok(connection.LastActiveAt >= connection.ConnectedAt);

  const closed = once(socket, "close");
  await client.send(new DeleteConnectionCommand({ ConnectionId }));
  assert.equal((await closed)[0], 1000);
  await assert.rejects(client.send(new GetConnectionCommand({ ConnectionId })), GoneException);
  await assert.rejects(
    client.send(new PostToConnectionCommand({ ConnectionId, Data: "late" })),
    GoneException,
  );
});

scenario("a message over 128 kB does not reach the client", async () => {
  const { socket, ConnectionId } = await connect();
  const post = (size) => backend().send(new PostToConnectionCommand({ ConnectionId, Data: "a".repeat(size) }));
  await assert.rejects(post(128 * 1024 + 1), PayloadTooLargeException);
  const received = once(socket, "message");
  await post(128 * 1024);
  assert.equal((await received)[0].length, 128 * 1024);
  socket.close();
});

scenario("a connection is gone after its client closes it", async () => {
  const { socket, ConnectionId } = await connect();
  const client = backend();
  await client.send(new GetConnectionCommand({ ConnectionId }));
  const closed = once(socket, "close");
  socket.close(1000);
  await closed;
  await assert.rejects(client.send(new GetConnectionCommand({ ConnectionId })), GoneException);
});

scenario("a request without a signature is refused", async () => {
  const { socket, ConnectionId } = await connect();
  const endpoint = `${url.replace("ws:", "http:")}/@connections/${encodeURIComponent(ConnectionId)}`;
  const response = await fetch(endpoint);
  assert.equal(response.status, 403);
  assert.deepEqual(await response.json(), { message: "Missing Authentication Token" });
  socket.close();
});
