//! An open connection: it takes the client's messages, sends what the API has for it, and ends.
//!
//! | the end | close code, and `disconnectStatusCode` | source |
//! |---|---|---|
//! | 10 minutes without a message or a ping, or 2 hours | 1001 `Going away` | [AWS, quotas] for the times; the code, and that pings count, is not documented |
//! | a binary message | 1003 | [AWS, messages] |
//! | a message over 128 kB, or a frame over 32 kB | 1009 | [AWS, messages] |
//! | `DELETE` of `@connections` | 1000 `Connection Closed Normally` | [measured by others] |
//! | the client closes it | the client's code; without one, 1005 `Client-side close frame status not set` | seen in published events |
//! | the client is gone, without a close message | 1006 | not documented |
//! | the client violates the protocol | 1002 | RFC 6455 §7.4.1; not documented by AWS |
//!
//! [AWS, quotas]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
//! [AWS, messages]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html
//! [measured by others]: https://github.com/boto/boto3/issues/3789

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{self, AsyncWriteExt};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::backend::Backend;
use super::connections::Command;
use super::{MAX_MESSAGE_BYTES, MAX_WAITING};

/// The largest frame that API Gateway accepts.
const MAX_FRAME_BYTES: usize = 32 * 1024;

/// How long a connection lives.
const MAX_DURATION: Duration = Duration::from_secs(2 * 3600);

/// How long a connection lives without a message.
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);

/// How long a client has, in real time, to close its side.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Client = WebSocketStream<TokioIo<Upgraded>>;

/// How a connection ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl End {
    fn new(code: CloseCode, reason: &str) -> Self {
        Self { code: code.into(), reason: reason.to_owned() }
    }

    fn lost() -> Self {
        Self::new(CloseCode::Abnormal, "")
    }

    fn by_client(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => Self::new(frame.code, &frame.reason),
            None => Self::new(CloseCode::Status, "Client-side close frame status not set"),
        }
    }
}

/// Serves the connection from the handshake, at `opened_at`, to its end.
pub(super) async fn serve(
    backend: Backend,
    upgrade: OnUpgrade,
    opened_at: Instant,
    commands: Receiver<Command>,
) {
    let (messages, received) = mpsc::channel(MAX_WAITING);
    let connection = async {
        let end = match upgrade.await {
            Ok(upgraded) => {
                let limits = WebSocketConfig::default()
                    .max_message_size(Some(MAX_MESSAGE_BYTES))
                    .max_frame_size(Some(MAX_FRAME_BYTES));
                let stream = TokioIo::new(upgraded);
                let client =
                    WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
                let socket = Socket { client, backend: &backend, messages, commands };
                socket.run(opened_at).await
            }
            Err(_) => End::lost(),
        };
        backend.api.connections.close(&backend.handshake.connection_id);
        end
    };
    let (end, ()) = tokio::join!(connection, backend.answer(received));
    backend.disconnect(&end).await;
}

struct Socket<'a> {
    client: Client,
    backend: &'a Backend,
    /// To the integration.
    messages: Sender<String>,
    /// To the client.
    commands: Receiver<Command>,
}

impl Socket<'_> {
    async fn run(mut self, opened_at: Instant) -> End {
        let backend = self.backend;
        let clock = backend.api.clock();
        let mut idle_since = opened_at;
        loop {
            let limit = (opened_at + MAX_DURATION).min(idle_since + MAX_IDLE);
            let received = async {
                // Reads a message only if there is room for it.
                drop(self.messages.reserve().await);
                self.client.next().await
            };
            tokio::select! {
                () = clock.sleep_until(limit) => return self.close(CloseCode::Away, "Going away"),
                message = received => match self.receive(message) {
                    Ok(()) => idle_since = clock.now(),
                    Err(Ending::ByServer(code, reason)) => return self.close(code, reason),
                    Err(Ending::ByClient(end)) => {
                        backend.api.connections.close(&backend.handshake.connection_id);
                        // Sends the answer to the client's close message.
                        let rest = async { while let Some(Ok(_)) = self.client.next().await {} };
                        let _ = tokio::time::timeout(CLOSE_TIMEOUT, rest).await;
                        return end;
                    }
                },
                Some(command) = self.commands.recv() => match command {
                    Command::Close => {
                        return self.close(CloseCode::Normal, "Connection Closed Normally");
                    }
                    Command::Send(text) => tokio::select! {
                        sent = self.client.send(Message::text(text)) => {
                            if sent.is_err() {
                                return End::lost();
                            }
                            idle_since = clock.now();
                        }
                        // A client that does not read has no longer than others.
                        () = clock.sleep_until(limit) => {
                            return self.close(CloseCode::Away, "Going away");
                        }
                    }
                }
            }
        }
    }

    /// Passes a message on, or tells why the connection ends.
    fn receive(&self, message: Option<Result<Message, Error>>) -> Result<(), Ending> {
        let api = &self.backend.api;
        api.connections.touch(&self.backend.handshake.connection_id, api.clock().wall_time());
        match message {
            Some(Ok(Message::Text(text))) => {
                // Nothing else sends, so there is still room.
                let _ = self.messages.try_send(text.as_str().to_owned());
                Ok(())
            }
            // The library answers pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(frame))) => Err(Ending::ByClient(End::by_client(frame))),
            Some(Ok(Message::Binary(_))) => {
                Err(Ending::ByServer(CloseCode::Unsupported, "binary messages are not supported"))
            }
            Some(Err(Error::Capacity(_))) => {
                Err(Ending::ByServer(CloseCode::Size, "the message or a frame is too large"))
            }
            Some(Err(
                Error::Io(_)
                | Error::ConnectionClosed
                | Error::AlreadyClosed
                | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            ))
            | None => Err(Ending::ByClient(End::lost())),
            Some(Err(_)) => Err(Ending::ByServer(CloseCode::Protocol, "protocol error")),
        }
    }

    /// Closes the connection. It has ended now, also if the client keeps its side open.
    fn close(self, code: CloseCode, reason: &str) -> End {
        let id = &self.backend.handshake.connection_id;
        self.backend.api.connections.close(id);
        let frame = CloseFrame { code, reason: reason.into() };
        tokio::spawn(tokio::time::timeout(CLOSE_TIMEOUT, close(self.client, frame)));
        End::new(code, reason)
    }
}

/// Sends a close message, and reads what the client has sent meanwhile. Otherwise the operating system
/// would reset the connection, and the client could lose the message.
async fn close(mut client: Client, frame: CloseFrame) -> io::Result<u64> {
    // The client may be gone.
    client.close(Some(frame)).await.ok();
    let stream = client.get_mut();
    stream.shutdown().await?;
    io::copy(stream, &mut io::sink()).await
}

/// Who ends the connection.
enum Ending {
    ByClient(End),
    ByServer(CloseCode, &'static str),
}
