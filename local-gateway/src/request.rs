//! A client's request, which API Gateway makes one of its [events](crate::events) of.

use std::time::{Duration, SystemTime};

/// A client's request, before API Gateway makes an event of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method; a WebSocket handshake has `GET`.
    pub method: String,
    /// The path below the stage.
    pub path: String,
    /// The headers in the client's case and order.
    pub headers: Vec<(String, String)>,
    /// The query string's parameters, decoded.
    pub query: Vec<(String, String)>,
    /// The cookies, each as `name=value`.
    pub cookies: Vec<String>,
    /// When it came.
    pub received_at: SystemTime,
    /// Where it came from.
    pub source_ip: String,
    /// The id that a WebSocket API gives the connection.
    pub connection_id: String,
}

impl Request {
    /// A request with nothing but a method and a path, at an arbitrary but fixed time.
    #[must_use]
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
            received_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_674_162_806_344),
            source_ip: String::from("127.0.0.1"),
            connection_id: String::from("L0SM9cOFIAMCIdw="),
        }
    }

    /// A WebSocket handshake.
    #[must_use]
    pub fn handshake() -> Self {
        Self::new("GET", "/")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds an `Authorization` header with `token` as its bearer.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Adds a query string parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a cookie.
    #[must_use]
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.push(format!("{name}={value}"));
        self
    }

    /// The `Authorization` header's value.
    pub(crate) fn identity(&self) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
        Some(value)
    }

    /// The headers as they were on the wire, cookies included.
    pub(crate) fn sent_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if !self.cookies.is_empty() {
            headers.push((String::from("Cookie"), self.cookies.join("; ")));
        }
        headers
    }

    /// When it came, in milliseconds since the epoch.
    pub(crate) fn epoch_millis(&self) -> u64 {
        let since_epoch = self.received_at.duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    /// When it came, in the common log format: `19/Jan/2023:21:13:26 +0000`.
    pub(crate) fn request_time(&self) -> String {
        let http_date = httpdate::fmt_http_date(self.received_at);
        match http_date.split(' ').collect::<Vec<_>>().as_slice() {
            [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
            _ => http_date,
        }
    }
}
