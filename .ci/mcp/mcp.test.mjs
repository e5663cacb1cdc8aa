// Tests that the MCP SDK's client finds its way from a 401 to a tool call: the authorizer behind
// local-gateway's REST API, an MCP server as its backend, and an OpenID provider with dynamic
// registration. Each test prints its transcript: every request of the client, and its response.
//
// https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import Provider from "oidc-provider";
import { z } from "zod";

/** A step that takes longer than this has failed. */
const TIMEOUT_MS = 30_000;
const SCOPES = ["mcp:read", "mcp:tools"];
/** Where a client gets its code. Nothing listens there: the tests read the code from the URL. */
const REDIRECT_URI = "http://127.0.0.1:9/callback";

const cleanups = [];
/** Runs `cleanup` at the end, before those that were added earlier. */
const atEnd = (cleanup) => cleanups.unshift(cleanup);

let issuer;
let api;
/** The scopes that the user grants. */
let granted;

before(async () => {
  issuer = await startIssuer();
  api = await startApi(await startMcpServer());
});

after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

scenario("from the 401 to a tool call", async (t) => {
  granted = SCOPES;
  const user = new User();
  await assert.rejects(user.connect(), UnauthorizedError);
  await user.logIn();
  const client = await user.connect();
  assert.deepEqual(await client.callTool({ name: "greet", arguments: { name: "Ada" } }), {
    content: [{ type: "text", text: "Hello, Ada" }],
  });
  user.show(t);
  const challenge = `Bearer resource_metadata="${api}/.well-known/oauth-protected-resource/mcp"`;
  const document = `GET ${api}/.well-known/oauth-protected-resource/mcp -> 200`;
  const provider = `GET ${issuer}/.well-known/oauth-authorization-server -> 200`;
  assert.deepEqual(user.transcript, [
    `POST ${api}/mcp initialize -> 401, WWW-Authenticate: ${challenge}`,
    document,
    provider,
    `POST ${issuer}/reg -> 201`,
    `browser: ${issuer}/auth with scope=mcp:read mcp:tools, resource=${api}/mcp, S256 -> code`,
    document,
    provider,
    `POST ${issuer}/token -> 200`,
    `POST ${api}/mcp initialize with a token -> 200`,
    `POST ${api}/mcp notifications/initialized with a token -> 202`,
    `POST ${api}/mcp tools/call with a token -> 200`,
  ]);
});

scenario("a scope that is missing, until the user grants it", async (t) => {
  granted = ["mcp:read"];
  const user = new User();
  await assert.rejects(user.connect(), UnauthorizedError);
  await user.logIn();
  // The client reads the scope from the 403 and asks the user again.
  await assert.rejects(user.connect(), UnauthorizedError);
  const refused = user.transcript.find((line) => line.includes("-> 403"));
  assert.equal(
    refused,
    `POST ${api}/mcp initialize with a token -> 403, WWW-Authenticate: Bearer error="insufficient_scope", ` +
      `scope="mcp:read mcp:tools", resource_metadata="${api}/.well-known/oauth-protected-resource/mcp"`,
  );
  granted = SCOPES;
  await user.logIn();
  const client = await user.connect();
  const { content } = await client.callTool({ name: "greet", arguments: { name: "Bo" } });
  assert.equal(content[0].text, "Hello, Bo");
  user.show(t);
});

scenario("a token of another resource does not get in", async (t) => {
  granted = SCOPES;
  const user = new User();
  await assert.rejects(user.connect(), UnauthorizedError);
  // The user's client asks for another resource, and sends the token here.
  user.url.searchParams.set("resource", `${api}/other`);
  user.resource = `${api}/other`;
  await user.logIn();
  await assert.rejects(user.connect());
  user.show(t);
  assert.ok(user.transcript.some((line) => line.startsWith(`POST ${api}/mcp initialize with a token -> 401`)));
});

scenario("the example server of docs/deploy/mcp.yaml serves the client", async () => {
  const template = await readFile(new URL("../../docs/deploy/mcp.yaml", import.meta.url), "utf8");
  const code = template.match(/InlineCode: \|\n((?: {8}.*\n)+)/)[1];
  const server = {};
  new Function("exports", code)(server);
  const transport = new StreamableHTTPClientTransport(new URL(`${api}/mcp`), {
    fetch: async (_, { method, body }) => {
      const requestContext = { authorizer: { principalId: "alice" } };
      const answer = await server.handler({ httpMethod: method, body, requestContext });
      return new Response(answer.body || null, { status: answer.statusCode, headers: answer.headers });
    },
  });
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(transport);
  assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), ["whoami"]);
  const { content } = await client.callTool({ name: "whoami" });
  assert.equal(content[0].text, "You are alice.");
  await assert.rejects(client.request({ method: "other" }, z.any()), /Method not found/);
  await client.close();
});

