//! The execution environments and their states.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::LambdaOptions;
use super::environment::Environment;
use super::report::millis;

/// The environments, the idle ones and those that are in use.
#[derive(Debug)]
pub(super) struct Pool {
    options: LambdaOptions,
    entries: BTreeMap<u64, Entry>,
    /// How many environments there were.
    started: u64,
    invocations: usize,
}

/// What is known of an environment.
#[derive(Debug)]
struct Entry {
    state: State,
    pid: Option<u32>,
    init: Option<Duration>,
    invocations: usize,
    /// Whether the environment ends when it has answered.
    is_last: bool,
}

#[derive(Debug)]
enum State {
    Starting,
    Busy,
    /// It has answered, and not yet asked for its next event.
    Settling,
    /// The number of invocations before it became idle, and the environment.
    Idle(usize, Box<Environment>),
}

/// What an event is to do.
pub(super) enum Next {
    /// Use this place.
    Place(Place),
    /// Wait for a change.
    Wait,
    /// Be refused. This is the limit.
    Throttled(usize),
}

/// Where an event is processed.
pub(super) enum Place {
    /// In an environment that was idle.
    Idle(Box<Environment>),
    /// In an environment with this number, which must be started.
    New(u64),
}

impl Pool {
    pub(super) fn new(options: LambdaOptions) -> Self {
        Self { options, entries: BTreeMap::new(), started: 0, invocations: 0 }
    }

    pub(super) fn options(&self) -> LambdaOptions {
        self.options
    }

    pub(super) fn invocations(&self) -> usize {
        self.invocations
    }

    pub(super) fn configure(&mut self, options: LambdaOptions) {
        self.options = options;
        for entry in self.entries.values_mut() {
            if let State::Idle(_, environment) = &mut entry.state {
                if options.freezes {
                    environment.freeze();
                } else {
                    environment.thaw();
                }
            }
        }
    }

    /// Adds an environment that is being started, and returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.started += 1;
        let entry =
            Entry { state: State::Starting, pid: None, init: None, invocations: 0, is_last: false };
        self.entries.insert(self.started, entry);
        self.started
    }

    /// Finds a place for an event. `may_wait` tells whether it may wait for an environment that has
    /// answered.
    pub(super) fn next(&mut self, may_wait: bool) -> Next {
        // An environment may have ended while it was idle.
        self.entries.retain(|_, entry| match &mut entry.state {
            State::Idle(_, environment) => !environment.has_ended(),
            State::Starting | State::Busy | State::Settling => true,
        });
        let in_use = self.entries.values().filter(|entry| !entry.is_idle()).count();
        let settles = self
            .entries
            .values()
            .any(|entry| matches!(entry.state, State::Settling) && !entry.is_last);
        let limit = self.options.environments;
        if in_use < limit
            && let Some(environment) = self.take_idle()
        {
            Next::Place(Place::Idle(environment))
        } else if settles && may_wait {
            Next::Wait
        } else if in_use < limit {
            Next::Place(Place::New(self.begin()))
        } else {
            Next::Throttled(limit)
        }
    }

    /// Takes the environment that became idle last.
    fn take_idle(&mut self) -> Option<Box<Environment>> {
        let last = self.entries.values_mut().filter_map(|entry| match entry.state {
            State::Idle(since, _) => Some((since, entry)),
            State::Starting | State::Busy | State::Settling => None,
        });
        let (_, entry) = last.max_by_key(|(since, _)| *since)?;
        match std::mem::replace(&mut entry.state, State::Busy) {
            State::Idle(_, environment) => Some(environment),
            State::Starting | State::Busy | State::Settling => None,
        }
    }

    /// Notes that an environment gets an event. Returns the function's timeout.
    pub(super) fn started(&mut self, environment: &Environment) -> Duration {
        self.invocations += 1;
        if let Some(entry) = self.entries.get_mut(&environment.number()) {
            entry.state = State::Busy;
            entry.invocations += 1;
            entry.know(environment);
        }
        self.options.timeout
    }

    /// Notes that an environment has answered.
    pub(super) fn settling(&mut self, number: u64) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.state = State::Settling;
        }
    }

    /// Makes an environment idle, and freezes it. Returns it if it is not to be used any more.
    pub(super) fn park(&mut self, mut environment: Box<Environment>) -> Option<Box<Environment>> {
        let number = environment.number();
        let Some(entry) = self.entries.get_mut(&number).filter(|entry| !entry.is_last) else {
            self.entries.remove(&number);
            return Some(environment);
        };
        entry.know(&environment);
        if self.options.freezes {
            environment.freeze();
        }
        entry.state = State::Idle(self.invocations, environment);
        None
    }

    /// Forgets an environment that has ended.
    pub(super) fn end(&mut self, number: u64) {
        self.entries.remove(&number);
    }

    /// Removes the idle environments, and marks the others. Returns those that are to be dropped.
    pub(super) fn stop_all(&mut self) -> Vec<Environment> {
        let mut ended = Vec::new();
        for (number, mut entry) in std::mem::take(&mut self.entries) {
            if let State::Idle(_, environment) = entry.state {
                ended.push(*environment);
            } else {
                entry.is_last = true;
                self.entries.insert(number, entry);
            }
        }
        ended
    }

    pub(super) fn describe(&self) -> Value {
        let environments = self.entries.iter().map(|(number, entry)| {
            let (state, frozen) = match &entry.state {
                State::Starting => ("starting", None),
                State::Busy | State::Settling => ("busy", None),
                State::Idle(_, environment) => match environment.frozen_for() {
                    Some(frozen) => ("frozen", Some(millis(frozen))),
                    None => ("idle", None),
                },
            };
            json!({
                "number": number,
                "state": state,
                "pid": entry.pid,
                "init_ms": entry.init.map(millis),
                "frozen_ms": frozen,
                "invocations": entry.invocations,
            })
        });
        json!({
            "timeout_s": self.options.timeout.as_secs_f64(),
            "limit": self.options.environments,
            "freezes": self.options.freezes,
            "can_freeze": cfg!(unix),
            "environments": environments.collect::<Vec<_>>(),
        })
    }
}

impl Entry {
    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(..))
    }

    fn know(&mut self, environment: &Environment) {
        self.pid = Some(environment.pid());
        self.init = Some(environment.init());
    }
}
