//! The issuer fails, before the function has keys and while it holds stale ones.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use test_support::deployment::{Decision, Deployment};
use test_support::gateway::Verdict;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::world::{Failure, TIMEOUT, World};

/// What a busy machine needs beyond [`TIMEOUT`]. Together they are less than the ten seconds that the
/// fixture `slow` takes.
const SLACK: Duration = Duration::from_secs(6);

/// How many good tokens an issuer's failure must not harm.
const TOKENS: usize = 1_000;

/// Runs a check for each failure at the same time, since each waits most of the time.
async fn for_each_failure<T: Send + 'static, F>(check: impl Fn(Failure) -> F) -> Vec<(Failure, T)>
where
    F: Future<Output = (World, Deployment, T)> + Send + 'static,
{
    let mut checks = JoinSet::new();
    for (failure, error) in Failure::ALL {
        let check = check(failure);
        checks.spawn(async move {
            let (world, deployment, outcome) = check.await;
            assert_eq!(world.followed_redirects().await, 0, "{failure:?}");
            let last = deployment.refreshes.iter().rfind(|refresh| refresh.outcome == "failed");
            let last = last.map(|refresh| refresh.error.as_str()).unwrap_or_default();
            assert!(last.contains(error), "{failure:?} was taken for {last:?}");
            (failure, outcome)
        });
    }
    let mut outcomes = checks.join_all().await;
    outcomes.sort_by_key(|(failure, _)| Failure::ALL.iter().position(|(each, _)| each == failure));
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_it_answers_500_within_the_timeout_and_recovers() {
    for_each_failure(|failure| async move {
        let mut world = World::new().await;
        world.fail(failure).await;
        let token = world.token();
        let started = Instant::now();
        let mut deployment = world.start_function().await;

        // The first decision that waits for a fetch, and one during the backoff after it.
        let mut decisions = deployment.ask_until(&token, |seen, _| seen.failures() > 1).await;
        decisions.push(deployment.ask_token(&token).await);
        for decision in &decisions {
            assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{failure:?}: {decision}");
            assert!(decision.took < TIMEOUT + SLACK, "{failure:?}: {decision}");
        }
        assert!(deployment.failures() <= most_refreshes(started.elapsed()), "{failure:?}");
        assert_eq!(
            deployment.failure_levels(0),
            ["ERROR"].into(),
            "{failure:?}: there are no keys"
        );

        world.mend();
        let allowed = |_: &Deployment, decision: &Decision| decision.verdict == Verdict::Allow;
        let decisions = deployment.ask_until(&token, allowed).await;
        let (last, before) = decisions.split_last().unwrap();
        last.is_allowed_by("fetched");
        for decision in before {
            assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{failure:?}: {decision}");
        }
        (world, deployment, ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_stale_keys_it_allows_every_good_token_and_backs_off() {
    // One at a time is measured, so that they do not measure each other.
    let measuring = Arc::new(Mutex::new(()));
    let rows = for_each_failure(|failure| {
        let measuring = Arc::clone(&measuring);
        async move {
            let mut world = World::new().await;
            let token = world.token();
            let mut deployment = world.start_function().await;
            deployment.hold_keys(&token).await;
            world.fail(failure).await;

            let alone = measuring.lock().await;
            let (refreshes, calls) = (deployment.refreshes.len(), world.connections());
            let failures = deployment.failures();
            let started = Instant::now();
            let stale = |seen: &Deployment, decision: &Decision| {
                seen.failures() > failures && decision.keys.as_deref() == Some("stale")
            };
            let mut decisions = deployment.ask_until(&token, stale).await;
            // What went before was still fresh, or stale before the fetch failed.
            for decision in decisions.drain(..decisions.len() - 1) {
                assert_eq!(decision.verdict, Verdict::Allow, "{failure:?}: {decision}");
            }
            while decisions.len() < TOKENS {
                decisions.push(deployment.ask_token(&token).await);
            }
            let took = started.elapsed();
            let row = Row {
                failure,
                allowed: decisions.iter().filter(|each| each.verdict == Verdict::Allow).count(),
                refused: decisions.iter().filter(|each| each.verdict != Verdict::Allow).count(),
                refreshes: deployment.refreshes.len() - refreshes,
                calls: world.connections() - calls,
                slowest: decisions.iter().map(|each| each.took).max().unwrap_or_default(),
            };
            drop(alone);
            // The first may have waited: its keys became too old while this check waited for its turn.
            let slowest_decision = slowest_decision(&decisions[1..]);

            decisions.iter().for_each(|decision| decision.is_allowed_by("stale"));
            assert!(row.slowest < TIMEOUT + SLACK, "{row}");
            // The fetches follow answers. The time of an answer includes one only while the function
            // has not asked for the next request.
            assert!(slowest_decision < TIMEOUT, "{row}: a decision waited {slowest_decision:?}");
            assert!(row.refreshes <= most_refreshes(took), "{row}, in {took:?}");
            // A refresh tries once more, and may look for the key set as well.
            assert!(row.calls <= 4 * row.refreshes, "{row}");

            // It does not give up: the issuer is asked again when the pause is over.
            deployment.ask_until(&token, |seen, _| seen.failures() > failures + 1).await;
            assert_eq!(
                deployment.failure_levels(refreshes),
                ["WARN"].into(),
                "{failure:?}: keys serve"
            );
            (world, deployment, row)
        }
    })
    .await;

    println!("failure                    allowed  refused  fetches  requests  slowest ms");
    for (_, row) in rows {
        println!("{row}");
    }
}

/// Returns the longest time that a decision took by the function's own account.
fn slowest_decision(decisions: &[Decision]) -> Duration {
    decisions.iter().map(|decision| decision.duration).max().unwrap_or_default()
}

/// A line of the table.
struct Row {
    failure: Failure,
    allowed: usize,
    refused: usize,
    refreshes: usize,
    calls: usize,
    slowest: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, allowed, refused, refreshes, calls, slowest } = self;
        let (failure, slowest) = (format!("{failure:?}"), slowest.as_secs_f64() * 1_000.0);
        write!(
            f,
            "{failure:25}  {allowed:7}  {refused:7}  {refreshes:7}  {calls:8}  {slowest:10.1}"
        )
    }
}

/// Counts the fetches that can begin in this time after one has failed, itself included.
///
/// The pauses double, and chance shortens each by half at most: 0.5 s, 1 s, 2 s, ….
fn most_refreshes(time: Duration) -> usize {
    let pauses = (0..).map(|failures| Duration::from_millis(500 * (1 << failures)));
    let ends = pauses.scan(Duration::ZERO, |passed, pause| {
        *passed += pause;
        Some(*passed)
    });
    1 + ends.take_while(|end| *end <= time).count()
}

#[test]
fn counts_the_fetches_that_backing_off_leaves_room_for() {
    for (millis, most) in [(0, 1), (499, 1), (500, 2), (1_499, 2), (1_500, 3), (3_500, 4)] {
        assert_eq!(most_refreshes(Duration::from_millis(millis)), most, "{millis}");
    }
}
