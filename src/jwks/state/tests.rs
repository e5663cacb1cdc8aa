//! The table of `docs/maintainers/key-states.md`, row by row, and the durations.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::issuer::IssuerName;
use crate::jwks::{Content, Fetched, KeyLocation, KeyOrigin};

const RULES: CacheRules = CacheRules {
    ttl: Duration::from_secs(600),
    max_stale: Duration::from_secs(86_400),
    cooldown: Duration::from_secs(30),
    timeout: Duration::from_secs(3),
};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

const HELD: &str = "held";
const NOT_HELD: &str = "not-held";

fn eddsa() -> &'static SignatureAlgorithm {
    SignatureAlgorithm::named("EdDSA").unwrap()
}

fn key_set(kids: &[&str]) -> KeySet {
    let jwk = |kid: &&str| {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}"#)
    };
    let jwks: Vec<_> = kids.iter().map(jwk).collect();
    let json = format!(r#"{{"keys":[{}]}}"#, jwks.join(","));
    KeySet::parse(json.as_bytes(), &IssuerName::exact("https://issuer.example"), &[eddsa()])
        .unwrap()
        .0
}

fn origin(location: KeyLocation) -> KeyOrigin {
    let issuer = IssuerName::exact("https://issuer.example");
    KeyOrigin { issuer, location, algorithms: vec![eddsa()] }
}

fn query(kid: &str) -> KeyQuery<'_> {
    KeyQuery { kid: Some(kid), algorithm: eddsa(), tenant: None }
}

fn fetched(content: Content) -> Result<Fetched, FetchError> {
    Ok(Fetched { content, uri: "https://issuer.example/jwks".parse().unwrap(), max_age: None })
}

fn keys(kids: &[&str]) -> Content {
    Content::Keys { keys: key_set(kids), skipped: Vec::new(), etag: Some("\"1\"".to_owned()) }
}

fn failure() -> FetchError {
    FetchError::Timeout(RULES.timeout)
}

fn interval(start: SystemTime, seconds: u64) -> Interval {
    Interval { start, length: Duration::from_secs(seconds) }
}

/// Returns one failure, in its backoff or in the retry pause after it.
fn failures(pause: &str, now: SystemTime) -> Failures {
    let start = match pause {
        "backoff" => now,
        "retry" => now - Duration::from_secs(1),
        other => panic!("unknown pause {other:?}"),
    };
    let (backoff, retry_pause) = (interval(start, 1), interval(start, 300));
    Failures { count: 1, last: Arc::new(failure()), backoff, retry_pause }
}

/// Returns the state at the start of a row.
fn state(keys: &str, pause: &str, now: SystemTime) -> KeyState {
    let age = match keys {
        "none" => None,
        "fresh" => Some(10),
        "due" => Some(599),
        "stale" => Some(1_199),
        "overdue" => Some(1_200),
        "expired" => Some(600 + 86_400),
        "from the future" => Some(-5),
        other => panic!("unknown keys {other:?}"),
    };
    let fetched_at = |age: i64| {
        let distance = Duration::from_secs(age.unsigned_abs());
        if age < 0 { now + distance } else { now - distance }
    };
    let cached = age.map(|age| {
        CachedKeys::new(Arc::new(key_set(&[HELD])), None, fetched_at(age), RULES.ttl, 0.5)
    });
    KeyState {
        cached,
        failures: matches!(pause, "backoff" | "retry").then(|| failures(pause, now)),
        cooldown: (pause == "cooldown").then_some(Interval { start: now, length: RULES.cooldown }),
        ..KeyState::default()
    }
}

fn keys_of(state: &KeyState, now: SystemTime) -> &'static str {
    match (state.age(now, &RULES), &state.cached) {
        (_, None) => "none",
        (_, Some(cached)) if cached.fetched_at > now => "from the future",
        (Age::Fresh, _) => "fresh",
        (Age::Due, _) => "due",
        (Age::Stale, Some(cached)) if cached.fetched_at + RULES.ttl * 2 > now => "stale",
        (Age::Stale, _) => "overdue",
        (Age::Expired, _) => "expired",
    }
}

