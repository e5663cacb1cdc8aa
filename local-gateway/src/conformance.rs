//! The table of cases: what API Gateway does with an authorizer, sent to an API and compared.
//!
//! The table is `tests/cases.json`; it says itself how to read it. The cases are sent either to the
//! [built-in APIs](Endpoints::BuiltIn), or to APIs that are somewhere else, for example in AWS
//! ([`template`] deploys them there). From outside it is not always visible whether the function was
//! asked: the stub returns the ID of its invocation in the context, and only an integration gets that.
//! What is not visible is not checked, and the verdict says so.

mod built_in;
mod client;
mod comparison;
mod stub;
mod table;
pub mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

pub use self::built_in::BuiltIn;
use self::client::Target;
use self::comparison::Found;
pub use self::table::{Api, Case, Exchange, Function, Table};
use crate::stack::Stack;
use crate::tokens;

/// Where the cases are sent.
#[derive(Debug)]
pub enum Endpoints {
    /// To a new API of this process for each case. The stack has the function and its issuer.
    BuiltIn(Box<Stack>),
    /// To the APIs at these URLs.
    At {
        /// The URLs, by the APIs' names in the table.
        urls: BTreeMap<String, String>,
        /// Cases that wait longer for a cached response to expire are not checked.
        max_wait: Duration,
        /// The invocations that the integrations have seen, each after its API's URL.
        seen: Mutex<BTreeSet<String>>,
    },
}

