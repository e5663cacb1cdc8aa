//! An issuer's keys and its behaviour, which change at random.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Failure;
use crate::issuer::{Behaviour, Issuer};
use crate::keys::Key;
use crate::random::Random;
use crate::rules::Record;

/// The longest time between two changes.
const LONGEST_PAUSE_MS: u64 = 200;

/// The issuer publishes at most this many keys besides the first one.
const FURTHER_KEYS: usize = 3;

/// An issuer, and all keys that it has made.
pub(crate) struct World {
    issuer: Issuer,
    keys: Vec<Key>,
    /// The numbers of the published keys. The first one is never withdrawn.
    published: Vec<usize>,
    /// The numbers of the others, and when they were withdrawn.
    withdrawn: Vec<(usize, Duration)>,
    next_change: Instant,
    /// How often the keys changed.
    pub(crate) rotations: usize,
    /// The answers to valid tokens.
    pub(crate) records: Vec<Record>,
}

impl World {
    /// Starts an issuer with one key.
    pub(crate) fn start() -> Result<Self, Failure> {
        let issuer = Issuer::start()?;
        let keys = vec![Key::rsa(&issuer.url, "key-0")?];
        let next_change = Instant::now();
        let (published, withdrawn) = (vec![0], Vec::new());
        let (rotations, records) = (0, Vec::new());
        let world = Self { issuer, keys, published, withdrawn, next_change, rotations, records };
        world.publish();
        Ok(world)
    }

    pub(crate) fn issuer_url(&self) -> &str {
        &self.issuer.url
    }

    /// Returns the names of all keys.
    pub(crate) fn kids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.kid.as_str()).collect()
    }

    /// Returns a key, most often one that is published, and when it was withdrawn, if it was.
    pub(crate) fn any_key(&self, random: &mut Random) -> (usize, &Key, Option<Duration>) {
        /// Older keys were used for long enough.
        const RECENT: usize = 8;
        let recent = self.withdrawn.len().saturating_sub(RECENT);
        let withdrawn = self.withdrawn.get(recent..).unwrap_or_default();
        let withdrawn = random.one_of(withdrawn).filter(|_| random.below(4) == 0);
        let (number, time) = match withdrawn {
            Some((number, time)) => (*number, Some(*time)),
            None => (random.one_of(&self.published).copied().unwrap_or_default(), None),
        };
        (number, &self.keys[number], time)
    }

    /// Changes something, if it is time. Returns whether it did.
    pub(crate) fn change(&mut self, random: &mut Random) -> Result<bool, Failure> {
        let now = Instant::now();
        if now < self.next_change {
            return Ok(false);
        }
        self.next_change = now + Duration::from_millis(1 + random.below(LONGEST_PAUSE_MS));
        match random.below(20) {
            0..=1 => self.rotate(random)?,
            2..=6 => self.issuer.behave(fault(random)),
            _ => self.issuer.behave(Behaviour::Healthy),
        }
        Ok(true)
    }

    /// Publishes a new key, withdraws one, or both.
    fn rotate(&mut self, random: &mut Random) -> Result<(), Failure> {
        self.rotations += 1;
        let change = random.below(4);
        if change > 0 || self.published.len() == 1 {
            let number = self.keys.len();
            self.keys.push(Key::ecdsa(&self.issuer.url, &format!("key-{number}"))?);
            self.published.push(number);
        }
        let mut withdrawn = None;
        if self.published.len() > 1 && (change < 2 || self.published.len() > 1 + FURTHER_KEYS) {
            let further = self.published.len() as u64 - 1;
            withdrawn = Some(self.published.remove(1 + usize::try_from(random.below(further))?));
        }
        self.publish();
        if let Some(number) = withdrawn {
            self.withdrawn.push((number, now()));
        }
        Ok(())
    }

    fn publish(&self) {
        self.issuer.publish(self.published.iter().map(|number| self.keys[*number].jwk.clone()));
    }
}

fn fault(random: &mut Random) -> Behaviour {
    match random.below(10) {
        0 => Behaviour::Hangs,
        1 => Behaviour::Disconnects,
        2 => Behaviour::Truncates,
        3 => Behaviour::Garbage,
        4 => Behaviour::Error,
        5 => Behaviour::Page,
        6 => Behaviour::BrokenKey,
        7 => Behaviour::TooLarge,
        _ => Behaviour::Slow(Duration::from_millis(random.below(150))),
    }
}

/// Returns the time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
