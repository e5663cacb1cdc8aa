//! What the program prints once everything runs: addresses, tokens and clients to paste.

use local_gateway::issuer::Issuer;
use local_gateway::stack::Stack;

use crate::client::{self, Offer, Seen};
use crate::settings::Settings;
use crate::{Failure, tokens};

/// Writes what to paste where.
///
/// Settings of the user's may make the function refuse the built-in issuer's tokens, so it is asked
/// before they are offered.
pub(crate) async fn write(stack: &Stack, settings: &Settings) -> Result<String, Failure> {
    let url = stack.websocket_api.url();
    if settings.is_empty() {
        return Ok(with_tokens(&url, &stack.issuer));
    }
    let offer = Offer::Header(tokens::valid(&stack.issuer));
    let seen = client::connect(stack, offer).await.map_err(Failure::Check)?;
    let invitation = match seen {
        Seen::Open { .. } => with_tokens(&url, &stack.issuer),
        Seen::Refused { status, .. } => without_tokens(&url, status),
    };
    Ok(format!("\nFrom the environment: {}\n{invitation}", settings.names()))
}

fn with_tokens(url: &str, issuer: &Issuer) -> String {
    let valid = tokens::valid(issuer);
    format!(
        "
WebSocket API   {url}
issuer          {issuer_url}
key set         {key_set_url}

# Tokens, to paste into a shell:
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

With these settings, the function does not accept the built-in issuer's tokens, so none is printed:
it refused one with HTTP {status}. The log below says why.

# A token that your settings accept, to paste into a shell:
TOKEN=
{clients}",
        clients = clients(url, "TOKEN"),
    )
}

/// `token` is for the browser, which does not know the shell's variables.
fn clients(url: &str, token: &str) -> String {
    let http_url = url.replacen("ws:", "http:", 1);
    format!(
        r#"
# Clients:
websocat {url} -H "Authorization: Bearer $TOKEN"
wscat -c {url} -H "Authorization: Bearer $TOKEN"
wscat -c {url} -s bearer -s "$TOKEN"
curl -i --max-time 2 {http_url} -H "Authorization: Bearer $TOKEN" \
  -H "Connection: Upgrade" -H "Upgrade: websocket" \
  -H "Sec-WebSocket-Version: 13" -H "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

// In a browser's console. Browsers cannot set headers on a WebSocket, so the token is a subprotocol:
socket = new WebSocket("{url}", ["bearer", "{token}"]);
socket.onmessage = (message) => console.log(JSON.parse(message.data));
socket.onopen = () => socket.send("hello");

The API answers each message with the event that a function behind it would receive.
The function's log follows. Ctrl-C stops everything.
"#
    )
}