fn pauses_of(state: &KeyState, now: SystemTime) -> String {
    let in_backoff = state.in_backoff(now);
    let in_retry_pause = state.in_retry_pause(now) && !in_backoff;
    let pauses =
        [(in_backoff, "backoff"), (in_retry_pause, "retry"), (state.in_cooldown(now), "cooldown")];
    let pauses: Vec<_> =
        pauses.into_iter().filter_map(|(holds, name)| holds.then_some(name)).collect();
    if pauses.is_empty() { "–".to_owned() } else { pauses.join(", ") }
}

fn check_row(row: &[&str]) {
    let [keys_before, pause, key, issuer, answer, asked, keys_after, pause_after] = *row else {
        panic!("not a row: {row:?}");
    };
    let now = at(0);
    let before = state(keys_before, pause, now);
    let query = query(if key == "cached" { HELD } else { NOT_HELD });
    let refresh = |cause| {
        let outcome = match issuer {
            "has it" => fetched(keys(&[HELD, NOT_HELD])),
            "lacks it" => fetched(keys(&["another"])),
            "is unchanged" => fetched(Content::NotModified),
            "fails" => Err(failure()),
            other => panic!("unknown issuer {other:?}"),
        };
        before.after(outcome, cause, now, now, 0.5, &RULES)
    };
    let (outcome, after, was_asked) = match before.next_step(&query, now, &RULES) {
        Step::Answer(outcome) => (outcome, before, "no"),
        Step::AnswerThenRefresh(outcome) => (outcome, refresh(RefreshCause::Age), "after"),
        Step::Refresh(cause) => {
            let after = refresh(cause);
            (after.lookup(&query, now, &RULES), after, "yes")
        }
    };
    let answered = match outcome {
        Ok(SelectedKeys { age: Age::Fresh, .. }) if was_asked == "yes" => "fetched",
        Ok(SelectedKeys { age: Age::Fresh | Age::Due, .. }) => "fresh",
        Ok(SelectedKeys { age: Age::Stale, .. }) => "stale",
        Ok(SelectedKeys { age: Age::Expired, .. }) => "expired",
        Err(NoKey::Unknown) => "401",
        Err(NoKey::Unavailable(_)) => "500",
    };
    let got = (answered, was_asked, keys_of(&after, now), pauses_of(&after, now));
    assert_eq!(got, (answer, asked, keys_after, pause_after.to_owned()), "{row:?}");
}

/// Returns the cells of each row of the table of states.
fn rows() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../../docs/maintainers/key-states.md");
    let (_, table) = page.split_once("<!-- states -->").unwrap();
    let (table, _) = table.split_once("<!-- /states -->").unwrap();
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    table.trim().lines().skip(2).map(cells).collect()
}

#[test]
fn does_what_each_row_of_the_documentation_says() {
    rows().iter().for_each(|row| check_row(row));
}

#[test]
fn has_a_row_for_every_combination_of_keys_pause_and_key() {
    let mut expected = BTreeSet::new();
    for keys in ["fresh", "due", "stale", "overdue", "expired", "from the future"] {
        for pause in ["–", "cooldown", "backoff", "retry"] {
            expected.extend(["cached", "not cached"].map(|key| (keys, pause, key)));
        }
    }
    // A cooldown begins only while there are keys.
    expected.extend(["–", "backoff"].map(|pause| ("none", pause, "not cached")));
    let rows: BTreeSet<_> = rows().iter().map(|row| (row[0], row[1], row[2])).collect();
    assert_eq!(rows, expected);
}

#[test]
fn takes_the_lifetime_from_max_age_within_bounds() {
    #[track_caller]
    fn check(max_age: Option<u64>, ttl: u64, lifetime: u64) {
        let rules = CacheRules { ttl: Duration::from_secs(ttl), ..RULES };
        let fetched = Fetched {
            max_age: max_age.map(Duration::from_secs),
            ..fetched(keys(&[HELD])).unwrap()
        };
        let state =
            KeyState::default().after(Ok(fetched), RefreshCause::Age, at(0), at(0), 0.0, &rules);
        assert_eq!(state.lifetime(), Duration::from_secs(lifetime));
        assert_eq!(state.age(at(lifetime - 1), &rules), Age::Due);
        assert_eq!(state.age(at(lifetime), &rules), Age::Stale);
    }
    check(None, 600, 600);
    check(Some(300), 600, 300);
    check(Some(601), 600, 600);
    check(Some(u64::MAX), 600, 600);
    check(Some(60), 600, 60);
    check(Some(59), 600, 60);
    check(Some(0), 600, 60);
    check(Some(0), 10, 10);
    check(Some(3600), 10, 10);
}

