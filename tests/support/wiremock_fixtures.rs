//! Serves `wiremock-fixtures/` without Java: WireMock's own files, mounted on a
//! [`MockServer`] of the `wiremock` crate.
//!
//! It honours a small part of [WireMock's format] and refuses everything else
//! by name, so that a fixture never means one thing here and another under the
//! real WireMock. What the crate cannot do at all (reset a connection, break a
//! chunk, drip a body) is in `mappings/real-wiremock-only/`, which is not loaded.
//!
//! [WireMock's format]: https://wiremock.org/docs/stubbing/

#![allow(dead_code, reason = "each test binary uses its own part of the loader")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU8;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use serde::Deserialize;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The folder that `--root-dir` names to the real WireMock.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wiremock-fixtures");

/// The folder under `mappings/` with what the `wiremock` crate cannot do.
pub(crate) const REAL_WIREMOCK_ONLY: &str = "real-wiremock-only";

/// The one template expression that a body may hold: scheme, host and port of
/// the request, so that an issuer is the URL by which it is fetched.
pub(crate) const BASE_URL: &str = "{{request.baseUrl}}";

/// The `kid` under which the key sets publish [`signing_key`].
pub(crate) const SIGNING_KID: &str = "test-key-never-trust-1";

/// Returns the RSA key whose public half the key sets publish as
/// [`SIGNING_KID`], for RS256.
pub(crate) fn signing_key() -> EncodingKey {
    // PKCS#1, because that is what `from_rsa_der` takes; jsonwebtoken's own PEM
    // reader is a feature that the function itself has no use for.
    let pem = include_str!("../../wiremock-fixtures/TEST-KEY-never-trust.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    match STANDARD.decode(base64) {
        Ok(der) => EncodingKey::from_rsa_der(&der),
        Err(error) => unreachable!("the committed key is valid PEM: {error}"),
    }
}

/// The fixtures on a port of their own, for as long as the value lives.
pub(crate) struct Fixtures {
    server: MockServer,
    names: BTreeSet<String>,
}

impl Fixtures {
    /// Serves every fixture that the `wiremock` crate can honour.
    ///
    /// # Errors
    ///
    /// The first thing in the mappings that would not be served as written.
    pub(crate) async fn serve() -> Result<Self, Refusal> {
        let mappings = load(Path::new(ROOT))?;
        let names = mappings.iter().map(|m| m.fixture().to_owned()).collect();
        let server = MockServer::start().await;
        for mapping in mappings {
            server.register(mapping.into_mock()).await;
        }
        Ok(Self { server, names })
    }

    /// Returns the issuer URL of a fixture: `http://127.0.0.1:PORT/NAME`.
    ///
    /// # Panics
    ///
    /// If there is no such fixture: a misspelt name would pass for a 404.
    pub(crate) fn issuer(&self, name: &str) -> String {
        assert!(self.names.contains(name), "no fixture {name:?} among {:?}", self.names);
        format!("{}/{name}", self.server.uri())
    }

    /// Returns the key set URL of a fixture, for issuers without discovery.
    ///
    /// # Panics
    ///
    /// As [`Fixtures::issuer`].
    pub(crate) fn jwks_uri(&self, name: &str) -> String {
        format!("{}/jwks.json", self.issuer(name))
    }

    /// Counts the requests to a path, as `/healthy/jwks.json`, answered or not.
    pub(crate) async fn requests_to(&self, path: &str) -> usize {
        let Some(requests) = self.server.received_requests().await else {
            unreachable!("a server records its requests unless told otherwise")
        };
        requests.iter().filter(|request| request.url.path() == path).count()
    }
}

/// Reads every mapping under `root`, but for [`REAL_WIREMOCK_ONLY`].
pub(crate) fn load(root: &Path) -> Result<Vec<Mapping>, Refusal> {
    let mut mappings = Vec::new();
    let mut routes = BTreeSet::new();
    for path in entries(&root.join("mappings"))? {
        if path.ends_with(REAL_WIREMOCK_ONLY) {
            continue;
        }
        for mapping in parse(&read(&path)?, &root.join("__files"))
            .map_err(|refusal| Refusal::InFile(Box::new(refusal), path.clone()))?
        {
            if !routes.insert((mapping.request.url_path.clone(), mapping.priority)) {
                return Err(Refusal::Ambiguous(mapping.request.url_path));
            }
            mappings.push(mapping);
        }
    }
    Ok(mappings)
}

/// Parses one file of mappings, whose bodies are in the folder `files`.
pub(crate) fn parse(json: &str, files: &Path) -> Result<Vec<Mapping>, Refusal> {
    let file: MappingFile = serde_json::from_str(json)?;
    file.mappings.into_iter().map(|stub| Mapping::new(stub, files)).collect()
}

