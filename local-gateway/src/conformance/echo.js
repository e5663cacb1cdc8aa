const { ApiGatewayManagementApi } = require("@aws-sdk/client-apigatewaymanagementapi");

exports.handler = async (event) => {
  const { routeKey, connectionId, domainName, stage, authorizer } = event.requestContext;
  const body = JSON.stringify(event);
  if (routeKey === "$connect") {
    const subprotocol = authorizer?.subprotocol;
    return { statusCode: 200, headers: subprotocol && { "Sec-WebSocket-Protocol": subprotocol } };
  }
  if (connectionId) {
    const client = new ApiGatewayManagementApi({ endpoint: `https://${domainName}/${stage}` });
    await client.postToConnection({ ConnectionId: connectionId, Data: body });
    return { statusCode: 200 };
  }
  return { statusCode: 200, headers: { "content-type": "application/json" }, body };
};
