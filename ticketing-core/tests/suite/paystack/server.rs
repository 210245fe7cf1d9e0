//! A server over raw TCP that does one scripted thing for each request, and remembers what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request once it was read.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answer, and keep the connection.
    Answer { status: u16, headers: &'static str, body: String },
    /// Answer a head that promises more than the body holds, and close.
    CutShort(&'static str),
    /// Answer a body that never ends.
    Endless,
    /// Answer one byte of the body now and then.
    Drip(String),
    /// Write these bytes, and close.
    Raw(&'static str),
    /// Close.
    Close,
    /// Close with a reset.
    Reset,
    /// Say nothing.
    Hang,
}

impl Step {
    pub(crate) fn answer(status: u16, body: impl Into<String>) -> Self {
        Self::Answer { status, headers: "", body: body.into() }
    }

    /// `200` and `data` in Paystack's envelope.
    pub(crate) fn data(data: impl AsRef<str>) -> Self {
        Self::answer(200, format!(r#"{{"status":true,"message":"ok","data":{}}}"#, data.as_ref()))
    }

    pub(crate) fn no(status: u16, code: &str) -> Self {
        Self::answer(status, format!(r#"{{"status":false,"message":"upstream words","code":"{code}"}}"#))
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    seen: Vec<Request>,
    connections: usize,
}

pub(crate) struct Server {
    url: String,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::start_on("127.0.0.1:0", steps).await
    }

    pub(crate) async fn start_on(address: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script { steps: steps.into_iter().collect(), ..Script::default() }));
        let of_task = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                of_task.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&of_task)));
            }
        });
        Self { url, script }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.script.lock().unwrap().seen.clone()
    }

    /// Method, path and query of each request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|request| request.line).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    while let Some(request) = read(&mut stream).await {
        let step = {
            let mut script = script.lock().unwrap();
            script.seen.push(request);
            script.steps.pop_front()
        };
        // An unexpected request is answered in a way that no test hopes for.
        let step = step.unwrap_or_else(|| Step::answer(418, "no step left"));
        if !act(&mut stream, step).await {
            return;
        }
    }
}

/// Does it; says whether the connection stays.
async fn act(stream: &mut TcpStream, step: Step) -> bool {
    let head = |status: u16, headers: &str, length: usize| {
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n")
    };
    match step {
        Step::Answer { status, headers, body } => {
            stream.write_all((head(status, headers, body.len()) + &body).as_bytes()).await.is_ok()
        }
        Step::CutShort(body) => {
            let _ = stream.write_all((head(200, "", body.len() + 100) + body).as_bytes()).await;
            false
        }
        Step::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
            false
        }
        Step::Drip(body) => {
            let _ = stream.write_all(head(200, "", body.len()).as_bytes()).await;
            for byte in body.bytes() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
            }
            true
        }
        Step::Raw(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            false
        }
        Step::Close => false,
        Step::Reset => {
            stream.set_zero_linger().unwrap();
            false
        }
        Step::Hang => {
            let _ = stream.read(&mut [0]).await;
            false
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let first = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let line = first.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { line, head, body: String::from_utf8(bytes[end..].to_vec()).unwrap() })
}