impl Endpoints {
    /// Returns the APIs at these URLs.
    #[must_use]
    pub fn at(urls: BTreeMap<String, String>, max_wait: Duration) -> Self {
        Self::At { urls, max_wait, seen: Mutex::default() }
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as expected.
    Passed,
    /// Everything that is visible is as expected. The text says what is not visible.
    PassedInPart(String),
    /// The texts are the differences.
    Failed(Vec<String>),
    /// Nothing was sent, for this reason.
    NotChecked(String),
}

/// Sends a case's requests, and compares what comes back.
pub async fn check(table: &Table, case: &Case, endpoints: &Endpoints) -> Verdict {
    let Some(api) = table.apis.get(&case.api) else {
        return Verdict::Failed(vec![format!("the table has no API {}", case.api)]);
    };
    let marked = marked(table, api, case);
    match endpoints {
        Endpoints::BuiltIn(stack) => {
            let function = (case.function == Function::JwksAuthorizer).then_some(&**stack);
            match BuiltIn::start(table, api, function).await {
                Ok(api) => {
                    let seen = Mutex::default();
                    Run::new(api.url(), marked, Some(&api), function, &seen).send(case).await
                }
                Err(error) => Verdict::Failed(vec![error.to_string()]),
            }
        }
        Endpoints::At { urls, seen, .. } => {
            if let Some(reason) = not_checked(case, endpoints) {
                return Verdict::NotChecked(reason);
            }
            let url = urls.get(&case.api).cloned().unwrap_or_default();
            Run::new(url, marked, None, None, seen).send(case).await
        }
    }
}

/// Returns why a case is not sent to these endpoints.
fn not_checked(case: &Case, endpoints: &Endpoints) -> Option<String> {
    let Endpoints::At { urls, max_wait, .. } = endpoints else { return None };
    if case.function == Function::JwksAuthorizer {
        return Some(String::from("its tokens are the built-in issuer's"));
    }
    if !urls.contains_key(&case.api) {
        return Some(format!("there is no URL of {}", case.api));
    }
    let waits = case.waits();
    (waits > *max_wait).then(|| format!("it waits for {} s; --max-wait allows it", waits.as_secs()))
}

/// Returns how long the cases wait at these endpoints for cached responses to expire.
#[must_use]
pub fn waits(table: &Table, endpoints: &Endpoints) -> Duration {
    let sent = table.cases.iter().filter(|case| not_checked(case, endpoints).is_none());
    sent.map(Case::waits).sum()
}

/// Returns the credentials that may differ from the table's, so that no response for another case is
/// used, which may still be cached.
fn marked(table: &Table, api: &Api, case: &Case) -> BTreeSet<String> {
    // A validation expression may be about the whole credential.
    let as_it_is = case.function == Function::JwksAuthorizer || api.validation.is_some();
    if as_it_is { BTreeSet::new() } else { table.responses.keys().cloned().collect() }
}

/// A case under way.
struct Run<'a> {
    url: String,
    /// The API, if it is one of this process, which shows more than an answer does.
    built_in: Option<&'a BuiltIn>,
    stack: Option<&'a Stack>,
    /// The credentials that get `mark`.
    marked: BTreeSet<String>,
    mark: String,
    seen: &'a Mutex<BTreeSet<String>>,
    differences: Vec<String>,
    /// The positions of the requests whose authorization was not visible.
    unseen: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(
        url: String,
        marked: BTreeSet<String>,
        built_in: Option<&'a BuiltIn>,
        stack: Option<&'a Stack>,
        seen: &'a Mutex<BTreeSet<String>>,
    ) -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            url,
            built_in,
            stack,
            marked,
            mark: format!("{:x}", since_epoch.unwrap_or_default().as_nanos()),
            seen,
            differences: Vec::new(),
            unseen: Vec::new(),
        }
    }

    async fn send(mut self, case: &Case) -> Verdict {
        for (position, exchange) in case.requests.iter().enumerate() {
            let after = Duration::from_secs(exchange.after_seconds);
            match self.built_in {
                Some(api) => api.advance(after),
                None => tokio::time::sleep(after).await,
            }
            let found = self.exchange(exchange).await;
            let place = format!("request {}, {}", position + 1, exchange.request);
            let differences = match found {
                Ok(found) => {
                    if found.invoked.is_none() {
                        self.unseen.push((position + 1).to_string());
                    }
                    found.compare(exchange)
                }
                Err(error) => vec![error],
            };
            self.differences.extend(differences.iter().map(|it| format!("{place}: {it}")));
        }
        if !self.differences.is_empty() {
            Verdict::Failed(self.differences)
        } else if !self.unseen.is_empty() {
            let requests = self.unseen.join(", ");
            Verdict::PassedInPart(format!(
                "not visible whether the function was asked and the response was cached: \
                 request {requests}"
            ))
        } else {
            Verdict::Passed
        }
    }

    /// Sends one request, and finds out what API Gateway did.
    async fn exchange(&self, exchange: &Exchange) -> Result<Found, String> {
        let (method, path) = exchange.request.split_once(' ').unwrap_or((&exchange.request, ""));
        let mut headers = Vec::new();
        for (name, value) in &exchange.headers {
            headers.push((name.clone(), self.credential(value)?));
        }
        let path = match path.split_once("token=") {
            Some((before, value)) => format!("{before}token={}", self.credential(value)?),
            None => path.to_owned(),
        };
        let before = self.built_in.map(BuiltIn::invocations);
        let target = Target::parse(&self.url, &path)?;
        let answer = target.send(method, &headers).await?;
        let mut found = Found::new(answer);
        match (self.built_in, before) {
            (Some(api), Some(before)) => {
                let invoked = api.invocations() > before;
                found.invoked = Some(invoked);
                found.cached = Some(api.was_cached());
                if api.recorded_invocation() != invoked {
                    return Err(String::from(
                        "the record of the request is wrong about the function",
                    ));
                }
            }
            _ => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                found.infer(|id| seen.insert(format!("{} {id}", self.url)));
            }
        }
        Ok(found)
    }

    /// Returns what is sent in place of a value of the table: a token, or a marked name.
    fn credential(&self, value: &str) -> Result<String, String> {
        if self.marked.contains(value) {
            return Ok(format!("{value}.{}", self.mark));
        }
        let Some((before, name)) = value.split_once("token:") else {
            return Ok(value.to_owned());
        };
        let issuer = &self.stack.ok_or("there is no issuer")?.issuer;
        let token = match name {
            "good" => tokens::valid(issuer),
            "expired" => tokens::expired(issuer),
            "wrong_audience" => tokens::for_another_audience(issuer),
            "other_issuer" => tokens::of_another_issuer(issuer),
            "forged" => tokens::forged(issuer).map_err(|error| error.to_string())?,
            "unsigned" => tokens::unsigned(issuer),
            unknown => return Err(format!("there is no token named {unknown}")),
        };
        Ok(format!("{before}{token}"))
    }
}