#[test]
fn never_uses_stale_keys_if_the_stale_time_is_zero() {
    let rules = CacheRules { max_stale: Duration::ZERO, ..RULES };
    let state = KeyState::default().after(
        fetched(keys(&[HELD])),
        RefreshCause::Age,
        at(100),
        at(100),
        0.0,
        &rules,
    );
    assert_eq!(state.age(at(699), &rules), Age::Due);
    assert_eq!(state.age(at(700), &rules), Age::Expired);
    assert_eq!(state.age(at(99), &rules), Age::Expired, "the clock was set back");
}

#[test]
fn counts_the_age_from_the_request() {
    let state = KeyState::default().after(
        fetched(keys(&[HELD])),
        RefreshCause::Age,
        at(0),
        at(3),
        0.0,
        &RULES,
    );
    assert_eq!(state.age(at(599), &RULES), Age::Due);
    assert_eq!(state.age(at(600), &RULES), Age::Stale);
}

#[test]
fn refreshes_ahead_from_a_random_share_of_the_lifetime() {
    for (jitter, due) in [(0.0, 480), (0.5, 525), (1.0, 570)] {
        let state = fetched_at_start(jitter);
        assert_eq!(state.age(at(due - 1), &RULES), Age::Fresh, "{jitter}");
        assert_eq!(state.age(at(due), &RULES), Age::Due, "{jitter}");
    }
}

/// Returns a state whose keys were fetched at the start.
fn fetched_at_start(jitter: f64) -> KeyState {
    let (now, outcome) = (at(0), fetched(keys(&[HELD])));
    KeyState::default().after(outcome, RefreshCause::Age, now, now, jitter, &RULES)
}

fn fail(state: &KeyState, seconds: u64, jitter: f64) -> KeyState {
    let now = at(seconds);
    state.after(Err(failure()), RefreshCause::Age, now, now, jitter, &RULES)
}

/// Returns whether a request for a cached key is answered before the keys are refreshed.
fn answers_at(state: &KeyState, seconds: u64, rules: &CacheRules) -> bool {
    !matches!(state.next_step(&query(HELD), at(seconds), rules), Step::Refresh(_))
}

#[test]
fn uses_stale_keys_before_a_refresh_for_one_more_lifetime() {
    let state = fetched_at_start(0.5);
    assert!(answers_at(&state, 600, &RULES) && answers_at(&state, 1_199, &RULES));
    assert!(!answers_at(&state, 1_200, &RULES));
    let rules = CacheRules { max_stale: Duration::from_secs(100), ..RULES };
    assert!(answers_at(&state, 699, &rules) && !answers_at(&state, 700, &rules));
    let rules = CacheRules { max_stale: Duration::ZERO, ..RULES };
    assert!(answers_at(&state, 599, &rules) && !answers_at(&state, 600, &rules));
}

#[test]
fn uses_stale_keys_before_a_retry_until_a_lifetime_after_its_pause() {
    // The pause after the second failure ends 400 s later.
    let state = fail(&fail(&fetched_at_start(0.5), 4_000, 1.0), 5_000, 1.0);
    assert!(answers_at(&state, 5_000, &RULES) && answers_at(&state, 5_999, &RULES));
    assert!(!answers_at(&state, 6_000, &RULES));
    assert!(!answers_at(&state, 4_999, &RULES), "the clock was set back");
}

