// Tests the WebSocket client of the sample in headless Chromium, against the authorizer behind
// local-gateway.
//
// A relay between the browser and local-gateway counts the handshakes and cuts connections.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import { before, beforeEach, test } from "node:test";
import { TIMEOUT_MS, atEnd, readUntil, start, startBrowser } from "./chromium.mjs";

const CLIENT = new URL("../samples/websocket/client/", import.meta.url);
let gateway;
let relay;
let browser;

before(async () => {
  gateway = await startGateway();
  relay = await startRelay(gateway.url);
  browser = await startBrowser(await servePage());
});

beforeEach(() => (relay.handshakes = 0));

const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

scenario("connects with a good token, and the backend replies", async () => {
  assert.deepEqual(await run([gateway.token]), [
    "getToken",
    "open with subprotocol bearer",
    "reply to hello for alice",
    "closed",
  ]);
  assert.equal(relay.handshakes, 1);
});

scenario("stops after a new token is refused too", async () => {
  assert.deepEqual(await run([gateway.otherAudience]), [
    "getToken",
    "wait after 1006",
    "getToken, renew",
    "stop after 1006",
  ]);
  assert.equal(relay.handshakes, 2);
});

scenario("connects with a new token after a refused one", async () => {
  assert.deepEqual(await run([gateway.otherAudience, gateway.token]), [
    "getToken",
    "wait after 1006",
    "getToken, renew",
    "open with subprotocol bearer",
    "reply to hello for alice",
    "closed",
  ]);
  assert.equal(relay.handshakes, 2);
});

scenario("renews an expired token before the handshake", async () => {
  assert.deepEqual(await run([gateway.expired, gateway.token]), [
    "getToken",
    "getToken, renew",
    "open with subprotocol bearer",
    "reply to hello for alice",
    "closed",
  ]);
  assert.equal(relay.handshakes, 1);
});

scenario("reconnects after a drop", async () => {
  assert.deepEqual(await run([gateway.token], { drop: true }), [
    "getToken",
    "open with subprotocol bearer",
    "wait after 1006",
    "getToken",
    "open with subprotocol bearer",
    "reply to hello for alice",
    "closed",
  ]);
  assert.equal(relay.handshakes, 2);
});

scenario("the page sends and receives", async () => {
  const log = await browser.run(function (url, token) {
    const element = (id) => document.getElementById(id);
    element("url").value = url;
    element("token").value = token;
    element("text").value = "hello";
    element("connection").requestSubmit();
    return new Promise((resolve) => {
      new MutationObserver(() => {
        const log = element("log").textContent;
        if (log.endsWith("closed\n")) resolve(log);
        else if (log.includes('"body":"hello"')) element("close").click();
        else element("message").requestSubmit();
      }).observe(element("log"), { childList: true });
    });
  }, relay.url, gateway.token);
  assert.match(log, /^open, subprotocol bearer\n\{.*"body":"hello".*\}\nclosed\n$/);
});

/**
 * Lets the client connect with `tokens`: each call of `getToken` takes the next one, the last one
 * again and again. With `drop`, the relay cuts the first connection. Returns what happened.
 */
function run(tokens, { drop = false } = {}) {
  return browser.run(async function (url, tokens, drop) {
    const { connect } = await import("/client.mjs");
    const events = [];
    return new Promise((resolve) => {
      const client = connect({
        url,
        getToken: async ({ renew }) => {
          events.push(renew ? "getToken, renew" : "getToken");
          return tokens.length > 1 ? tokens.shift() : tokens[0];
        },
        onOpen: (socket) => {
          events.push(`open with subprotocol ${socket.protocol}`);
          if (drop) fetch("/drop", { method: "POST" });
          else client.send("hello");
          drop = false;
        },
        onMessage: ({ data }) => {
          const { body, requestContext } = JSON.parse(data);
          events.push(`reply to ${body} for ${requestContext.authorizer.sub}`);
          client.close();
          events.push("closed");
          resolve(events);
        },
        onWait: ({ code }) => events.push(`wait after ${code}`),
        onStop: ({ code }) => resolve([...events, `stop after ${code}`]),
      });
    });
  }, relay.url, tokens, drop);
}

/** Starts local-gateway. Reads the URL and the tokens that it prints. */
async function startGateway() {
  const lines = start(process.env.LOCAL_GATEWAY, [], "SIGINT");
  const message = await readUntil(lines, /^OTHER_AUDIENCE=/);
  const find = (pattern) => message.match(pattern)[1];
  return {
    url: new URL(find(/^WebSocket API +(\S+)$/m)),
    token: find(/^TOKEN=(\S+)$/m),
    expired: find(/^EXPIRED=(\S+)$/m),
    otherAudience: find(/^OTHER_AUDIENCE=(\S+)$/m),
  };
}

/** Starts a TCP relay to `target`. The browser makes one TCP connection for each handshake. */
async function startRelay(target) {
  const sockets = new Set();
  const server = createTcpServer((client) => {
    relay.handshakes += 1;
    const upstream = connectTcp(target.port, target.hostname);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from);
      from.on("error", () => {}).on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const url = `ws://127.0.0.1:${await listen(server)}${target.pathname}`;
  const drop = () => sockets.forEach((socket) => socket.destroy());
  atEnd(drop);
  return { url, drop, handshakes: 0 };
}

/** Serves the sample's page. `POST /drop` cuts the connections of the relay. Returns the URL. */
async function servePage() {
  const files = { "/": ["index.html", "text/html"], "/client.mjs": ["client.mjs", "text/javascript"] };
  const server = createHttpServer(async ({ method, url }, response) => {
    if (method === "POST" && url === "/drop") {
      relay.drop();
      return response.writeHead(204).end();
    }
    if (!(url in files)) return response.writeHead(404).end();
    const [name, type] = files[url];
    response.writeHead(200, { "Content-Type": type }).end(await readFile(new URL(name, CLIENT)));
  });
  return `http://127.0.0.1:${await listen(server)}/`;
}

/** Listens on a free port of loopback until the end. Returns the port. */
async function listen(server) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(() => {
    server.close();
    server.closeAllConnections?.();
  });
  return server.address().port;
}
