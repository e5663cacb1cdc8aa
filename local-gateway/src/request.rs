//! A client's request, from which API Gateway makes an [event](crate::events).

use std::time::{Duration, SystemTime};

/// A client's request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method; `GET` for a WebSocket handshake.
    pub method: String,
    /// The path below the stage.
    pub path: String,
    /// The stage, if it is not the usual one of its kind of API.
    pub stage: Option<String>,
    /// The headers in the client's case and order.
    pub headers: Vec<(String, String)>,
    /// The query string's parameters, decoded.
    pub query: Vec<(String, String)>,
    /// The cookies, each as `name=value`.
    pub cookies: Vec<String>,
    /// The time at which API Gateway received it.
    pub received_at: SystemTime,
    /// The client's IP address.
    pub source_ip: String,
    /// The client's certificate as PEM, if the API uses mutual TLS.
    pub client_certificate: Option<String>,
    /// The ID that a WebSocket API gives the connection.
    pub connection_id: String,
}

impl Request {
    /// Creates a request with a method, a path and a fixed time.
    #[must_use]
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            stage: None,
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
            received_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_674_162_806_344),
            source_ip: String::from("127.0.0.1"),
            client_certificate: None,
            connection_id: String::from("L0SM9cOFIAMCIdw="),
        }
    }

    /// Creates a WebSocket handshake.
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

    /// Adds an `Authorization` header with `token` as the bearer token.
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

    /// Adds the client's certificate, as PEM.
    #[must_use]
    pub fn client_certificate(mut self, pem: impl Into<String>) -> Self {
        self.client_certificate = Some(pem.into());
        self
    }

    /// Returns the value of the first `Authorization` header.
    pub(crate) fn identity(&self) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
        Some(value)
    }

    /// Returns the headers that the client sent, cookies included.
    pub(crate) fn sent_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if !self.cookies.is_empty() {
            headers.push((String::from("Cookie"), self.cookies.join("; ")));
        }
        headers
    }

    /// Returns the time in milliseconds since the epoch.
    pub(crate) fn epoch_millis(&self) -> u64 {
        let since_epoch = self.received_at.duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the time in the common log format, for example `19/Jan/2023:21:13:26 +0000`.
    pub(crate) fn request_time(&self) -> String {
        let http_date = httpdate::fmt_http_date(self.received_at);
        match http_date.split(' ').collect::<Vec<_>>().as_slice() {
            [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
            _ => http_date,
        }
    }
}
