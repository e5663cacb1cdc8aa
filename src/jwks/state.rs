//! What is known of one issuer's keys, and what to do next: pure rules, with
//! time as an argument.
//!
//! Age is judged by the wall clock. Lambda freezes the environment between
//! invocations, and the monotonic clock may stand still then.
//!
//! `docs/keys.md` has the rules as a table of states and events.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::key_set::KeySet;
use super::source::{Content, FetchError, Fetched, KeyOrigin, KeyRequest, Location};
use crate::jwt::SignatureAlgorithm;

/// How long keys live and how often they may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheRules {
    /// The longest time that keys are fresh.
    pub ttl: Duration,
    /// How long past that they still serve while the issuer cannot be reached.
    pub max_stale: Duration,
    /// The time between fetches that unknown key ids cause.
    pub cooldown: Duration,
    /// The longest time that a fetch takes, its retry included.
    pub timeout: Duration,
}

/// What a token asks of a key set.
#[derive(Debug, Clone, Copy)]
pub struct KeyQuery<'a> {
    /// The token's `kid`.
    pub kid: Option<&'a str>,
    /// The token's `alg`.
    pub algorithm: &'static SignatureAlgorithm,
}

/// The state of one issuer's keys. A new one holds nothing.
#[derive(Debug, Clone, Default)]
pub struct KeyState {
    held: Option<Held>,
    location: Option<Location>,
    failing: Option<Failing>,
    cooldown: Option<Pause>,
    fetches: u64,
}

#[derive(Debug, Clone)]
struct Held {
    keys: Arc<KeySet>,
    etag: Option<String>,
    fetched_at: SystemTime,
    lifetime: Duration,
}

#[derive(Debug, Clone)]
struct Failing {
    count: u32,
    last: Arc<FetchError>,
    backoff: Pause,
}

/// A span of time that is over as well when the clock is set back before it.
#[derive(Debug, Clone, Copy)]
struct Pause {
    from: SystemTime,
    length: Duration,
}

impl Pause {
    fn holds(&self, now: SystemTime) -> bool {
        now.duration_since(self.from).is_ok_and(|passed| passed < self.length)
    }
}

/// How old the held keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Within their lifetime.
    Fresh,
    /// Past it, or the clock was set back: good only while no newer are to be had.
    Stale,
    /// There are none, or they are too old to serve.
    Dead,
}

/// What to do about a token.
#[derive(Debug)]
pub enum Step {
    /// Judge it by what is known.
    Settled(Result<Chosen, NoKey>),
    /// Fetch first.
    Fetch(Cause),
}

/// The entry of a key set that a token is to be judged by.
#[derive(Debug)]
pub struct Chosen {
    /// The key set.
    pub keys: Arc<KeySet>,
    /// The entry, for [`KeySet::keys`].
    pub entry: usize,
    /// How old the set is; never dead.
    pub age: Age,
    /// When the issuer was asked for it.
    pub fetched_at: SystemTime,
}

/// Why there is no key for a token.
#[derive(Debug)]
pub enum NoKey {
    /// The issuer has no such key, as far as may be known now.
    Unknown,
    /// There are no keys at all, because of this.
    Unavailable(Arc<FetchError>),
}

/// Why to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The keys are not fresh, or there are none.
    Age,
    /// They are, but the one that is wanted is not among them.
    UnknownKey,
}

impl KeyState {
    /// For how long a discovered URI is taken for granted.
    const LOCATION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
    /// However short a `max-age`, an issuer is not asked more often than this.
    const MIN_LIFETIME: Duration = Duration::from_secs(60);
    const FIRST_BACKOFF: Duration = Duration::from_secs(1);
    const MAX_BACKOFF: Duration = Duration::from_secs(30);

    /// Starts with keys from a file, as fresh as if they had just been fetched.
    #[must_use]
    pub fn from_file(keys: KeySet, now: SystemTime, rules: &CacheRules) -> Self {
        let held = Held { keys: Arc::new(keys), etag: None, fetched_at: now, lifetime: rules.ttl };
        Self { held: Some(held), ..Self::default() }
    }

    /// Tells how old the keys are.
    #[must_use]
    pub fn age(&self, now: SystemTime, rules: &CacheRules) -> Age {
        let Some(held) = &self.held else { return Age::Dead };
        match now.duration_since(held.fetched_at) {
            Ok(age) if age < held.lifetime => Age::Fresh,
            Ok(age) if age - held.lifetime < rules.max_stale => Age::Stale,
            Err(_) if !rules.max_stale.is_zero() => Age::Stale,
            Ok(_) | Err(_) => Age::Dead,
        }
    }

    /// Says what to do about a token at this time.
    #[must_use]
    pub fn step(&self, query: &KeyQuery<'_>, now: SystemTime, rules: &CacheRules) -> Step {
        let in_backoff = self.failing.as_ref().is_some_and(|failing| failing.backoff.holds(now));
        let settled = self.settle(query, now, rules);
        match (self.age(now, rules), &settled) {
            _ if in_backoff => Step::Settled(settled),
            (Age::Stale | Age::Dead, _) => Step::Fetch(Cause::Age),
            (Age::Fresh, Err(NoKey::Unknown)) if !self.in_cooldown(now) => {
                Step::Fetch(Cause::UnknownKey)
            }
            (Age::Fresh, _) => Step::Settled(settled),
        }
    }

