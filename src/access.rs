//! Who may do what: scopes, route rules and origins.
//!
//! Everything here is a pure function of the rules, the claims and the request.

use crate::error::{Error, Excerpt};
use crate::gateway::{AuthorizerRequest, EventKind, MethodArn, Policy, PolicyReach, ResourceScope};
use crate::jwt::ClaimsSet;

/// The rules that hold for every issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRules {
    /// Which origins may open a WebSocket.
    pub allowed_origins: AllowedOrigins,
    /// Which scopes each route needs; `None` lets every route pass.
    pub route_scopes: Option<RouteScopes>,
}

/// What the rules say of a request.
pub struct Access {
    /// Why it is refused, if it is.
    pub refusal: Option<Error>,
    /// The policy of the route rules, as far as the answer reaches.
    pub policy: Option<Policy>,
}

impl AccessRules {
    /// Judges a request whose token has these claims. `required_scopes` are
    /// those that its issuer's tokens need, all of them; `ambient` says that the
    /// token came in a cookie; `reach` says what policy the answer can hold.
    #[must_use]
    pub fn judge(
        &self,
        required_scopes: &[String],
        request: &AuthorizerRequest<'_>,
        ambient: bool,
        claims: &ClaimsSet<'_>,
        reach: PolicyReach,
    ) -> Access {
        let whatever_the_route = self
            .allowed_origins
            .check(request, ambient)
            .and_then(|()| check_scopes(required_scopes, claims));
        match (whatever_the_route, &self.route_scopes) {
            (Err(error), _) => Access { refusal: Some(error), policy: None },
            (Ok(()), None) => Access { refusal: None, policy: None },
            (Ok(()), Some(routes)) => {
                let refusal = routes.check(request.arn.route(), claims).err();
                let policy = match reach {
                    PolicyReach::Stage => Some(routes.policy(&request.arn, claims)),
                    PolicyReach::Route if refusal.is_none() => {
                        Some(Policy::allow(&request.arn, ResourceScope::Request))
                    }
                    PolicyReach::Route => Some(Policy::deny(&request.arn, ResourceScope::Request)),
                    PolicyReach::NoPolicy => None,
                };
                Access { refusal, policy }
            }
        }
    }
}

fn check_scopes(required: &[String], claims: &ClaimsSet<'_>) -> Result<(), Error> {
    match missing_scope(required, claims) {
        None => Ok(()),
        Some(scope) => Err(Error::InsufficientScope(scope.clone())),
    }
}

fn missing_scope<'r>(required: &'r [String], claims: &ClaimsSet<'_>) -> Option<&'r String> {
    required.iter().find(|required| !claims.scopes().any(|scope| scope == required.as_str()))
}

/// Which origins may open a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// None was named: any may, unless the token came in a cookie. Browsers
    /// send cookies along for any page, and WebSockets know no CORS, so any
    /// page could then act as the user.
    Unrestricted,
    /// Exactly these.
    Only(Vec<String>),
}

impl AllowedOrigins {
    /// Checks a handshake's `Origin`
    /// ([RFC 6455 §10.2](https://www.rfc-editor.org/rfc/rfc6455#section-10.2)).
    /// A request without one comes from no browser and passes.
    fn check(&self, request: &AuthorizerRequest<'_>, ambient: bool) -> Result<(), Error> {
        if request.kind != EventKind::WebSocket {
            return Ok(());
        }
        let allowed: &[String] = match self {
            Self::Unrestricted if !ambient => return Ok(()),
            Self::Unrestricted => &[],
            Self::Only(origins) => origins,
        };
        match request
            .header("origin")
            .find(|origin| !allowed.iter().any(|allowed| **allowed == **origin))
        {
            None => Ok(()),
            Some(origin) => Err(Error::OriginNotAllowed(Excerpt::from(&*origin))),
        }
    }
}

/// Which scopes each route needs.
///
/// Every rule that matches a route must be met, and a route that no rule
/// matches is refused. So the rules can be written whole into one policy, an
/// Allow for each that is met and an explicit Deny for each that is not, and
/// the policy, cached, answers each of the caller's routes as the rules do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteScopes(pub Vec<RouteRule>);

/// The scopes that the routes of a pattern need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// `METHOD/path` or a route key, with the wildcards of policy resources:
    /// `*` for any characters, slashes included, `?` for any one.
    pub pattern: String,
    /// The scopes, all of them.
    pub scopes: Vec<String>,
}

impl RouteScopes {
    /// Checks one route: a rule must match it, and every rule that does must be met.
    fn check(&self, route: &str, claims: &ClaimsSet<'_>) -> Result<(), Error> {
        let mut matching = self.0.iter().filter(|rule| matches(&rule.pattern, route)).peekable();
        if matching.peek().is_none() {
            return Err(Error::RouteForbidden);
        }
        matching.try_for_each(|rule| check_scopes(&rule.scopes, claims))
    }

    /// Writes the rules into a policy for the caller's whole stage.
    fn policy(&self, arn: &MethodArn<'_>, claims: &ClaimsSet<'_>) -> Policy {
        let patterns = |when: bool| {
            let rules = self
                .0
                .iter()
                .filter(move |rule| missing_scope(&rule.scopes, claims).is_none() == when);
            rules.map(|rule| rule.pattern.as_str())
        };
        Policy::of_routes(arn, patterns(true), patterns(false))
    }
}

/// Tells whether a pattern of policy resources matches a route. Routes come
/// percent-encoded, so a character is a byte.
///
/// A mismatch goes back to the last `*` only, so a hostile path costs at most
/// its length times the pattern's.
fn matches(pattern: &str, route: &str) -> bool {
    let (pattern, route) = (pattern.as_bytes(), route.as_bytes());
    let (mut p, mut r) = (0, 0);
    let mut retry_from: Option<(usize, usize)> = None;
    while r < route.len() {
        match (pattern.get(p), retry_from) {
            (Some(b'*'), _) => {
                p += 1;
                retry_from = Some((p, r + 1));
            }
            (Some(byte), _) if *byte == b'?' || *byte == route[r] => {
                p += 1;
                r += 1;
            }
            (_, Some((after_star, next))) => {
                (p, r) = (after_star, next);
                retry_from = Some((after_star, next + 1));
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
