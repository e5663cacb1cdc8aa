exports.handler = async (event, { awsRequestId }) => {
  const headers = Object.entries(event.headers ?? {});
  const header = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1];
  const credential = event.authorizationToken ?? header ?? event.queryStringParameters?.token;
  if (credential === undefined) throw new Error("Unauthorized");
  const [name] = credential.split(".");
  if (!Object.hasOwn(responses, name)) throw new Error(`no response is named ${name}`);
  const response = responses[name];
  if (response?.error) throw new Error(response.error);
  return response && { ...response, context: { ...response.context, invocation: awsRequestId } };
};
