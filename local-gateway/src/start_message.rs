//! The message at the start: addresses, tokens and client commands to copy.

use local_gateway::issuer::Issuer;
use local_gateway::stack::Stack;

use crate::client::{self, Credential, Received};
use crate::settings::Settings;
use crate::{Failure, tokens};

/// Writes the message.
///
/// The user's settings may make the function refuse the built-in issuer's tokens. A connection shows
/// whether it accepts them. If not, the message has no tokens.
pub(crate) async fn write(stack: &Stack, settings: &Settings) -> Result<String, Failure> {
    let url = stack.websocket_api.url();
    if settings.is_empty() {
        return Ok(with_tokens(&url, &stack.issuer));
    }
    let credential = Credential::Header(tokens::valid(&stack.issuer));
    let received = client::connect(stack, credential).await.map_err(Failure::Check)?;
    let message = match received {
        Received::Connection { .. } => with_tokens(&url, &stack.issuer),
        Received::HttpError { status, .. } => without_tokens(&url, status),
    };
    Ok(format!("\nSettings from the environment: {}\n{message}", settings.names()))
}

fn with_tokens(url: &str, issuer: &Issuer) -> String {
    let valid = tokens::valid(issuer);
    format!(
        "
WebSocket API   {url}
issuer          {issuer_url}
key set         {key_set_url}

# Tokens. Copy these lines into a shell:
TOKEN={valid}
EXPIRED={expired}
OTHER_AUDIENCE={other_audience}
{clients}",
        issuer_url = issuer.url(),
        key_set_url = issuer.key_set_url(),
        expired = tokens::expired(issuer),
        other_audience = tokens::for_another_audience(issuer),
        clients = clients(url, &valid),
    )
}

fn without_tokens(url: &str, status: u16) -> String {
    format!(
        "
WebSocket API   {url}

With these settings, the function does not accept the built-in issuer's tokens:
it refused one with HTTP {status}. The log below says why.

# Set this to a token that your settings accept:
TOKEN=
{clients}",
        clients = clients(url, "TOKEN"),
    )
}

/// Writes the client commands. A browser has no shell variables, so it gets the `token` itself.
fn clients(url: &str, token: &str) -> String {
    let http_url = url.replacen("ws:", "http:", 1);
    format!(
        r#"
# Clients, after you set TOKEN:
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

The API answers each message with the event that a function behind it would receive.
Press Ctrl-C to stop. The function's log follows.
"#
    )
}
