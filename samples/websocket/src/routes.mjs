// What the sample API's routes do. It stores nothing: API Gateway keeps the
// authorizer's context for as long as the connection lives, and hands it to
// every route in `requestContext.authorizer`, each value as a string.

/**
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

  // A browser that offered subprotocols drops the connection unless one of them
  // comes back. It is the marker that does, never the token beside it. A client
  // that offered none must get none.
  function accept({ subprotocol }) {
    if (subprotocol === undefined) {
      return { statusCode: 200 };
    }
    return { statusCode: 200, headers: { "Sec-WebSocket-Protocol": subprotocol } };
  }

  // API Gateway asks the authorizer at $connect only, and a connection may live
  // for two hours, so whoever cares about the token's end looks for it here.
  async function answer(connectionId, authorizer) {
    // Put so that an exp that is no number counts as past.
    if (!(now() < Number(authorizer.exp) * 1000)) {
      await unlessGone(send(connectionId, { error: "the token has expired" }));
      await unlessGone(disconnect(connectionId));
      return { statusCode: 401 };
    }
    await unlessGone(send(connectionId, { authorizer }));
    return { statusCode: 200 };
  }
}

/** Lets a client leave while it is being answered. */
async function unlessGone(sent) {
  try {
    await sent;
  } catch (error) {
    if (error.name !== "GoneException") {
      throw error;
    }
  }
}
