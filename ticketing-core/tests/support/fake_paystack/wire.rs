//! HTTP, as far as it takes; and every way to spoil an answer.

use super::Fault;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Does it; `None` where the connection is gone.
pub(super) async fn act(stream: &mut TcpStream, fault: Fault, (status, body): (u16, Value)) -> Option<()> {
    let head = |status: u16, kind: &str, length: usize| {
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")
    };
    let body = body.to_string();
    let (status, kind, body) = match fault {
        Fault::None | Fault::WrongReference | Fault::UnknownStatus => (status, "application/json", body),
        Fault::Slow => {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            (status, "application/json", body)
        }
        Fault::TimeoutLost | Fault::TimeoutApplied => {
            // Until the caller has had enough.
            let _ = stream.read(&mut [0]).await;
            return None;
        }
        Fault::DropBefore | Fault::DropAfter => return None,
        Fault::Reset => {
            let _ = stream.set_zero_linger();
            return None;
        }
        Fault::Error500 | Fault::Error500Applied => {
            (500, "application/json", r#"{"status":false,"message":"oops"}"#.to_owned())
        }
        Fault::Html502 => (502, "text/html", "<html><h1>502 Bad Gateway</h1></html>".to_owned()),
        Fault::Truncated => {
            let half = body.get(..body.len() / 2).unwrap_or_default();
            let _ = stream.write_all((head(status, "application/json", body.len()) + half).as_bytes()).await;
            return None;
        }
        Fault::TooMany => (429, "application/json", r#"{"status":false,"code":"rate_limited"}"#.to_owned()),
    };
    stream.write_all((head(status, kind, body.len()) + &body).as_bytes()).await.ok()
}

/// Method, path and query, and the body.
pub(super) async fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let lower = head.to_lowercase();
    let length =
        lower.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(Some(0), |it| it.parse().ok())?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some((line, serde_json::from_slice(&bytes[end..]).unwrap_or_default()))
}
