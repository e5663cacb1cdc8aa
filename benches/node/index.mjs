// A typical authorizer for Node, to compare jwks-authorizer with.
//
// AWS's own runtime client, aws-lambda-ric, is a native addon, which is compiled with CMake and libcurl
// when it is installed. The loop below does the same with Node's HTTP client: it asks for an
// invocation, calls the handler and posts the result, on one connection that is kept alive.

import http from 'node:http';
import { JwtRsaVerifier } from 'aws-jwt-verify';

const verifier = JwtRsaVerifier.create({
  issuer: process.env.ISSUER,
  audience: process.env.AUDIENCE,
  jwksUri: process.env.JWKS_URI,
});

async function handler(event) {
  const authorization = event.headers?.Authorization ?? event.headers?.authorization ?? '';
  const [scheme, token] = authorization.split(' ');
  if (scheme.toLowerCase() !== 'bearer' || !token) {
    throw new Error('Unauthorized');
  }
  let claims;
  try {
    claims = await verifier.verify(token);
  } catch {
    throw new Error('Unauthorized');
  }
  return {
    principalId: claims.sub,
    policyDocument: {
      Version: '2012-10-17',
      Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: event.methodArn }],
    },
    context: { sub: claims.sub, scope: claims.scope, iss: claims.iss, exp: claims.exp },
  };
}

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, resource, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const path = `/2018-06-01/runtime/invocation/${resource}`;
    const request = http.request({ host, port, path, method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

for (;;) {
  const { headers, body } = await call('GET', 'next');
  const id = headers['lambda-runtime-aws-request-id'];
  try {
    const answer = await handler(JSON.parse(body));
    await call('POST', `${id}/response`, JSON.stringify(answer));
  } catch (error) {
    const report = { errorType: error.name, errorMessage: error.message, stackTrace: [] };
    await call('POST', `${id}/error`, JSON.stringify(report));
  }
}
