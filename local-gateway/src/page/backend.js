// What a backend can do with an open connection: @connections.

import { docsLink, jsonBlock, make, post } from "./dom.js";
import { apiOf, requests } from "./state.js";

/** The code of a backend that sends a message to the connection. */
const codeFor = (id) => `import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

const client = new ApiGatewayManagementApiClient({
  endpoint: ${JSON.stringify(apiOf("websocket").url.replace(/^ws/, "http"))},
  region: "eu-west-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
});
await client.send(new PostToConnectionCommand({ ConnectionId: ${JSON.stringify(id)}, Data: "hello" }));
`;

/** Shows how a backend reaches the client of this handshake, as long as the connection is open. */
export function backendPanel({ number, authorization }) {
  const id = authorization.event.requestContext.connectionId;
  const events = [...requests.values()].filter(({ connection }) => connection?.handshake === number);
  const end = events.find(({ event_type: type }) => type === "DISCONNECT");
  if (end) return [make("p", {}, `The connection ${id} is closed: see #${end.number} in the list.`)];
  const problem = make("p", { role: "alert" });
  const button = make("button", { type: "button" }, "Disconnect as a backend does");
  button.addEventListener("click", async () => {
    try {
      await post("/disconnect", { id });
    } catch (error) {
      problem.textContent = error.message;
    }
  });
  return [
    make("p", {}, `The connection ${id} is open. A backend can send a message to it, or close it, by `,
      docsLink("docs/local-gateway.md#the-websocket-api", "@connections"), "."),
    make("div", {}, button),
    problem,
    jsonBlock("A backend sends a message, with AWS's JavaScript client", codeFor(id)),
  ];
}
