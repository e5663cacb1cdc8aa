//! Lambda's Runtime API for one function that takes one invocation at a time, with as little work as
//! possible: one connection, one thread, and four system calls for each invocation.
//!
//! `local_gateway::runtime_api` is a complete one, and takes more CPU time than the function.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::Failure;
use crate::world::now;

/// How long the function may take: longer than a freeze and a fetch.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A Runtime API. The function has one connection to it.
pub(crate) struct RuntimeApi {
    listener: TcpListener,
    connection: Option<TcpStream>,
    request: Vec<u8>,
    response: Vec<u8>,
}

/// What the function sends for an invocation.
pub(crate) struct Answer<'a> {
    /// Whether it is a response, and not an error.
    pub(crate) is_response: bool,
    pub(crate) body: &'a [u8],
    /// When it came, since 1970. What the function does after it, begins later.
    pub(crate) at: Duration,
}

impl RuntimeApi {
    /// Starts listening on a free port.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { listener, connection: None, request: Vec::new(), response: Vec::new() })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits until the function asks for an invocation.
    pub(crate) fn wait_for_next(&mut self) -> Result<(), Failure> {
        let head_length = self.read_request()?;
        let head = self.request.get(..head_length).unwrap_or_default();
        if head.starts_with(b"GET /2018-06-01/runtime/invocation/next ") {
            Ok(())
        } else {
            Err(format!("not a request for an invocation: {}", self.request.escape_ascii()).into())
        }
    }

    /// Sends an invocation to the function, which has asked for it. Its deadline is in 10 s.
    pub(crate) fn send(&mut self, number: u64, event: &str) -> Result<(), Failure> {
        let deadline = now().as_millis() + 10_000;
        self.response.clear();
        write!(
            self.response,
            "HTTP/1.1 200 OK\r\n\
             content-type: application/json\r\n\
             lambda-runtime-aws-request-id: {number}\r\n\
             lambda-runtime-deadline-ms: {deadline}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:soak\r\n\
             content-length: {}\r\n\r\n{event}",
            event.len()
        )?;
        self.connection.as_mut().ok_or("no connection")?.write_all(&self.response)?;
        Ok(())
    }

    /// Waits for the answer to an invocation, and accepts it.
    pub(crate) fn answer(&mut self, number: u64) -> Result<Answer<'_>, Failure> {
        let head_length = self.read_request()?;
        let at = now();
        let (head, body) = self.request.split_at(head_length);
        let kind = head
            .strip_prefix(format!("POST /2018-06-01/runtime/invocation/{number}/").as_bytes())
            .ok_or_else(|| format!("not the answer to {number}: {}", head.escape_ascii()))?;
        let is_response = kind.starts_with(b"response ");
        let accepted = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        self.connection.as_mut().ok_or("no connection")?.write_all(accepted)?;
        Ok(Answer { is_response, body, at })
    }

    /// Reads a request, and returns the length of its head.
    fn read_request(&mut self) -> Result<usize, Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let (stream, _) = self.listener.accept()?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(TIME_LIMIT))?;
                none.insert(stream)
            }
        };
        self.request.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(head_length) = find(&self.request, b"\r\n\r\n").map(|index| index + 4) {
                let head = self.request.get(..head_length).unwrap_or_default();
                if self.request.len() >= head_length + content_length(head)? {
                    return Ok(head_length);
                }
            }
            match connection.read(&mut chunk) {
                Ok(0) => return Err("the function has closed its connection".into()),
                Ok(length) => self.request.extend(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the function does not answer: {error}").into()),
            }
        }
    }
}

/// Returns the length of a request's body. A body without a length is an error.
fn content_length(head: &[u8]) -> Result<usize, Failure> {
    let head = std::str::from_utf8(head)?;
    let header = |wanted: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let mut values = fields.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        values.next().map(|(_, value)| value.trim())
    };
    match (header("content-length"), header("transfer-encoding")) {
        (Some(length), None) => Ok(length.parse()?),
        (None, None) => Ok(0),
        (_, Some(_)) => Err("the function sends a body in chunks".into()),
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
