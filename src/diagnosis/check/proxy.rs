//! The variables by which the HTTP client chooses a proxy.

use super::report::ProxyVariable;
use crate::config::Variables;

/// Of each pair the client uses the first one that is set.
const VARIABLES: [[&str; 2]; 4] = [
    ["HTTPS_PROXY", "https_proxy"],
    ["HTTP_PROXY", "http_proxy"],
    ["ALL_PROXY", "all_proxy"],
    ["NO_PROXY", "no_proxy"],
];

/// Returns the variables that are set and that the client uses.
pub(super) fn variables(environment: &Variables) -> Vec<ProxyVariable> {
    let value = |name: &str| environment.iter().find(|(set, _)| *set == name);
    let used = VARIABLES.iter().filter_map(|names| names.iter().find_map(|name| value(name)));
    used.filter(|(_, value)| !value.is_empty())
        .map(|(variable, value)| ProxyVariable {
            variable: variable.to_owned(),
            value: without_credentials(value),
        })
        .collect()
}

/// Replaces all that may be credentials. Unlike an issuer's URL, a proxy's needs no scheme.
fn without_credentials(value: &str) -> String {
    match value.rsplit_once('@') {
        None => value.to_owned(),
        Some((before, host)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://"));
            format!("{}…@{host}", scheme.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_variables_that_the_client_uses_without_credentials() {
        #[track_caller]
        fn check(environment: &[(&str, &str)], expected: &[(&str, &str)]) {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let found = variables(&Variables::of(environment.iter().map(owned)));
            let found: Vec<_> = found.iter().map(|it| (&*it.variable, &*it.value)).collect();
            assert_eq!(found, expected);
        }
        check(&[("HTTPS_PROXY", "http://proxy:3128")], &[("HTTPS_PROXY", "http://proxy:3128")]);
        check(&[("https_proxy", "proxy:3128")], &[("https_proxy", "proxy:3128")]);
        check(&[("https_proxy", "a"), ("HTTPS_PROXY", "b")], &[("HTTPS_PROXY", "b")]);
        check(
            &[("NO_PROXY", "10.0.0.0/8"), ("ALL_PROXY", "x"), ("HTTP_PROXY", "y")],
            &[("HTTP_PROXY", "y"), ("ALL_PROXY", "x"), ("NO_PROXY", "10.0.0.0/8")],
        );
        check(&[("HTTPS_PROXY", "")], &[]);
        check(&[("PROXY", "x")], &[]);
        for (value, shown) in [
            ("http://user:secret@proxy:3128", "http://…@proxy:3128"),
            ("http://user:se@cret@proxy:3128/", "http://…@proxy:3128/"),
            ("user:secret@proxy", "…@proxy"),
            ("secret@proxy:3128", "…@proxy:3128"),
        ] {
            check(&[("HTTPS_PROXY", value)], &[("HTTPS_PROXY", shown)]);
        }
    }
}
