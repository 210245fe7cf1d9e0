//! Stands between two programs that speak HTTP, and at a moment that is named kills one of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The request is here, and who is to answer has not seen it.
    Received,
    /// It has been answered, and who asked has not seen the answer.
    Answered,
}

type Kill = Arc<dyn Fn() + Send + Sync>;

/// A proxy that springs once.
#[derive(Clone)]
pub struct Breakpoint {
    /// Where to connect to.
    pub address: SocketAddr,
    set: Arc<Mutex<Option<(&'static str, When)>>>,
    caught: Arc<Mutex<Vec<Vec<u8>>>>,
    kill: Arc<Mutex<Option<Kill>>>,
}

impl std::fmt::Debug for Breakpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Breakpoint({})", self.address)
    }
}

impl Breakpoint {
    /// Waits for connections, and leads them to `behind` once it is known.
    pub async fn open(behind: Arc<Mutex<Option<SocketAddr>>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let breakpoint = Self { address, set: Arc::default(), caught: Arc::default(), kill: Arc::default() };
        let waiting = breakpoint.clone();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let behind = *behind.lock().unwrap();
                if let Some(behind) = behind {
                    let breakpoint = waiting.clone();
                    tokio::spawn(async move { breakpoint.carry(client, behind).await });
                }
            }
        });
        breakpoint
    }

    /// Springs at the next request whose first line begins like this, and then does this.
    pub fn set(&self, begins: &'static str, when: When, kill: impl Fn() + Send + Sync + 'static) {
        *self.kill.lock().unwrap() = Some(Arc::new(kill));
        *self.set.lock().unwrap() = Some((begins, when));
    }

    /// The requests at which it has sprung, bodies and all.
    pub fn caught(&self) -> Vec<Vec<u8>> {
        self.caught.lock().unwrap().clone()
    }

    fn springs(&self, request: &[u8], when: When) -> bool {
        let mut set = self.set.lock().unwrap();
        let is_it = set.is_some_and(|(begins, at)| at == when && request.starts_with(begins.as_bytes()));
        if is_it {
            *set = None;
            self.caught.lock().unwrap().push(request.to_vec());
            let kill = self.kill.lock().unwrap().clone();
            kill.unwrap()();
        }
        is_it
    }

    /// One request and its answer: both ends are told that no other follows on this connection.
    async fn carry(&self, mut client: TcpStream, behind: SocketAddr) -> Option<()> {
        let mut request = read_request(&mut client).await?;
        if self.springs(&request, When::Received) {
            return None;
        }
        let original = request.clone();
        let end_of_line = request.windows(2).position(|two| two == b"\r\n")? + 2;
        request.splice(end_of_line..end_of_line, *b"Connection: close\r\n");
        let mut server = TcpStream::connect(behind).await.ok()?;
        server.write_all(&request).await.ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await.ok()?;
        if self.springs(&original, When::Answered) {
            return None;
        }
        client.write_all(&answer).await.ok()
    }
}

/// Head and body; nothing where the connection ends before.
async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        let head = request.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= head + length.unwrap_or(0) {
                return Some(request);
            }
        }
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}