scenario("the document is what the authorizer enforces", async () => {
  for (const path of ["", "/mcp"]) {
    const response = await fetch(`${api}/.well-known/oauth-protected-resource${path}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    assert.deepEqual(await response.json(), {
      resource: `${api}/mcp`,
      authorization_servers: [issuer],
      scopes_supported: SCOPES,
      bearer_methods_supported: ["header"],
    });
  }
});

/** A user with an MCP client, which keeps its registration and its tokens between connections. */
class User {
  transcript = [];
  redirectUrl = REDIRECT_URI;
  clientMetadata = {
    client_name: "test",
    redirect_uris: [REDIRECT_URI],
    application_type: "native",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code"],
    response_types: ["code"],
  };

  // What the SDK asks of an OAuthClientProvider.
  clientInformation = () => this.registration;
  saveClientInformation = (registration) => (this.registration = registration);
  tokens = () => this.saved;
  saveTokens = (tokens) => (this.saved = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => (this.verifier = verifier);
  redirectToAuthorization = (url) => (this.url = url);

  /** Connects a client. Fails if the user has to log in first. */
  async connect() {
    const url = new URL(`${api}/mcp`);
    this.transport = new StreamableHTTPClientTransport(url, {
      authProvider: this,
      fetch: (url, init) => this.#fetch(url, init),
    });
    const client = new Client({ name: "test", version: "1.0.0" });
    await client.connect(this.transport);
    atEnd(() => client.close());
    return client;
  }

  /** Follows the client's authorization URL in a browser, and gives the client the code. */
  async logIn() {
    const { searchParams, origin, pathname } = this.url;
    const code = await browse(this.url);
    this.transcript.push(
      `browser: ${origin}${pathname} with scope=${searchParams.get("scope")}, ` +
        `resource=${searchParams.get("resource")}, ${searchParams.get("code_challenge_method")} -> code`,
    );
    await this.transport.finishAuth(code);
  }

  async #fetch(url, init = {}) {
    const form = init.body instanceof URLSearchParams ? init.body : undefined;
    if (this.resource && form?.has("resource")) form.set("resource", this.resource);
    const response = await fetch(url, init);
    // The stream that a client may open beside its calls comes at any time, and there is none here.
    if (url.pathname === "/mcp" && init.method === "GET") return response;
    const isCall = url.pathname === "/mcp" && init.method === "POST";
    const call = isCall ? ` ${JSON.parse(init.body).method}` : "";
    const token = new Headers(init.headers).has("authorization") ? " with a token" : "";
    const challenge = response.headers.get("www-authenticate");
    const header = challenge ? `, WWW-Authenticate: ${challenge}` : "";
    this.transcript.push(
      `${init.method ?? "GET"} ${url}${call}${token} -> ${response.status}${header}`,
    );
    return response;
  }

  show(t) {
    t.diagnostic(["", ...this.transcript].join("\n  "));
  }
}

/** Follows redirects with cookies, like a browser, up to the client's redirect URI. Returns the code. */
async function browse(url) {
  const cookies = new Map();
  while (true) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    assert.ok(location, `${url} answered ${response.status}: ${await response.text()}`);
    url = new URL(location, url);
    if (url.href.startsWith(REDIRECT_URI)) {
      assert.ok(url.searchParams.has("code"), url.href);
      return url.searchParams.get("code");
    }
  }
}

/** Starts an OpenID provider whose user logs in at once, and grants `granted`. Returns its issuer. */
async function startIssuer() {
  const server = createServer();
  const issuer = `http://127.0.0.1:${await listen(server)}`;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), kid: "key-1", alg: "RS256", use: "sig" };
  const provider = new Provider(issuer, {
    jwks: { keys: [key] },
    cookies: { keys: ["not a secret"] },
    scopes: SCOPES,
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: SCOPES.join(" "),
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  const respond = provider.callback();
  server.on("request", (request, response) => {
    if (!request.url.startsWith("/interaction/")) return respond(request, response);
    interact(provider, request, response).catch((error) => response.writeHead(500).end(`${error}`));
  });
  return issuer;
}

/** Does what the user does at the provider: logs in, and grants some of the scopes. */
async function interact(provider, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  let result;
  if (prompt.name === "login") {
    result = { login: { accountId: "alice" } };
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    // A scope that the provider knows by itself needs a grant of its own.
    for (const scope of params.scope.split(" ")) {
      if (granted.includes(scope)) {
        grant.addOIDCScope(scope);
        grant.addResourceScope(params.resource, scope);
      } else {
        grant.rejectOIDCScope(scope);
        grant.rejectResourceScope(params.resource, scope);
      }
    }
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

/** Starts an MCP server with one tool, and without any authorization. Returns its address. */
async function startMcpServer() {
  const server = createServer(async (request, response) => {
    // Nothing streams through a REST API, so there is no SSE stream to offer.
    if (request.method !== "POST") return response.writeHead(405, { Allow: "POST" }).end();
    const mcp = new McpServer({ name: "greeter", version: "1.0.0" });
    mcp.registerTool("greet", { inputSchema: { name: z.string() } }, ({ name }) => ({
      content: [{ type: "text", text: `Hello, ${name}` }],
    }));
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    await mcp.connect(transport);
    await transport.handleRequest(request, response);
  });
  return `127.0.0.1:${await listen(server)}`;
}

/** Starts local-gateway's REST API in front of `backend`. Returns its URL. */
async function startApi(backend) {
  const env = {
    ...process.env,
    AUTHORIZER_ISSUER: issuer,
    AUTHORIZER_REQUIRED_SCOPES: SCOPES.join(","),
  };
  const child = spawn(process.env.LOCAL_GATEWAY, ["rest", backend, SCOPES.join(" ")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  atEnd(() => {
    child.kill("SIGINT");
    return exited;
  });
  const lines = createInterface({ input: child.stdout });
  let log = "";
  for await (const line of lines) {
    log += `${line}\n`;
    const url = line.match(/^REST API +(\S+)$/)?.[1];
    if (!url) continue;
    // The log goes on, and nobody may stop reading it.
    child.stdout.resume();
    return url;
  }
  throw new Error(`local-gateway ended:\n${log}`);
}

/** Listens on a free port of loopback until the end. Returns the port. */
async function listen(server) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return server.address().port;
}
