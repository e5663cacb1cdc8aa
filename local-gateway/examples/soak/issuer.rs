//! An issuer that fails in many ways.
//!
//! It answers from memory, and writes the bytes of a response itself, so that it can break any rule of
//! HTTP. Each connection has a thread: the function opens about one a second.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use local_gateway::issuer::{DISCOVERY_PATH, KEY_SET_PATH};
use serde_json::{Value, json};

/// How the issuer behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// It serves its documents.
    Healthy,
    /// It does so after this time. The response is as old.
    Slow(Duration),
    /// It does not answer.
    Hangs,
    /// It closes the connection without an answer.
    Disconnects,
    /// It closes the connection in the middle of the answer.
    Truncates,
    /// It sends bytes that are not HTTP.
    Garbage,
    /// It has status 500.
    Error,
    /// It serves a web page.
    Page,
    /// It serves a key set without a usable key.
    BrokenKey,
    /// It serves more bytes than the function reads.
    TooLarge,
}

/// A running issuer. It ends with the program.
pub(crate) struct Issuer {
    pub(crate) url: String,
    served: Arc<Mutex<Served>>,
}

struct Served {
    behaviour: Behaviour,
    url: String,
    key_set: String,
}

impl Issuer {
    /// Starts an issuer without keys on a free port.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let served =
            Served { behaviour: Behaviour::Healthy, url: url.clone(), key_set: String::new() };
        let served = Arc::new(Mutex::new(served));
        let state = Arc::clone(&served);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                // The function closes a connection when it has waited long enough.
                thread::spawn(move || answer(stream, &state));
            }
        });
        Ok(Self { url, served })
    }

    /// Publishes these keys, and no others.
    pub(crate) fn publish(&self, keys: impl Iterator<Item = Value>) {
        let key_set = json!({ "keys": keys.collect::<Vec<_>>() }).to_string();
        lock(&self.served).key_set = key_set;
    }

    /// Changes how it behaves from the next request on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        lock(&self.served).behaviour = behaviour;
    }
}

fn lock(served: &Mutex<Served>) -> std::sync::MutexGuard<'_, Served> {
    served.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, served: &Mutex<Served>) -> io::Result<()> {
    let mut request = [0; 4096];
    // A request for a document is one packet.
    let length = stream.read(&mut request)?;
    let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (behaviour, own) = {
        let served = lock(served);
        (served.behaviour, document(path, &served))
    };
    match behaviour {
        Behaviour::Healthy => stream.write_all(&response("200 OK", &own)),
        Behaviour::Slow(time) => {
            thread::sleep(time);
            stream.write_all(&response("200 OK", &own))
        }
        Behaviour::Hangs => stream.read(&mut [0]).map(drop),
        Behaviour::Disconnects => Ok(()),
        Behaviour::Truncates => {
            let response = response("200 OK", &own);
            stream.write_all(response.get(..response.len() - 20).unwrap_or_default())
        }
        Behaviour::Garbage => stream.write_all(&[0xff; 500]),
        Behaviour::Error => stream.write_all(&response("500 Internal Server Error", "{}")),
        Behaviour::Page => stream.write_all(&response("200 OK", "<!doctype html><title>Sign in")),
        Behaviour::BrokenKey => stream.write_all(&response(
            "200 OK",
            r#"{"keys":[{"kty":"RSA","kid":"broken","n":"?","e":"AQAB"}]}"#,
        )),
        Behaviour::TooLarge => stream.write_all(&response("200 OK", &" ".repeat(1_000_000))),
    }
}

fn document(path: &str, served: &Served) -> String {
    match path {
        DISCOVERY_PATH => {
            let Served { url, .. } = served;
            json!({ "issuer": url, "jwks_uri": format!("{url}{KEY_SET_PATH}") }).to_string()
        }
        KEY_SET_PATH => served.key_set.clone(),
        _ => String::new(),
    }
}

fn response(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
