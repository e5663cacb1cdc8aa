//! A SAM template of the table's APIs, with the stub as the authorizer and an echo behind them.
//!
//! APIs that need API keys are not in it: SAM chooses their values itself. Nor are those that only cases
//! of the real function use.
//!
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html>

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::table::{Api, Function, Table};
use crate::cache::DEFAULT_TTL;
use crate::events::STAGE;

/// The identity source that tells routes apart, so that each request needs a route of its own.
const ROUTE_KEY: &str = "$context.routeKey";

const HEAD: &str = r#"# Generated from tests/cases.json. To write it again:
# cargo run -p local-gateway -- conformance --template > local-gateway/conformance.yaml
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Description: The APIs to which `local-gateway conformance` sends its cases. They have no data.

Globals:
  Function: { Runtime: nodejs24.x, Handler: index.handler, Timeout: 10 }
  Api: { EndpointConfiguration: { Type: REGIONAL } }

Resources:
"#;

const ECHO: &str = r"
  # Responds with its event.
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Policies:
        - Statement:
            - Effect: Allow
              Action: execute-api:ManageConnections
              Resource: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*
";

/// Returns the template.
#[must_use]
pub fn sam(table: &Table) -> String {
    let is_of_stub = |name: &str| {
        table.cases.iter().any(|case| case.api == name && case.function == Function::Stub)
    };
    let apis =
        || table.apis.iter().filter(|(name, api)| api.api_keys.is_empty() && is_of_stub(name));
    let mut template = String::from(HEAD);
    for (name, api) in apis() {
        template += &resource(name, api);
    }
    template += "\n  # Returns the response that the credential names.\n";
    template +=
        "  Stub:\n    Type: AWS::Serverless::Function\n    Properties:\n      InlineCode: |\n";
    template += "        const responses = {\n";
    for (name, response) in &table.responses {
        let _ = writeln!(template, "          {}: {response},", json!(name));
    }
    template += "        };\n";
    template += &indented(include_str!("stub.js"));
    template += ECHO;
    template += "      InlineCode: |\n";
    template += &indented(include_str!("echo.js"));
    template += "      Events:\n";
    for (name, api) in apis() {
        template += &events(name, api);
    }
    template += "\n# The arguments of `conformance`.\nOutputs:\n";
    for (name, api) in apis() {
        let (scheme, stage) = match api.kind.as_str() {
            "websocket" => ("wss", STAGE),
            "rest" => ("https", STAGE),
            _ => ("https", ""),
        };
        let host = format!("${{{name}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}");
        let _ = writeln!(
            template,
            "  {name}: {{ Value: !Sub \"--url {name}={scheme}://{host}/{stage}\" }}"
        );
    }
    template
}

fn indented(code: &str) -> String {
    let lines = code.lines().map(|line| match line {
        "" => String::from("\n"),
        line => format!("        {line}\n"),
    });
    lines.collect()
}

fn resource(name: &str, api: &Api) -> String {
    let head = |kind| format!("  {name}:\n    Type: AWS::Serverless::{kind}\n    Properties:\n");
    match api.kind.as_str() {
        "websocket" => format!(
            "{}      RouteSelectionExpression: $request.body.action\n      \
             StageName: {STAGE}\n      \
             Auth: {{ AuthType: CUSTOM, AuthArn: !GetAtt Stub.Arn, IdentitySource: {} }}\n      \
             Routes:\n        \
             $connect: {{ FunctionArn: !GetAtt Echo.Arn }}\n        \
             $default: {{ FunctionArn: !GetAtt Echo.Arn }}\n",
            head("WebSocketApi"),
            json!(api.identity_sources),
        ),
        "rest" => {
            let payload = api.authorizer.as_deref().unwrap_or("REQUEST");
            let properties = format!("FunctionPayloadType: {payload}");
            let mut text = format!("{}      StageName: {STAGE}\n", head("Api"));
            if !api.gateway_responses.is_empty() {
                let _ = writeln!(text, "      GatewayResponses: {}", gateway_responses(api));
            }
            text + &auth(&properties, &identity(api))
        }
        _ => {
            let (format, simple) = match api.authorizer.as_deref() {
                Some("1.0") => ("1.0", false),
                Some(_) => ("2.0", false),
                None => ("2.0", true),
            };
            let properties = format!(
                "AuthorizerPayloadFormatVersion: \"{format}\", EnableSimpleResponses: {simple}, \
                 EnableFunctionDefaultPermissions: true"
            );
            head("HttpApi") + &auth(&properties, &identity(api))
        }
    }
}

