// The sample's Lambda function. The SDK is part of Lambda's Node.js runtime.

import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";

import { createHandler } from "./routes.mjs";

const client = new ApiGatewayManagementApiClient({ endpoint: process.env.MANAGEMENT_ENDPOINT });

export const handler = createHandler({
  send: (connectionId, message) =>
    client.send(
      new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.stringify(message) }),
    ),
  disconnect: (connectionId) =>
    client.send(new DeleteConnectionCommand({ ConnectionId: connectionId })),
  now: Date.now,
});
