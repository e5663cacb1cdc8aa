//! Serves `wiremock-fixtures/` without Java: WireMock's own files, mounted on a
//! [`MockServer`] of the `wiremock` crate.
//!
//! It honours a small part of [WireMock's format] and refuses everything else
//! by name, so that a fixture never means one thing here and another under the
//! real WireMock. What the crate cannot do at all (reset a connection, break a
//! chunk, drip a body) is in `mappings/real-wiremock-only/`, which is not loaded.
//!
//! [WireMock's format]: https://wiremock.org/docs/stubbing/

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local_gateway::issuer::{AUDIENCE, now_seconds};
use serde::Deserialize;
use serde_json::json;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The folder that `--root-dir` names to the real WireMock.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wiremock-fixtures");

/// The folder under `mappings/` with what the `wiremock` crate cannot do.
pub const REAL_WIREMOCK_ONLY: &str = "real-wiremock-only";

/// A template expression: scheme, host and port of the request.
pub const BASE_URL: &str = "{{request.baseUrl}}";

/// A template expression: the first segment of the request's path. With [`BASE_URL`] before it, it is
/// the URL of the issuer that was asked.
pub const FIRST_SEGMENT: &str = "{{request.pathSegments.[0]}}";

/// The first segment of the path of the [`Fixtures::switched_issuer`].
const SWITCHED: &str = "issuer";

/// The `kid` under which the key sets publish [`signing_key`].
pub const SIGNING_KID: &str = "test-key-never-trust-1";

/// Returns the RSA key whose public half the key sets publish as
/// [`SIGNING_KID`], for RS256.
#[must_use]
pub fn signing_key() -> EncodingKey {
    // PKCS#1, because that is what `from_rsa_der` takes; jsonwebtoken's own PEM
    // reader is a feature that the function itself has no use for.
    let pem = include_str!("../../../wiremock-fixtures/TEST-KEY-never-trust.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    match STANDARD.decode(base64) {
        Ok(der) => EncodingKey::from_rsa_der(&der),
        Err(error) => unreachable!("the committed key is valid PEM: {error}"),
    }
}

/// Returns a token that the [`signing_key`] signs, valid for all fixtures with that key.
#[must_use]
pub fn token(issuer: &str, kid: &str) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::RS256) };
    let claims = json!({ "iss": issuer, "aud": AUDIENCE, "exp": now_seconds() + 600 });
    jsonwebtoken::encode(&header, &claims, &signing_key()).unwrap()
}

/// The fixtures on a port of their own, until the value is dropped.
pub struct Fixtures {
    server: MockServer,
    names: BTreeSet<String>,
    /// The fixture that the switched issuer behaves like.
    switched: Arc<Mutex<String>>,
}

impl Fixtures {
    /// Serves every fixture that the `wiremock` crate supports.
    ///
    /// # Errors
    ///
    /// The first thing in the mappings that would not be served as written.
    pub async fn serve() -> Result<Self, Refusal> {
        let mappings = load(Path::new(ROOT))?;
        let names = mappings.iter().map(|m| m.fixture().to_owned()).collect();
        let server = MockServer::start().await;
        let switched = Arc::<Mutex<String>>::default();
        for mapping in mappings {
            server.register(mapping.into_mock(Arc::clone(&switched))).await;
        }
        Ok(Self { server, names, switched })
    }

    /// Returns the server's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.server.address()
    }

    /// Returns the issuer URL of a fixture: `http://127.0.0.1:PORT/NAME`.
    ///
    /// # Panics
    ///
    /// If there is no such fixture: a misspelt name would pass for a 404.
    #[must_use]
    pub fn issuer(&self, name: &str) -> String {
        self.assert_exists(name);
        format!("{}/{name}", self.server.uri())
    }

    /// Returns the key set URL of a fixture, for issuers without discovery.
    ///
    /// # Panics
    ///
    /// As [`Fixtures::issuer`].
    #[must_use]
    pub fn jwks_uri(&self, name: &str) -> String {
        format!("{}/jwks.json", self.issuer(name))
    }

    /// Returns the URL of one more issuer. [`Fixtures::switch_to`] sets its behaviour.
    #[must_use]
    pub fn switched_issuer(&self) -> String {
        format!("{}/{SWITCHED}", self.server.uri())
    }

    /// Makes the [`Fixtures::switched_issuer`] behave like a fixture from now on.
    ///
    /// # Panics
    ///
    /// As [`Fixtures::issuer`].
    pub fn switch_to(&self, name: &str) {
        self.assert_exists(name);
        name.clone_into(&mut self.switched.lock().unwrap());
    }

    fn assert_exists(&self, name: &str) {
        assert!(self.names.contains(name), "no fixture {name:?} among {:?}", self.names);
    }

    /// Counts the requests to a path, for example `/healthy/jwks.json`, answered or not.
    pub async fn requests_to(&self, path: &str) -> usize {
        let Some(requests) = self.server.received_requests().await else {
            unreachable!("a server records its requests unless told otherwise")
        };
        requests.iter().filter(|request| request.url.path() == path).count()
    }
}