fn auth(properties: &str, identity: &Value) -> String {
    format!(
        "      Auth:\n        DefaultAuthorizer: Stub\n        Authorizers:\n          \
         Stub: {{ FunctionArn: !GetAtt Stub.Arn, {properties}, Identity: {identity} }}\n"
    )
}

/// Returns SAM's `Identity` of an authorizer.
fn identity(api: &Api) -> Value {
    let ttl = api.ttl_seconds.unwrap_or(DEFAULT_TTL.as_secs());
    let mut identity = Map::from_iter([(String::from("ReauthorizeEvery"), json!(ttl))]);
    let is_token = api.authorizer.as_deref() == Some("TOKEN");
    for source in &api.identity_sources {
        let Some((place, name)) = source.rsplit_once('.') else { continue };
        let list = match place.rsplit('.').next() {
            Some("header") if is_token => {
                identity.insert(String::from("Header"), json!(name));
                continue;
            }
            Some("header") => "Headers",
            Some("querystring") => "QueryStrings",
            _ => "Context",
        };
        if let Value::Array(names) = identity.entry(list).or_insert_with(|| json!([])) {
            names.push(json!(name));
        }
    }
    if let Some(validation) = &api.validation {
        identity.insert(String::from("ValidationExpression"), json!(validation));
    }
    identity.into()
}

/// Returns the gateway responses in SAM's form, which has headers in a map of their own.
fn gateway_responses(api: &Api) -> Value {
    let responses = api.gateway_responses.iter().map(|(name, response)| {
        let mut properties = Map::new();
        if let Some(status) = response.get("statusCode") {
            properties.insert(String::from("StatusCode"), status.clone());
        }
        if let Some(Value::Object(parameters)) = response.get("responseParameters") {
            let prefix = "gatewayresponse.header.";
            let headers: Map<_, _> = parameters
                .iter()
                .map(|(name, value)| (name.trim_start_matches(prefix).to_owned(), value.clone()))
                .collect();
            properties.insert(String::from("ResponseParameters"), json!({ "Headers": headers }));
        }
        if let Some(templates) = response.get("responseTemplates") {
            properties.insert(String::from("ResponseTemplates"), templates.clone());
        }
        (name.clone(), Value::Object(properties))
    });
    Value::Object(responses.collect())
}

/// Returns the events of the echo for an API, one for each route.
fn events(name: &str, api: &Api) -> String {
    let event = |id: &str, kind: &str, properties: &str| {
        format!("        {id}: {{ Type: {kind}, Properties: {{ {properties} }} }}\n")
    };
    match api.kind.as_str() {
        // Its routes name the function.
        "websocket" => String::new(),
        "rest" => event(
            name,
            "Api",
            &format!("RestApiId: !Ref {name}, Path: \"/{{proxy+}}\", Method: any"),
        ),
        _ if api.identity_sources.iter().any(|source| source == ROUTE_KEY) => {
            let routes = [("Get", "GET"), ("Delete", "DELETE")].map(|(id, method)| {
                let route = format!("ApiId: !Ref {name}, Path: /orders, Method: {method}");
                event(&format!("{name}{id}"), "HttpApi", &route)
            });
            routes.concat()
        }
        // Every request has the route `$default`.
        _ => event(name, "HttpApi", &format!("ApiId: !Ref {name}")),
    }
}
