// The routes of the sample API. They store nothing: API Gateway keeps the
// authorizer's context while the connection is open, and passes it to every
// route in `requestContext.authorizer`. Each value is a string.

/**
 * Returns the Lambda handler.
 *
 * @param {object} connections
 * @param {(connectionId: string, message: object) => Promise<unknown>} connections.send
 * @param {(connectionId: string) => Promise<unknown>} connections.disconnect
 * @param {() => number} connections.now milliseconds since the epoch
 */
export function createHandler({ send, disconnect, now }) {
  return async ({ requestContext }) => {
    const { routeKey, connectionId, authorizer = {} } = requestContext;
    switch (routeKey) {
      case "$connect":
        return accept(authorizer);
      case "$disconnect":
        return { statusCode: 200 };
      default:
        return answer(connectionId, authorizer);
    }
  };

  // A browser that offered subprotocols closes the connection unless the response
  // has one of them. `subprotocol` is the marker, never the token. If the client
  // offered none, the response must have none.
  function accept({ subprotocol }) {
    if (subprotocol === undefined) {
      return { statusCode: 200 };
    }
    return { statusCode: 200, headers: { "Sec-WebSocket-Protocol": subprotocol } };
  }

  // API Gateway asks the authorizer at $connect only, and a connection may stay
  // open for two hours. So the routes check the token's expiry.
  async function answer(connectionId, authorizer) {
    // Written so that the token counts as expired if exp is not a number.
    if (!(now() < Number(authorizer.exp) * 1000)) {
      await ignoreIfGone(send(connectionId, { error: "the token has expired" }));
      await ignoreIfGone(disconnect(connectionId));
      return { statusCode: 401 };
    }
    await ignoreIfGone(send(connectionId, { authorizer }));
    return { statusCode: 200 };
  }
}

/** Ignores the error that the client has disconnected. */
async function ignoreIfGone(sent) {
  try {
    await sent;
  } catch (error) {
    if (error.name !== "GoneException") {
      throw error;
    }
  }
}