/// Reads every mapping under `root`, but for [`REAL_WIREMOCK_ONLY`].
///
/// # Errors
///
/// The first thing that would not be served as written.
pub fn load(root: &Path) -> Result<Vec<Mapping>, Refusal> {
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
///
/// # Errors
///
/// The first thing that would not be served as written.
pub fn parse(json: &str, files: &Path) -> Result<Vec<Mapping>, Refusal> {
    let file: MappingFile = serde_json::from_str(json)?;
    file.mappings.into_iter().map(|stub| Mapping::new(stub, files)).collect()
}

/// Why a fixture cannot be served as the real WireMock would serve it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// In this file.
    #[error("{path}: {0}", path = .1.display())]
    InFile(#[source] Box<Refusal>, PathBuf),
    /// A file that cannot be read.
    #[error("{path}: {0}", path = .1.display())]
    Unreadable(#[source] std::io::Error, PathBuf),
    /// Not JSON, or a field or value beyond the supported part of the format.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// A fault that only the real WireMock has.
    #[error("`fault` {0:?}: the wiremock crate cannot do that to a connection")]
    UnsupportedFault(Fault),
    /// A fault and a response at once.
    #[error("`fault` goes with nothing else in a response")]
    FaultWithResponse,
    /// A body outside of `__files`.
    #[error("`bodyFileName` {0:?} does not stay within __files")]
    OutsideFiles(PathBuf),
    /// A template expression that would not be replaced.
    #[error("`{{{{` in the {0}, other than {BASE_URL} and {FIRST_SEGMENT} in a templated body")]
    StrayTemplate(&'static str),
    /// A status that no final response has.
    #[error("`status` {0} is not one of a final response")]
    Status(u16),
    /// The real WireMock takes the last of equals, the crate takes the first.
    #[error("two mappings of equal `priority` for {0}")]
    Ambiguous(String),
}

/// One request pattern and what answers it, ready to mount.
#[derive(Debug)]
pub struct Mapping {
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
    /// Contains [`BASE_URL`] and [`FIRST_SEGMENT`] only if the response is templated.
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

    fn into_mock(self, switched: Arc<Mutex<String>>) -> Mock {
        let Method::Get = self.request.method;
        let fixture = self.fixture().to_owned();
        let path = self.request.url_path;
        let switched_path = path.replacen(&fixture, SWITCHED, 1);
        let mut mock = Mock::given(method("GET")).and(move |request: &Request| {
            let requested = request.url.path();
            requested == path
                || (requested == switched_path && *switched.lock().unwrap() == fixture)
        });
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
            [Transformer::ResponseTemplate, ..] => {
                body.replace(BASE_URL, "").replace(FIRST_SEGMENT, "")
            }
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
        // The real WireMock takes it from the header too: who asks `localhost` gets an issuer at
        // `localhost`.
        let host = request.headers.get("host").and_then(|h| h.to_str().ok());
        let base_url = format!("http://{}", host.unwrap_or_default());
        let first_segment = request.url.path_segments().and_then(|mut path| path.next());
        let first_segment = first_segment.unwrap_or_default();
        ResponseTemplate::new(self.status)
            .append_headers(&self.headers)
            .set_body_bytes(
                self.body.replace(BASE_URL, &base_url).replace(FIRST_SEGMENT, first_segment),
            )
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

/// What happens to the connection in place of a response; see
/// <https://wiremock.org/docs/simulating-faults/>.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fault {
    /// It is reset.
    ConnectionResetByPeer,
    /// It is closed.
    EmptyResponse,
    /// It gets a 200 and then a chunk that is none.
    MalformedResponseChunk,
    /// It gets bytes that are not HTTP.
    RandomDataThenClose,
}