#[test]
fn pauses_longer_between_retries_while_the_keys_are_usable() {
    #[track_caller]
    fn check(failed_at: u64, jitter: f64, pause: u64) {
        let once = fail(&fetched_at_start(0.5), failed_at, jitter);
        let first = once.failures.as_ref().unwrap();
        assert_eq!(first.backoff.length, Duration::from_millis(500).mul_f64(1.0 + jitter));
        assert_eq!(first.retry_pause.length, first.backoff.length);
        let second = fail(&once, failed_at, jitter).failures.unwrap();
        assert_eq!(second.retry_pause.length, Duration::from_secs(pause));
        assert_eq!(second.backoff.length, Duration::from_secs(1).mul_f64(1.0 + jitter));
    }
    check(525, 0.0, 200);
    check(525, 1.0, 400);
    // Half of the time for which the keys are still usable.
    check(600 + 86_400 - 600, 1.0, 300);
    check(600 + 86_399, 1.0, 2);
    // A request waited for these, so the next one retries soon.
    check(524, 1.0, 2);
    let long = CacheRules { ttl: Duration::from_secs(86_400), ..RULES };
    let (now, outcome) = (at(0), fetched(keys(&[HELD])));
    let state = KeyState::default().after(outcome, RefreshCause::Age, now, now, 0.5, &long);
    let failing = (0..2).fold(state, |state, _| {
        state.after(Err(failure()), RefreshCause::Age, at(80_000), at(80_000), 1.0, &long)
    });
    assert_eq!(failing.failures.unwrap().retry_pause.length, Duration::from_secs(400));
    let short = CacheRules { ttl: Duration::from_secs(1), ..RULES };
    let state = KeyState::default().after(
        fetched(keys(&[HELD])),
        RefreshCause::Age,
        at(0),
        at(0),
        0.5,
        &short,
    );
    let failing = (0..5).fold(state, |state, _| {
        state.after(Err(failure()), RefreshCause::Age, at(1), at(1), 1.0, &short)
    });
    assert_eq!(failing.failures.unwrap().retry_pause.length, Duration::from_secs(16));
}

#[test]
fn doubles_the_backoff_up_to_30_s_and_shortens_it_by_up_to_half() {
    let pause = |failures: u32, jitter: f64| {
        let fail = |state: KeyState, _| {
            state.after(Err(failure()), RefreshCause::Age, at(0), at(0), jitter, &RULES)
        };
        (0..failures).fold(KeyState::default(), fail).failures.unwrap().backoff.length
    };
    let expected = [1, 2, 4, 8, 16, 30, 30, 30];
    for (failures, seconds) in (1..).zip(expected) {
        assert_eq!(pause(failures, 1.0), Duration::from_secs(seconds));
        assert_eq!(pause(failures, 0.0), Duration::from_millis(seconds * 500));
    }
    assert_eq!(pause(100, 1.0), Duration::from_secs(30));
}

#[test]
fn resets_the_backoff_after_a_success() {
    let failed =
        KeyState::default().after(Err(failure()), RefreshCause::Age, at(0), at(0), 1.0, &RULES);
    let failed = failed.after(Err(failure()), RefreshCause::Age, at(5), at(5), 1.0, &RULES);
    let well = failed.after(fetched(keys(&[HELD])), RefreshCause::Age, at(10), at(10), 1.0, &RULES);
    assert!(failed.is_failing() && !well.is_failing());
    let failed = well.after(Err(failure()), RefreshCause::Age, at(700), at(700), 1.0, &RULES);
    assert_eq!(failed.failures.unwrap().backoff.length, Duration::from_secs(1));
}

#[test]
fn looks_up_in_fetched_keys_after_a_long_refresh_but_not_in_expired_ones() {
    let state = fetched_at_start(0.5);
    let later = at(600 + 86_400);
    assert_eq!(state.lookup_after_refresh(&query(HELD), later, &RULES).unwrap().age, Age::Fresh);
    let failing = fail(&state, 600 + 86_399, 0.5);
    let lookup = |now| failing.lookup_after_refresh(&query(HELD), now, &RULES);
    assert_eq!(lookup(at(600 + 86_399)).unwrap().age, Age::Stale);
    assert!(matches!(lookup(later), Err(NoKey::Unavailable(_))));
}

#[test]
fn ends_an_interval_after_its_length_or_when_the_clock_is_set_back() {
    let interval = Interval { start: at(100), length: Duration::from_secs(30) };
    assert!(interval.contains(at(100)) && interval.contains(at(129)));
    assert!(!interval.contains(at(130)) && !interval.contains(at(99)));
}

/// Otherwise they could be used until the clock reaches their fetch again, and longer.
#[test]
fn uses_keys_for_the_stale_time_after_a_failure_that_the_clock_dates_before_their_fetch() {
    let fetched_later = |jitter| {
        let now = at(1_000_000);
        KeyState::default().after(
            fetched(keys(&[HELD])),
            RefreshCause::Age,
            now,
            now,
            jitter,
            &RULES,
        )
    };
    let state = fail(&fetched_later(0.5), 0, 0.5);
    assert_eq!(state.usable_for(at(0), &RULES), RULES.max_stale);
    assert_eq!(state.age(at(86_399), &RULES), Age::Stale);
    assert_eq!(state.age(at(86_400), &RULES), Age::Expired);
    // At their fetch and after it, they are what they were.
    let state = fail(&fetched_later(0.5), 1_000_000, 0.5);
    assert_eq!(state.age(at(1_000_000), &RULES), Age::Fresh);
    assert_eq!(state.age(at(1_000_000 + 600 + 86_399), &RULES), Age::Stale);
}

