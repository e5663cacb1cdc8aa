//! The message at the start: addresses, tokens and client commands to copy.

use local_gateway::authorizer::Refusal;
use local_gateway::request::Request;
use local_gateway::stack::Stack;
use local_gateway::stage::Stage;
use local_gateway::tokens;

use crate::settings::Settings;

/// Writes the message. `page` is the page's URL, and `integration` is what the user puts behind each API.
///
/// The user's settings may make the function refuse the built-in issuer's tokens. The authorizer of the
/// WebSocket API shows whether it accepts them. If not, the message has no tokens.
pub(crate) async fn write(
    page: &str,
    stack: &Stack,
    settings: &Settings,
    integration: Option<&str>,
) -> String {
    let addresses = addresses(page, stack, integration);
    let end =
        format!("\nOpen {page} in a browser. Press Ctrl-C to stop. The function's log follows.\n");
    if settings.is_empty() {
        return format!("{addresses}{}{end}", with_tokens(stack));
    }
    let handshake = Request::handshake().bearer(&tokens::valid(&stack.issuer));
    let authorization = stack.websocket_authorizer.authorize(0, &handshake).await;
    let message = match authorization.decision {
        Ok(_) => with_tokens(stack),
        // The token is good, but the rules do not allow `$connect`, for example route rules for paths.
        Err(
            Refusal::ExplicitDeny
            | Refusal::ImplicitDeny
            | Refusal::NotAuthorized
            | Refusal::InvalidApiKey,
        ) => format!(
            "\nWith these settings, the function refused a good token at $connect with HTTP 403.\n{}",
            with_tokens(stack)
        ),
        Err(Refusal::MissingIdentity | Refusal::InvalidToken | Refusal::Unauthorized) => {
            without_tokens(stack, 401)
        }
        Err(Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_)) => {
            without_tokens(stack, 500)
        }
    };
    format!("\n{}{addresses}{message}{end}", settings.summary())
}

fn addresses(page: &str, stack: &Stack, integration: Option<&str>) -> String {
    let second_of = |stages: &mut dyn Iterator<Item = (String, Stage)>| {
        stages.nth(1).map(|(url, _)| url).unwrap_or_default()
    };
    format!(
        "
page            {page}
WebSocket API   {websocket}
  @connections  {connections}
REST API        {rest}
  TOKEN         {token}
HTTP API        {http}
  payload 1.0   {payload_1}
integration     {integration}
function        {function}
issuer          {issuer}
key set         {key_set}
",
        websocket = stack.websocket_api.url(),
        connections = stack.websocket_api.url().replacen("ws:", "http:", 1),
        rest = stack.rest_api.url(),
        token = second_of(&mut stack.rest_api.stages()),
        http = stack.http_api.url(),
        payload_1 = second_of(&mut stack.http_api.stages()),
        integration = integration
            .unwrap_or("an echo: each API answers with the event that a function would get"),
        function = stack.invoke_api.url(),
        issuer = stack.issuer.url(),
        key_set = stack.issuer.key_set_url(),
    )
}

fn with_tokens(stack: &Stack) -> String {
    let issuer = &stack.issuer;
    let valid = tokens::valid(issuer);
    format!(
        "
# Tokens. Copy these lines into a shell:
TOKEN={valid}
EXPIRED={expired}
OTHER_AUDIENCE={other_audience}
{clients}",
        expired = tokens::expired(issuer),
        other_audience = tokens::for_another_audience(issuer),
        clients = clients(stack, &valid),
    )
}

fn without_tokens(stack: &Stack, status: u16) -> String {
    format!(
        "
With these settings, the function does not accept the built-in issuer's tokens:
it refused one with HTTP {status}. The log below says why.

# Set this to a token that your settings accept:
TOKEN=
{clients}",
        clients = clients(stack, "TOKEN"),
    )
}

/// Writes the client commands. A browser has no shell variables, so it gets the `token` itself.
fn clients(stack: &Stack, token: &str) -> String {
    let url = stack.websocket_api.url();
    let (rest, http) = (stack.rest_api.url(), stack.http_api.url());
    let function = stack.invoke_api.url();
    let http_url = url.replacen("ws:", "http:", 1);
    format!(
        r#"
# Clients, after you set TOKEN:
curl -i {rest}/orders -H "Authorization: Bearer $TOKEN"
curl -i {http}/orders -H "Authorization: Bearer $TOKEN"
websocat {url} -H "Authorization: Bearer $TOKEN"
wscat -c {url} -H "Authorization: Bearer $TOKEN"
wscat -c {url} -s bearer -s "$TOKEN"
curl -i --max-time 2 {http_url} -H "Authorization: Bearer $TOKEN" \
  -H "Connection: Upgrade" -H "Upgrade: websocket" \
  -H "Sec-WebSocket-Version: 13" -H "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

// In a browser's console. Browsers cannot set headers on a WebSocket; the token is a subprotocol:
socket = new WebSocket("{url}", ["bearer", "{token}"]);
socket.onmessage = (message) => console.log(JSON.parse(message.data));
socket.onopen = () => socket.send("hello");

# The function itself, for a diagnosis:
curl {function}/2015-03-31/functions/jwks-authorizer/invocations -d '{{"type":"CHECK"}}'
"#
    )
}
