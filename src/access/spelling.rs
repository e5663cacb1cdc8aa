//! Paths that a backend may read as another path.
//!
//! `/orders/42/%69nvoice`, `/orders/42//invoice` and `/orders/42/invoice;v=1` reach the same code
//! as `/orders/42/invoice` in many backends, and API Gateway is reported to route `/hello/` as
//! `/hello`. A rule that matches one spelling does not match the others. So where route rules are
//! set, only one spelling of a path is let in: the function refuses the others, and its policy
//! denies them, because API Gateway answers later requests from the cached policy without asking.
//!
//! AWS does not document whether the ARN has the path as requested or decoded. The rules here are
//! safe for both. Characters that a path can only have encoded, for example spaces and UTF-8, pass.
//! So do `@`, `:` and the sub-delims of [RFC 3986 §2.2](https://www.rfc-editor.org/rfc/rfc3986#section-2.2),
//! encoded or not, since clients send both; [`super::routes`] matches them in both forms.
//!
//! Upper and lower case are different paths here, as they are to API Gateway.

/// What ends up in the policy as `*PATTERN*`: each path that contains one of these is denied.
///
/// After `%` these are the codes of
///
/// - control characters: `0…`, `1…`,
/// - `#` `%` `-` `.` `/`: `23` `25` `2D` `2E` `2F`,
/// - digits, `;` and `?`: `30` to `39`, `3B`, `3F`,
/// - letters, and with them `[` `\` `]` `^` `_` `` ` `` `{` `|` `}` `~`: `41` to `4F`, `5…`, `6…`,
///   `7…`. `40` is `@`.
///
/// A policy has no other wildcards than `*` and `?`, so each code is listed.
pub(crate) const AMBIGUOUS_PATHS: [&str; 54] = [
    "//", "/./", "/../", ";", "\\", "#", //
    "%0", "%1", "%23", "%25", "%2D", "%2d", "%2E", "%2e", "%2F", "%2f", //
    "%30", "%31", "%32", "%33", "%34", "%35", "%36", "%37", "%38", "%39", //
    "%3B", "%3b", "%3F", "%3f", //
    "%41", "%42", "%43", "%44", "%45", "%46", "%47", "%48", "%49", //
    "%4A", "%4a", "%4B", "%4b", "%4C", "%4c", "%4D", "%4d", "%4E", "%4e", "%4F", "%4f", //
    "%5", "%6", "%7",
];

/// Tells whether a backend may read the path of a route (`METHOD/path`) as another path.
///
/// Agrees with [`AMBIGUOUS_PATHS`], and refuses control characters and `?` as well, which cannot be
/// written into a policy.
pub(super) fn is_ambiguous(route: &str) -> bool {
    match route.split_once('/') {
        // A WebSocket's route key, or the root.
        None | Some((_, "")) => false,
        Some((_, path)) => path.split('/').any(is_ambiguous_segment),
    }
}

fn is_ambiguous_segment(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    matches!(segment, "" | "." | "..")
        || bytes.iter().any(|byte| byte.is_ascii_control() || b";\\#?".contains(byte))
        || bytes.split(|byte| *byte == b'%').skip(1).any(is_ambiguous_code)
}

/// `after` is what follows a percent sign.
fn is_ambiguous_code(after: &[u8]) -> bool {
    match after {
        [b'0' | b'1' | b'5' | b'6' | b'7', ..] => true,
        [b'2', low, ..] => b"35DdEeFf".contains(low),
        [b'3', low, ..] => b"0123456789BbFf".contains(low),
        [b'4', low, ..] => *low != b'0' && low.is_ascii_hexdigit(),
        _ => false,
    }
}