#[test]
fn keeps_a_discovered_uri_for_a_day_or_until_a_fetch_fails() {
    const DAY: u64 = 24 * 60 * 60;
    let origin = origin(KeyLocation::discovered("https://issuer.example").unwrap());
    let found = KeyState::default().after(
        fetched(keys(&[HELD])),
        RefreshCause::Age,
        at(0),
        at(0),
        0.0,
        &RULES,
    );
    assert!(found.request(&origin, at(DAY - 1)).discovered_uri.is_some());
    assert!(found.request(&origin, at(DAY)).discovered_uri.is_none());
    let renewed = found.after(
        fetched(keys(&[HELD])),
        RefreshCause::Age,
        at(DAY - 1),
        at(DAY - 1),
        0.0,
        &RULES,
    );
    assert!(
        renewed.request(&origin, at(DAY)).discovered_uri.is_none(),
        "a refresh does not extend the lifetime of the URI"
    );
    let failed = found.after(Err(failure()), RefreshCause::Age, at(10), at(10), 0.0, &RULES);
    assert!(failed.request(&origin, at(20)).discovered_uri.is_none());
}

#[test]
fn sends_the_validator_only_to_the_uri_that_it_came_from() {
    let discovered = origin(KeyLocation::discovered("https://issuer.example").unwrap());
    let configured = origin(KeyLocation::Uri("https://issuer.example/jwks".parse().unwrap()));
    let held = KeyState::default().after(
        fetched(keys(&[HELD])),
        RefreshCause::Age,
        at(0),
        at(0),
        0.0,
        &RULES,
    );
    assert_eq!(held.request(&discovered, at(1)).etag, Some("\"1\""));
    let failed = held.after(Err(failure()), RefreshCause::Age, at(1), at(1), 0.0, &RULES);
    assert_eq!(failed.request(&discovered, at(2)).etag, None, "the URI will be looked up again");
    assert_eq!(failed.request(&configured, at(2)).etag, Some("\"1\""));
}

#[test]
fn replaces_the_whole_set() {
    let held = KeyState::default().after(
        fetched(keys(&["a", "b"])),
        RefreshCause::Age,
        at(0),
        at(0),
        0.0,
        &RULES,
    );
    let next =
        held.after(fetched(keys(&["b", "c"])), RefreshCause::Age, at(600), at(600), 0.0, &RULES);
    let knows = |kid| next.lookup(&query(kid), at(600), &RULES).is_ok();
    assert!(!knows("a") && knows("b") && knows("c"));
}

#[test]
fn treats_keys_from_a_file_as_fresh() {
    let state = KeyState::from_file(key_set(&[HELD]), at(0), 0.5, &RULES);
    assert_eq!(state.age(at(524), &RULES), Age::Fresh);
    assert_eq!(state.age(at(525), &RULES), Age::Due);
    assert_eq!(state.age(at(600), &RULES), Age::Stale);
    assert_eq!(state.refreshes(), 0);
}

#[test]
fn says_what_decides_the_lifetime() {
    #[track_caller]
    fn check(max_age_s: Option<u64>, ttl_s: u64, expected_s: u64, cause: LifetimeCause) {
        let rules = CacheRules { ttl: Duration::from_secs(ttl_s), ..RULES };
        let found = lifetime(max_age_s.map(Duration::from_secs), &rules);
        assert_eq!(found, (Duration::from_secs(expected_s), cause), "{max_age_s:?}");
    }
    check(None, 600, 600, LifetimeCause::Missing);
    check(Some(600), 600, 600, LifetimeCause::AsRequested);
    check(Some(601), 600, 600, LifetimeCause::TooLong);
    check(Some(60), 600, 60, LifetimeCause::AsRequested);
    check(Some(59), 600, 60, LifetimeCause::TooShort);
    check(Some(9), 10, 10, LifetimeCause::TooShort);
    check(Some(60), 10, 10, LifetimeCause::TooLong);
}
