//! Ports of this machine for servers that are killed and started again.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpSocket;

/// A port that nobody else is given while this lives, also while no server listens on it.
///
/// A port that was only looked up is free for everybody: between two runs of a server, the system may give it to a connection or
/// to another test. A socket that is bound and does not listen keeps it. It lets a server of ours listen beside it, because both
/// set `SO_REUSEADDR`. Connections are refused while no server listens, as they are on a free port.
///
/// That is what Linux does. Other systems do not let the server listen beside the socket, so there it is closed at once.
#[derive(Debug)]
pub struct ReservedPort {
    address: SocketAddr,
    _socket: Option<TcpSocket>,
}

impl ReservedPort {
    /// Reserves one.
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        Self { address, _socket: cfg!(target_os = "linux").then_some(socket) }
    }

    /// Its address on the loopback interface.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::ReservedPort;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    #[tokio::test]
    async fn a_server_listens_again_and_again_and_nobody_else_is_given_the_port() {
        let reserved = ReservedPort::new();
        for _ in 0..3 {
            assert!(TcpStream::connect(reserved.address()).await.is_err(), "nobody listens");
            let listener = TcpListener::bind(reserved.address()).await.unwrap();
            let _connection = TcpStream::connect(reserved.address()).await.unwrap();
            drop(listener);
        }
        let other = TcpSocket::new_v4().unwrap();
        let taken = other.bind(reserved.address()).unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse, "to everybody else it is taken");
    }
}
