//! A fast mail server that accepts every mail and keeps none, so that benchmarks do not depend on how the disk handles files. It
//! implements just enough of SMTP (RFC 5321) to accept a mail.

use crate::Failure;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Starts it. Returns its address.
pub async fn open() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client may hang up at any time.
            tokio::spawn(async move { drop(talk(stream).await) });
        }
    });
    Ok(address)
}

async fn talk(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 post.example.com\r\n").await?;
    let mut line = vec![];
    let mut is_mail = false;
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            _ if is_mail && line != b".\r\n" => continue,
            _ if is_mail => {
                is_mail = false;
                b"250 kept by nobody\r\n"
            }
            b"DATA" => {
                is_mail = true;
                b"354 go on\r\n"
            }
            b"QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}
