//! The message at the start: addresses, tokens and client commands to copy.

use local_gateway::stack::Stack;
use local_gateway::tokens;

use crate::Failure;
use crate::client::{self, Credential, Received};
use crate::settings::Settings;

/// Writes the message. `page` is the page's URL.
///
/// The user's settings may make the function refuse the built-in issuer's tokens. A connection shows
/// whether it accepts them. If not, the message has no tokens.
pub(crate) async fn write(
    page: &str,
    stack: &Stack,
    settings: &Settings,
) -> Result<String, Failure> {
    let addresses = addresses(page, stack);
    if settings.is_empty() {
        return Ok(format!("{addresses}{}", with_tokens(stack)));
    }
    let credential = Credential::Header(tokens::valid(&stack.issuer));
    let received = client::connect(stack, credential).await.map_err(Failure::Check)?;
    stack.recorder.clear();
    let message = match received {
        Received::Connection { .. } => with_tokens(stack),
        // The token is good, but the rules do not allow `$connect`, for example route rules for paths.
        Received::HttpError { status: 403, .. } => format!(
            "\nWith these settings, the function refused a good token at $connect with HTTP 403.\n{}",
            with_tokens(stack)
        ),
        Received::HttpError { status, .. } => without_tokens(stack, status),
    };
    Ok(format!("\n{}{addresses}{message}", settings.summary()))
}

fn addresses(page: &str, stack: &Stack) -> String {
    format!(
        "
page            {page}
WebSocket API   {websocket}
REST API        {rest}
HTTP API        {http}
function        {function}
issuer          {issuer}
key set         {key_set}
",
        websocket = stack.websocket_api.url(),
        rest = stack.rest_api.url(),
        http = stack.http_api.url(),
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

Each API answers with the event that a function behind it would receive.
Press Ctrl-C to stop. The function's log follows.
"#
    )
}