/// Why a fixture cannot be served as the real WireMock would serve it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{path}: {0}", path = .1.display())]
    InFile(#[source] Box<Refusal>, PathBuf),
    #[error("{path}: {0}", path = .1.display())]
    Unreadable(#[source] std::io::Error, PathBuf),
    /// Not JSON, or a field or value beyond the supported part of the format.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    #[error("`fault` {0:?}: the wiremock crate cannot do that to a connection")]
    UnsupportedFault(Fault),
    #[error("`fault` goes with nothing else in a response")]
    FaultWithResponse,
    #[error("`bodyFileName` {0:?} does not stay within __files")]
    OutsideFiles(PathBuf),
    #[error("`{{{{` in the {0}, other than {BASE_URL} in the body of a templated response")]
    StrayTemplate(&'static str),
    #[error("`status` {0} is not one of a final response")]
    Status(u16),
    /// The real WireMock takes the last of equals, the crate takes the first.
    #[error("two mappings of equal `priority` for {0}")]
    Ambiguous(String),
}

/// One request pattern and what answers it, ready to mount.
#[derive(Debug)]
pub(crate) struct Mapping {
    priority: NonZeroU8,
    request: RequestPattern,
    reply: Reply,
}

#[derive(Debug)]
enum Reply {
    Response(Response),
    /// The connection is closed without one byte of an answer.
    Nothing,
}

#[derive(Debug)]
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    /// May hold [`BASE_URL`], and does so only where the response is templated.
    body: String,
    delay: Duration,
}

impl Mapping {
    fn new(stub: StubMapping, files: &Path) -> Result<Self, Refusal> {
        Ok(Self {
            priority: stub.priority,
            request: stub.request,
            reply: Reply::new(stub.response, files)?,
        })
    }

    /// The first segment of the path, which tells one issuer from another.
    fn fixture(&self) -> &str {
        let path = self.request.url_path.trim_start_matches('/');
        path.split_once('/').map_or(path, |(fixture, _)| fixture)
    }

    fn into_mock(self) -> Mock {
        let Method::Get = self.request.method;
        let mut mock = Mock::given(method("GET")).and(path(self.request.url_path));
        for (name, HeaderPattern { equal_to }) in self.request.headers {
            // Not `matchers::header`: that one takes values apart at commas.
            mock = mock.and(move |request: &Request| {
                let mut values = request.headers.get_all(&name).iter();
                values.any(|value| value == equal_to.as_str())
            });
        }
        let mock = match self.reply {
            Reply::Response(response) => mock.respond_with(response),
            Reply::Nothing => {
                mock.respond_with_err(|_: &Request| std::io::Error::other("closed by a fixture"))
            }
        };
        mock.with_priority(self.priority.get())
    }
}

impl Reply {
    fn new(definition: ResponseDefinition, files: &Path) -> Result<Self, Refusal> {
        let Some(fault) = definition.fault else {
            return Response::new(definition, files).map(Self::Response);
        };
        let alone = ResponseDefinition { fault: Some(fault), ..ResponseDefinition::default() };
        if definition != alone {
            return Err(Refusal::FaultWithResponse);
        }
        match fault {
            Fault::EmptyResponse => Ok(Self::Nothing),
            Fault::ConnectionResetByPeer
            | Fault::MalformedResponseChunk
            | Fault::RandomDataThenClose => Err(Refusal::UnsupportedFault(fault)),
        }
    }
}

impl Response {
    fn new(definition: ResponseDefinition, files: &Path) -> Result<Self, Refusal> {
        // A response without a status is a 200, says WireMock.
        let status = definition.status.unwrap_or(200);
        if !(200..=599).contains(&status) {
            return Err(Refusal::Status(status));
        }
        if definition.headers.values().any(|value| value.contains("{{")) {
            return Err(Refusal::StrayTemplate("headers"));
        }
        let body = match definition.body_file_name {
            Some(name) => read(&within(files, name)?)?,
            None => String::new(),
        };
        let untemplated = match definition.transformers.as_slice() {
            [] => body.clone(),
            [Transformer::ResponseTemplate, ..] => body.replace(BASE_URL, ""),
        };
        if untemplated.contains("{{") {
            return Err(Refusal::StrayTemplate("body"));
        }
        Ok(Self {
            status,
            headers: definition.headers,
            body,
            delay: Duration::from_millis(definition.fixed_delay_milliseconds),
        })
    }
}

impl Respond for Response {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        // From the header, as the real one has it: a client that asked for
        // `localhost` must read of an issuer at `localhost`.
        let host = request.headers.get("host").and_then(|h| h.to_str().ok());
        let base_url = format!("http://{}", host.unwrap_or_default());
        ResponseTemplate::new(self.status)
            .append_headers(&self.headers)
            .set_body_bytes(self.body.replace(BASE_URL, &base_url))
            .set_delay(self.delay)
    }
}

fn within(files: &Path, name: PathBuf) -> Result<PathBuf, Refusal> {
    let stays = |component| matches!(component, Component::Normal(_));
    if name.components().all(stays) {
        Ok(files.join(name))
    } else {
        Err(Refusal::OutsideFiles(name))
    }
}

fn read(path: &Path) -> Result<String, Refusal> {
    fs::read_to_string(path).map_err(|error| Refusal::Unreadable(error, path.to_owned()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| Refusal::Unreadable(error, folder.to_owned()))
}

// WireMock's format, or rather the part of it that is honoured to the letter.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    mappings: Vec<StubMapping>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StubMapping {
    /// 1 comes first.
    #[serde(default = "default_priority")]
    priority: NonZeroU8,
    request: RequestPattern,
    response: ResponseDefinition,
}

/// What a mapping has that does not say, in WireMock and in the crate.
fn default_priority() -> NonZeroU8 {
    const { NonZeroU8::new(5).unwrap() }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RequestPattern {
    method: Method,
    url_path: String,
    #[serde(default)]
    headers: BTreeMap<String, HeaderPattern>,
}

#[derive(Debug, Deserialize)]
enum Method {
    #[serde(rename = "GET")]
    Get,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HeaderPattern {
    equal_to: String,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct ResponseDefinition {
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    body_file_name: Option<PathBuf>,
    fixed_delay_milliseconds: u64,
    transformers: Vec<Transformer>,
    fault: Option<Fault>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Transformer {
    ResponseTemplate,
}

/// <https://wiremock.org/docs/simulating-faults/>
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Fault {
    ConnectionResetByPeer,
    EmptyResponse,
    MalformedResponseChunk,
    RandomDataThenClose,
}
