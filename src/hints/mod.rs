//! The usual mistakes behind a refusal, each with its cure.
//!
//! An error says what was found and what was expected. A [`Hint`] adds the mistake that people make to
//! get there. The functions here are called only when a request is refused. They never change its
//! reason.
//!
//! A hint may come from claims that nobody has verified, so a caller can choose which hint is logged.
//! Therefore every hint is a fixed text.

mod claims;
mod event;
pub(crate) mod issuer;
mod scopes;
mod token;

use std::fmt;

pub(crate) use claims::{
    algorithm, audience, clock, missing_audience, missing_client, not_bound, signature, token_type,
    token_use,
};
pub(crate) use event::event;
pub(crate) use issuer::{issuer, small_difference, tenant, with_key_hint};
pub(crate) use scopes::with_scope_hint;
pub(crate) use token::{credential, token};

/// A usual mistake and its cure, as a clause that follows an error's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint(&'static str);

impl Hint {
    /// Returns the text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Shows a hint behind a message: after a semicolon, or not at all.
pub(crate) fn clause(hint: Option<&Hint>) -> impl fmt::Display {
    fmt::from_fn(move |f| hint.map_or(Ok(()), |hint| write!(f, "; {hint}")))
}

/// Makes the hints, and the list of them all, from one table.
macro_rules! hints {
    ($($name:ident = $text:literal;)*) => {
        impl Hint {
            /// Every hint. A test makes the executable log each of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            $(const $name: Self = Self($text);)*
        }
    };
}

hints! {
    // The event.
    CONSOLE_TEST = "it is the example event of the Lambda console: use the event of an API Gateway authorizer";
    REST_INTEGRATION = "the integration of a REST API sends such an event: attach the function as the method's Lambda authorizer, not as its integration";
    HTTP_INTEGRATION = "the integration of an HTTP API, or a function URL, sends such an event: attach the function as the route's Lambda authorizer, not as its integration";
    WEBSOCKET_INTEGRATION = "the integration of a WebSocket API sends such an event: attach the function as the Lambda authorizer of $connect, of type REQUEST, not as an integration";
    NOT_ATTACHED = "is the function attached as an authorizer?";

    // The text of the token.
    EMPTY_TOKEN_EVENT = "the authorizationToken of the TOKEN event is empty: send the header that the authorizer's token source names, or use a REQUEST authorizer, the only type for WebSocket APIs";
    BEARER_MISSING = "the header has a token without \"Bearer\": send \"Bearer\", a space and the token";
    NOT_BEARER = "the header is there, but is not \"Bearer\" and a token";
    BEARER_TWICE = "\"Bearer\" is there twice: the client adds it to a value that has it already, so remove one";
    QUOTES = "there are quotes around the token: remove them";
    LINE_BREAK = "there is a line break or a space in the token: send it on one line";
    NO_VALUE = "the client sends the word \"undefined\" or \"null\": it has no token yet";
    BASE64 = "it has characters of base64 (+, / or =): a JWT is in base64url without padding";
    ENCRYPTED = "it has five parts, so it is encrypted: the client must request an access token for your API (for Auth0, with the parameter audience)";
    OPAQUE = "it has one part, so it is opaque: the client must request an access token for your API (for Auth0, with the parameter audience)";
    GOOGLE_OPAQUE = "it is an access token of Google, which only Google can read: send the ID token";

    // The issuer and its keys.
    SLASH = "only the slash at the end differs: write the setting exactly as the token has it";
    CASE = "only upper and lower case differ: write the setting exactly as the token has it";
    SCHEME = "only the scheme differs: the issuer must write its https URL into iss";
    NO_SCHEME = "only https:// is missing: the issuer must write its whole URL into iss";
    GOOGLE_ISSUER = "Google documents this form of iss too, but only https://accounts.google.com is accepted: get the token from Google Identity Services";
    ENTRA_V1 = "this is a v1.0 token of Entra ID, and the settings are for v2.0 tokens: set requestedAccessTokenVersion to 2 in the API's app registration";
    ENTRA_V2 = "this is a v2.0 token of Entra ID, and the settings are for v1.0 tokens: set AUTHORIZER_ISSUER to the issuer of v2.0, which ends in /v2.0";
    ENTRA_TENANT = "iss has the id of the Entra ID tenant, never its name, \"common\" or \"organizations\": set AUTHORIZER_ISSUER with your tenant's id";
    MICROSOFT_GRAPH = "the token is for Microsoft Graph, and only Microsoft can verify it: the client must request a scope of your API";
    OKTA_ORG = "the token is from Okta's org authorization server, and only Okta can verify it: request it from a custom authorization server, for example /oauth2/default";
    OTHER_HOST = "only the host differs: get the token from the configured environment, or configure the host that your issuer writes into iss";
    OTHER_INSTANCE = "the same service has issued it, but for another tenant, realm, user pool, project or authorization server: get the token from the configured one";
    OTHER_SIGNER = "the key with the token's kid did not sign it: the issuer has replaced the key and kept its kid, another server has signed the token, or the token was changed; compare the keys, which jwks-authorizer check and explain show";
    SHARED_SECRET = "it is signed with a shared secret, which is never accepted: configure the issuer to sign with a key pair, for example by RS256";

    TENANT_CASE = "only upper and lower case of the tenant differ: write AUTHORIZER_TENANTS exactly as the token has it";
    OTHER_TENANT = "its tenant is not in AUTHORIZER_TENANTS: add it there if its users may enter";

    // The claims.
    CLOCK = "the issuer's clock is probably ahead: correct it, or set AUTHORIZER_LEEWAY_SECONDS to this difference";
    MILLISECONDS = "the issuer writes milliseconds, but times in a JWT are in seconds";
    ID_TOKEN = "this is an ID token, which is for the client: send the access token";
    OTHER_CLIENT = "this is an ID token for another client: if the client is yours, add it to AUTHORIZER_AUDIENCE";
    ACCESS_TOKEN = "this is an access token, and the settings are for ID tokens: send the ID token, or change the settings";
    OTHER_CLIENT_CLAIM = "the client is in cid (Okta) or appid (Entra ID, v1.0), which AUTHORIZER_CLIENT_IDS does not read: use AUTHORIZER_REQUIRED_CLAIMS for it";
    NOT_BOUND = "AUTHORIZER_TOKEN_BINDING=mtls wants a token that is bound to the client's certificate: configure the issuer to bind it";
    COGNITO_AUDIENCE = "an access token of Cognito has none: set AUTHORIZER_AUDIENCE=*, AUTHORIZER_CLIENT_IDS and AUTHORIZER_TOKEN_USE=access";
    KEYCLOAK_AUDIENCE = "Keycloak writes an API into aud only with an audience mapper: add one to a scope of the client";
    FIREBASE_AUDIENCE = "the audience of Firebase's tokens is the project's id, which is also the end of iss: set AUTHORIZER_AUDIENCE to your project's id";
    SUPABASE_AUDIENCE = "the audience of the tokens of Supabase's users is authenticated: set AUTHORIZER_AUDIENCE=authenticated";
    ENTRA_AUDIENCE = "Entra ID writes the API's id with api:// or without, depending on the token's version: set AUTHORIZER_AUDIENCE to the form in the token";

    // The scopes.
    SCOPE_IN_SCOPES = "the claim scopes has it: to accept it there, add scopes to AUTHORIZER_SCOPE_CLAIMS";
    SCOPE_IN_PERMISSIONS = "the claim permissions has it: to accept it there, add permissions to AUTHORIZER_SCOPE_CLAIMS";
    SCOPE_IN_COGNITO_GROUPS = "the claim cognito:groups has it: to accept it there, add cognito:groups to AUTHORIZER_SCOPE_CLAIMS";
    SCOPE_IN_ROLES = "the claim roles has it: to accept it there, add roles to AUTHORIZER_SCOPE_CLAIMS";
    SCOPE_IN_GROUPS = "the claim groups has it: to accept it there, add groups to AUTHORIZER_SCOPE_CLAIMS";
    SCOPE_SEPARATOR = "scope or scp has it in a list with commas: the issuer must separate scopes by spaces";
    SCOPE_PREFIX = "the token has a scope with the same last part: Cognito writes the API's id before it, and Entra ID does not";
}

#[cfg(test)]
mod tests;
