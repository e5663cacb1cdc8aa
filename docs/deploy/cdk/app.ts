// A WebSocket API with jwks-authorizer. First, build the function in the project's root:
//
//   cargo lambda build --release --arm64
//
// Then, in this directory, run
//
//   npm ci --ignore-scripts
//   npx aws-cdk deploy -c issuer=https://… -c audience=…

import { App } from "aws-cdk-lib";

import { WebSocketStack } from "./websocket-stack.js";

const app = new App();

function optional(name: string): string | undefined {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === "string" ? value : undefined;
}

function required(name: string): string {
  const value = optional(name);
  if (value === undefined || value === "") {
    throw new Error(`${name} is not set. Pass it with -c ${name}=…`);
  }
  return value;
}

new WebSocketStack(app, "JwksAuthorizer", {
  package: optional("package") ?? "../../../target/lambda/jwks-authorizer",
  settings: {
    ISSUER: required("issuer"),
    AUDIENCE: required("audience"),
    // Add further settings here, for example REQUIRED_SCOPES: "chat:connect".
  },
  alarmTopicArn: optional("alarmTopicArn"),
});

app.synth();
