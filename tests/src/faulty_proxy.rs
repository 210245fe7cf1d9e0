//! A bad line between two programs: a TCP proxy that cuts, stalls, half-closes and slows down whatever goes through it, and
//! heals again.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As it should be.
    Good,
    /// Every connection ends, and every new one at once.
    Cut,
    /// Nothing gets through, and nobody is told. What was sent arrives once the line is good again.
    Stalled,
    /// What is behind the proxy hears that nothing more comes, and is heard itself. Ends when the line is good again.
    HalfClosed,
    /// Every piece takes so long.
    Slow(Duration),
    /// Connections that are older than the fault are dead and nobody is told, ever. New ones are good: what a firewall does that
    /// forgets.
    Forgotten,
}

/// A line that may go bad. It lives as long as the test.
#[derive(Debug)]
pub struct FaultyProxy {
    /// Where to connect to.
    pub address: SocketAddr,
    /// The line, and how many connections there were when it became so.
    line: watch::Sender<(Fault, u64)>,
    connections: watch::Receiver<u64>,
}

impl FaultyProxy {
    /// Stands in front of whatever listens at `behind`.
    pub async fn before(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, state) = watch::channel((Fault::Good, 0));
        let (count, connections) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                count.send_modify(|count| *count += 1);
                let number = *count.borrow();
                if state.borrow().0 != Fault::Cut {
                    tokio::spawn(connect(client, behind, number, state.clone()));
                }
            }
        });
        Self { address, line, connections }
    }

    /// From now on the line is like this.
    pub fn set(&self, line: Fault) {
        self.line.send_replace((line, *self.connections.borrow()));
    }
}

async fn connect(client: TcpStream, behind: SocketAddr, number: u64, line: watch::Receiver<(Fault, u64)>) {
    let Ok(server) = TcpStream::connect(behind).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Where one direction ends, both do.
    tokio::select! {
        () = pass(from_client, to_server, number, true, line.clone()) => {}
        () = pass(from_server, to_client, number, false, line) => {}
    }
}

/// Passes on what comes in one direction.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    is_inwards: bool,
    mut line: watch::Receiver<(Fault, u64)>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut is_closed = false;
    loop {
        let mut length = 0;
        tokio::select! {
            changed = line.changed() => if changed.is_err() { return },
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(read) => length = read,
            },
        }
        // Until this piece may go on; without one, only what the line does to the connection itself.
        loop {
            let (now, since) = *line.borrow_and_update();
            match now {
                Fault::Good if is_closed => return,
                Fault::Good => break,
                Fault::Cut => return,
                Fault::Forgotten if number > since => break,
                Fault::Forgotten => std::future::pending::<()>().await,
                Fault::HalfClosed if !is_inwards => break,
                Fault::HalfClosed if !is_closed => {
                    is_closed = true;
                    if to.shutdown().await.is_err() {
                        return;
                    }
                }
                Fault::Slow(pause) => {
                    if length > 0 {
                        tokio::time::sleep(pause).await;
                    }
                    break;
                }
                Fault::Stalled | Fault::HalfClosed => {
                    if line.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
        if length > 0 && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
