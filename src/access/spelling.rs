//! Paths that a backend may read as another path.
//!
//! `/orders/42/%69nvoice`, `/orders/42//invoice` and `/orders/42/invoice;v=1` reach the same code
//! as `/orders/42/invoice` in many backends, and API Gateway is reported to route `/hello/` as
//! `/hello`. A rule that matches one spelling does not match the others. So where route rules are
//! set, only one spelling of a path is let in: the function refuses the others, and its policy
//! denies them, because API Gateway answers later requests from the cached policy without asking.
//!
//! AWS does not document whether the ARN has the path as requested or decoded, so both are covered.
//! Characters that a path can only have encoded, for example spaces and UTF-8, pass.
//! So do `@`, `:` and the sub-delims of [RFC 3986 §2.2](https://www.rfc-editor.org/rfc/rfc3986#section-2.2),
//! encoded or not, since clients send both; [`super::routes`] matches them in both forms.
//!
//! Upper and lower case are different paths here, as they are to API Gateway.

/// The parts of a path that make it ambiguous. The policy denies `*PART*` for each of these.
///
/// After `%` these are the codes of
///
/// - control characters: `0…`, `1…`, `7F`,
/// - `#` `%` `-` `.` `/`: `23` `25` `2D` `2E` `2F`,
/// - digits, `;` and `?`: `30` to `39`, `3B`, `3F`,
/// - letters, `_` and `~`: `41` to `4F`, `5…`, `6…`, `70` to `7A`, `7E`. With them go the rare
///   `[` `\` `]` `^` and `` ` ``. `40` is `@`, and `7B` to `7D` are `{` `|` `}`.
/// - bytes that no UTF-8 text contains, with which old decoders spell ASCII: `C0`, `C1`,
///
/// and `u`, which starts a code of four digits in some servers. A policy has no other wildcards than
/// `*` and `?`, so each code is listed.
pub(crate) const AMBIGUOUS_PATHS: [&str; 75] = [
    "//", "/./", "/../", ";", "\\", "#", //
    "%0", "%1", "%23", "%25", "%2D", "%2d", "%2E", "%2e", "%2F", "%2f", //
    "%30", "%31", "%32", "%33", "%34", "%35", "%36", "%37", "%38", "%39", //
    "%3B", "%3b", "%3F", "%3f", //
    "%41", "%42", "%43", "%44", "%45", "%46", "%47", "%48", "%49", //
    "%4A", "%4a", "%4B", "%4b", "%4C", "%4c", "%4D", "%4d", "%4E", "%4e", "%4F", "%4f", //
    "%5", "%6", //
    "%70", "%71", "%72", "%73", "%74", "%75", "%76", "%77", "%78", "%79", //
    "%7A", "%7a", "%7E", "%7e", "%7F", "%7f", //
    "%C0", "%c0", "%C1", "%c1", "%u", "%U",
];

/// Returns whether a backend may read a path as another path.
///
/// Agrees with [`AMBIGUOUS_PATHS`], and refuses control characters and `?` as well, which cannot be
/// written into a policy. A path has them only if API Gateway decodes it.
pub(super) fn is_ambiguous(path: &str) -> bool {
    let is_root = matches!(path, "" | "/");
    !is_root && path.strip_prefix('/').unwrap_or(path).split('/').any(is_ambiguous_segment)
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
        [b'0' | b'1' | b'5' | b'6' | b'u' | b'U', ..] => true,
        [b'2', low, ..] => b"35DdEeFf".contains(low),
        [b'3', low, ..] => b"0123456789BbFf".contains(low),
        [b'4', low, ..] => *low != b'0' && low.is_ascii_hexdigit(),
        [b'7', low, ..] => b"0123456789AaEeFf".contains(low),
        [b'C' | b'c', low, ..] => b"01".contains(low),
        _ => false,
    }
}