    /// Says by what to judge a token without fetching.
    ///
    /// # Errors
    ///
    /// [`NoKey`].
    pub fn settle(
        &self,
        query: &KeyQuery<'_>,
        now: SystemTime,
        rules: &CacheRules,
    ) -> Result<Chosen, NoKey> {
        match (&self.held, self.age(now, rules)) {
            (Some(held), age @ (Age::Fresh | Age::Stale)) => {
                let entry = held.keys.select(query.kid, query.algorithm);
                let entry = entry.ok_or_else(|| match age {
                    Age::Fresh => NoKey::Unknown,
                    // Stale keys are looked at only where newer ones are not to be had, and those
                    // might know it.
                    Age::Stale | Age::Dead => NoKey::Unavailable(self.last_failure(rules)),
                })?;
                Ok(Chosen { keys: Arc::clone(&held.keys), entry, age, fetched_at: held.fetched_at })
            }
            (_, _) => Err(NoKey::Unavailable(self.last_failure(rules))),
        }
    }

    /// Returns why there are no newer keys; the deadline that cut a first fetch
    /// off looks as if it had timed out.
    fn last_failure(&self, rules: &CacheRules) -> Arc<FetchError> {
        let last = self.failing.as_ref().map(|failing| Arc::clone(&failing.last));
        last.unwrap_or_else(|| Arc::new(FetchError::Timeout(rules.timeout)))
    }

    /// Returns the time by which to judge a request that waited for this state:
    /// keys that have just come are fresh to it, however long they took.
    #[must_use]
    pub fn as_of(&self, now: SystemTime) -> SystemTime {
        match &self.held {
            Some(held) if !self.is_failing() => held.fetched_at,
            Some(_) | None => now,
        }
    }

    fn in_cooldown(&self, now: SystemTime) -> bool {
        self.cooldown.is_some_and(|cooldown| cooldown.holds(now))
    }

    /// Returns how many fetches have ended, to tell one state from a later one.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.fetches
    }

    /// Tells whether the last fetch failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// Returns how long the held keys are fresh for.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.held.as_ref().map(|held| held.lifetime).unwrap_or_default()
    }

    /// Tells whether there are keys, however old.
    #[must_use]
    pub fn holds_keys(&self) -> bool {
        self.held.is_some()
    }

    /// Returns how much longer the held keys serve if no fetch succeeds; zero if they serve no more.
    #[must_use]
    pub fn serves_for(&self, now: SystemTime, rules: &CacheRules) -> Duration {
        let Some(held) = &self.held else { return Duration::ZERO };
        if self.age(now, rules) == Age::Dead {
            return Duration::ZERO;
        }
        let whole = held.lifetime + rules.max_stale;
        match now.duration_since(held.fetched_at) {
            Ok(age) => whole.saturating_sub(age),
            Err(ahead) => whole + ahead.duration(),
        }
    }

    /// Says what to ask the issuer for.
    #[must_use]
    pub fn request<'a>(&'a self, origin: &'a KeyOrigin, now: SystemTime) -> KeyRequest<'a> {
        let known = self.known_location(now);
        // A validator means nothing at another URI, so it goes only with a known one.
        let etag = self.held.as_ref().and_then(|held| held.etag.as_deref());
        let etag = etag.filter(|_| known.is_some() || origin.jwks_uri.is_some());
        KeyRequest { origin, known_uri: known.map(|location| &location.uri), etag }
    }

    /// Returns the state after a fetch, begun at `started` and ended at `now`.
    /// `jitter`, from 0 to 1, spreads the retries of many environments.
    #[must_use]
    pub fn after(
        &self,
        outcome: Result<Fetched, FetchError>,
        cause: Cause,
        started: SystemTime,
        now: SystemTime,
        jitter: f64,
        rules: &CacheRules,
    ) -> Self {
        let mut next = match outcome {
            Ok(fetched) => self.renewed(fetched, started, rules),
            Err(error) => self.failed(error, now, jitter),
        };
        next.fetches = self.fetches + 1;
        if cause == Cause::UnknownKey {
            next.cooldown = Some(Pause { from: now, length: rules.cooldown });
        }
        next
    }

    /// Age counts from when the issuer was asked: what it says may be as old as that.
    fn renewed(&self, fetched: Fetched, started: SystemTime, rules: &CacheRules) -> Self {
        let floor = Self::MIN_LIFETIME.min(rules.ttl);
        let lifetime = fetched.max_age.map_or(rules.ttl, |max_age| max_age.clamp(floor, rules.ttl));
        let held = match fetched.content {
            Content::Keys { keys, etag, .. } => {
                Some(Held { keys: Arc::new(keys), etag, fetched_at: started, lifetime })
            }
            Content::NotModified => {
                self.held.clone().map(|held| Held { fetched_at: started, lifetime, ..held })
            }
        };
        let location = match self.known_location(started) {
            Some(known) => known.clone(),
            None => Location { uri: fetched.uri, found_at: started },
        };
        Self {
            held,
            location: Some(location),
            failing: None,
            cooldown: self.cooldown,
            fetches: self.fetches,
        }
    }

    fn known_location(&self, now: SystemTime) -> Option<&Location> {
        let age = |location: &Location| now.duration_since(location.found_at);
        self.location
            .as_ref()
            .filter(|location| age(location).is_ok_and(|age| age < Self::LOCATION_LIFETIME))
    }

    /// The keys stay, the URI goes: the issuer may have moved its key set.
    fn failed(&self, error: FetchError, now: SystemTime, jitter: f64) -> Self {
        let count = self.failing.as_ref().map_or(0, |failing| failing.count).saturating_add(1);
        let doubled = Self::FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(count - 1));
        let length = doubled.min(Self::MAX_BACKOFF).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        let failing =
            Failing { count, last: Arc::new(error), backoff: Pause { from: now, length } };
        Self { location: None, failing: Some(failing), ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
