//! HTTP in front of the simulated service: connections, the wall's clock, stopping.
//!
//! Every request goes to the one world in turn, on a thread that may wait for the disk. Faults of the connection are
//! made here, below HTTP: the `Line` of a connection is told what to do to the next answer.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Request as HttpRequest, Response, StatusCode, Uri, header};
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::fault::Cut;
use super::protocol::{Reply, Request, form};
use super::{Answered, Wire};

/// More than any request that the models allow.
const LARGEST_REQUEST: usize = 4 << 20;
/// How long connections may take to end after the server was told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Stops a server from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Tells the server to stop; what is being answered is answered first.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// Serves a world at an address until it is told to stop, its clock `speed` times as fast as the wall's; `announce` learns the address, whose port may have been 0.
///
/// # Errors
/// When the address cannot be used.
pub fn serve(
    wire: Wire,
    listen: SocketAddr,
    stop: &Stop,
    speed: f64,
    announce: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        announce(listener.local_addr()?);
        let door = Arc::new(Door {
            wire,
            started: Instant::now(),
            speed,
        });
        let router = Router::new().fallback(answer).with_state(door);
        let service = router.into_make_service_with_connect_info::<Line>();
        let stopped = Arc::new(Notify::new());
        let told = Arc::clone(&stop.0);
        let tell = Arc::clone(&stopped);
        let serving = axum::serve(Lines(listener), service).with_graceful_shutdown(async move {
            told.notified().await;
            tell.notify_one();
        });
        tokio::select! {
            served = serving => served,
            () = async { stopped.notified().await; tokio::time::sleep(GRACE).await } => Ok(()),
        }
    });
    runtime.shutdown_timeout(GRACE);
    served
}

struct Door {
    wire: Wire,
    started: Instant,
    speed: f64,
}

async fn answer(
    State(door): State<Arc<Door>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: HttpRequest<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let elapsed = door.started.elapsed().mul_f64(door.speed);
    let request = if parts.method == Method::POST {
        let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
            return written(door.wire.too_large(elapsed));
        };
        from_headers(&parts.headers, body.to_vec())
    } else if parts.method == Method::GET
        && let Some(query) = signed_query(&parts.uri)
    {
        query
    } else if matches!(parts.method, Method::GET | Method::HEAD) {
        let text =
            "This is rolecall's simulator of AWS IAM Identity Center; it answers AWS clients, by POST.\n";
        return plain(StatusCode::OK, text);
    } else {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "AWS clients send POST.\n");
    };
    let answered = tokio::task::spawn_blocking(move || door.wire.answer(&request, elapsed)).await;
    let Ok(Answered { reply, delay, cut }) = answered else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The request could not be answered.\n",
        );
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    line.set(cut);
    written(reply)
}

fn from_headers(headers: &HeaderMap, body: Vec<u8>) -> Request {
    let text = |name: &str| header_text(headers, name);
    Request {
        authorization: text("authorization"),
        security_token: text("x-amz-security-token"),
        target: text("x-amz-target"),
        body,
    }
}

/// A query request by GET, as a signed URL carries it: who calls stands among its parameters.
fn signed_query(uri: &Uri) -> Option<Request> {
    let query = uri.query().filter(|query| query.contains("Action="))?;
    let parameters = form(query.as_bytes());
    let credential = parameters.get("X-Amz-Credential");
    Some(Request {
        authorization: credential.map(|credential| format!("Credential={credential}")),
        security_token: parameters.get("X-Amz-Security-Token").cloned(),
        target: None,
        body: query.as_bytes().to_vec(),
    })
}

fn written(reply: Reply) -> Response<Body> {
    let mut response = Response::builder()
        .status(reply.status)
        .header(header::CONTENT_TYPE, reply.content_type)
        .header("x-amzn-RequestId", reply.request_id);
    if let Some(kind) = reply.error_type {
        response = response.header("x-amzn-ErrorType", kind);
    }
    response.body(Body::from(reply.body)).unwrap_or_else(|_| {
        plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The answer could not be written.\n",
        )
    })
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// What a connection does to the next answer.
#[derive(Debug, Clone, Default)]
struct Line(Arc<Mutex<Option<Cut>>>);

impl Line {
    fn set(&self, cut: Option<Cut>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    fn get(&self) -> Option<Cut> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

/// A listener whose connections have a [`Line`].
struct Lines(TcpListener);

impl Listener for Lines {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        // Answers are small, and clients wait for each of them.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            line: Line::default(),
            held: Vec::new(),
            sending: Vec::new(),
            sent: 0,
        };
        (connection, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that passes everything on, unless its line says that something happens to the answer: then it holds the
/// answer until it is complete.
struct Connection {
    stream: TcpStream,
    line: Line,
    held: Vec<u8>,
    sending: Vec<u8>,
    sent: usize,
}

impl Connection {
    /// Sends what is left of the answer that something happened to.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.sending.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        Poll::Ready(Ok(()))
    }

    /// What becomes of a complete answer.
    fn decide(&mut self, cut: Cut) {
        let held = std::mem::take(&mut self.held);
        self.sent = 0;
        self.sending = match cut {
            Cut::Reset => Vec::new(),
            Cut::Truncate => held
                .get(..held.len().saturating_sub(held.len().min(24) / 2))
                .unwrap_or_default()
                .to_vec(),
            Cut::Duplicate => [held.as_slice(), held.as_slice()].concat(),
        };
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.line.get().is_none() {
            return Pin::new(&mut self.stream).poll_write(cx, data);
        }
        self.held.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(cut) = self.line.get() else {
            return Pin::new(&mut self.stream).poll_flush(cx);
        };
        if !self.held.is_empty() {
            self.decide(cut);
        }
        ready!(self.poll_send(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if cut == Cut::Duplicate {
            self.line.set(None);
            return Poll::Ready(Ok(()));
        }
        if cut == Cut::Reset {
            // Closing without lingering resets the connection.
            let _ = self.stream.set_zero_linger();
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
