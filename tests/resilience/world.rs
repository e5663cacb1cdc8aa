//! Every way for an issuer to fail, and an issuer that can be made to.

use std::time::Duration;

use test_support::deployment::Deployment;
use test_support::fixtures::{self, Fixtures, SIGNING_KID};
use test_support::line::{Fault, Line};

/// How long a fetch may take: less than the ten seconds that the fixture `slow` takes, and enough for
/// a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

/// Where the fixture `redirect` leads.
const REDIRECT_TARGETS: [&str; 2] =
    ["/redirect/followed/openid-configuration", "/healthy/jwks.json"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The issuer behaves like this fixture.
    Fixture(&'static str),
    /// The connection breaks, in a way that the loader of the fixtures does not support.
    Line(Fault),
    /// The port refuses connections.
    Refused,
}

impl Failure {
    /// Each failure, and what the log says about it.
    pub(crate) const ALL: [(Self, &str); 13] = [
        (Self::Refused, "Connection refused"),
        (Self::Line(Fault::Reset), "Connection reset by peer"),
        (Self::Line(Fault::Garbage), "invalid HTTP"),
        (Self::Line(Fault::MalformedChunk), "chunk size"),
        (Self::Line(Fault::Drip), "no response within 2000 ms"),
        (Self::Fixture("slow"), "no response within 2000 ms"),
        (Self::Fixture("fault-empty-response"), "connection closed before message completed"),
        (Self::Fixture("error-500"), "returned status 500"),
        (Self::Fixture("not-found"), "returned status 404"),
        (Self::Fixture("redirect"), "returned status 302"),
        (Self::Fixture("oversize"), "more than 150000 bytes"),
        (Self::Fixture("html"), "not a JSON object"),
        (Self::Fixture("slash-after-issuer"), "must be exactly the configured issuer"),
    ];
}

/// An issuer that behaves like one fixture and then another, at the far end of a line.
pub(crate) struct World {
    fixtures: Fixtures,
    line: Line,
}

impl World {
    pub(crate) async fn new() -> Self {
        let fixtures = Fixtures::serve().await.unwrap();
        fixtures.switch_to("healthy");
        let line = Line::start(fixtures.address()).await;
        Self { fixtures, line }
    }

    fn issuer(&self) -> String {
        format!("http://{}/issuer", self.line.address())
    }

    pub(crate) fn token(&self) -> String {
        fixtures::token(&self.issuer(), SIGNING_KID)
    }

    /// Starts the function with short times.
    pub(crate) async fn start_function(&self) -> Deployment {
        let settings = [
            ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
            ("AUTHORIZER_JWKS_TIMEOUT_MS", &TIMEOUT.as_millis().to_string()),
            ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "1"),
        ];
        Deployment::trusting(&self.issuer(), &settings).await
    }

    pub(crate) async fn fail(&mut self, failure: Failure) {
        match failure {
            Failure::Fixture(name) => self.fixtures.switch_to(name),
            Failure::Line(fault) => self.line.set(fault),
            Failure::Refused => self.line.unplug().await,
        }
    }

    pub(crate) fn mend(&mut self) {
        self.line.set(Fault::None);
        self.line.plug_in();
        self.fixtures.switch_to("healthy");
    }

    /// Counts the connections that the function opened.
    pub(crate) fn connections(&self) -> usize {
        self.line.connections()
    }

    /// Counts the requests to where a redirect leads.
    pub(crate) async fn followed_redirects(&self) -> usize {
        let mut requests = 0;
        for target in REDIRECT_TARGETS {
            requests += self.fixtures.requests_to(target).await;
        }
        requests
    }
}
