//! Who asks, as an address that cannot be made up.

use ipnet::IpNet;
use poem::Request;
use poem::http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr};

/// The client's address, on every request (`request.data::<ClientAddress>()`).
///
/// It is the peer's own, unless the peer is a trusted proxy: then the right-most hop of `X-Forwarded-For` that is not
/// one. Everything left of that hop was written by somebody we do not trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The unit that limits count: an address, or for IPv6 its /64, of which one household has 2^64.
    pub fn group(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }

    /// The address without what points at a person, for the log.
    pub fn masked(self) -> String {
        match self.0.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.x")
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}::x")
            }
        }
    }
}

/// The proxies that say the truth about who asks. None by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts every address in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Who asks. A request that came over no socket, as in tests, comes from this machine.
    pub fn client_of(&self, request: &Request) -> ClientAddress {
        let peer = request.remote_addr().as_socket_addr().map(|address| address.ip());
        ClientAddress(self.client(peer.unwrap_or(IpAddr::V6(Ipv6Addr::LOCALHOST)), request.headers()))
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        // Several headers of this name are one list, in order.
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            match address_of(hop) {
                Some(address) => client = address,
                // A proxy of ours wrote what we cannot read: what is left of it is worth nothing.
                None => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]:5678`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    Some(address.or_else(with_port).or_else(in_brackets)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn headers_of_strangers_are_not_believed() {
        assert_eq!(client(&[], "203.0.113.9", &["6.6.6.6"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &["6.6.6.6"]), "203.0.113.9");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client(&trusted, "10.0.0.1", &["6.6.6.6, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.2.3.4"]), "198.51.100.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["6.6.6.6", "198.51.100.7:4711, 10.2.3.4"]), "198.51.100.7");
        assert_eq!(client(&trusted, "::ffff:10.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client(&trusted, "10.0.0.1", &["6.6.6.6, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn groups_and_masks() {
        let address = |text: &str| ClientAddress(text.parse().unwrap());
        assert_eq!(address("2001:db8:1:2:3:4:5:6").group(), address("2001:db8:1:2::9").group());
        assert_ne!(address("2001:db8:1:2::9").group(), address("2001:db8:1:3::9").group());
        assert_eq!(address("::ffff:1.2.3.4").group(), address("1.2.3.4").0);
        assert_eq!(address("1.2.3.4").masked(), "1.2.3.x");
        assert_eq!(address("2001:db8:1:2::9").masked(), "2001:db8:1::x");
    }

    proptest! {
        #[test]
        fn whatever_is_sent_an_untrusted_peer_stays_itself(peer: IpAddr, header in "[ -~]{0,80}") {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", header.parse().unwrap());
            prop_assert_eq!(TrustedProxies::default().client(peer, &headers), peer.to_canonical());
        }

        #[test]
        fn what_a_client_writes_before_its_proxy_changes_nothing(forged in "[ -~]{0,80}", client: IpAddr) {
            let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
            let client = client.to_canonical();
            prop_assume!(!proxies.trusts(client));
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", format!("{forged},{client}").parse().unwrap());
            prop_assert_eq!(proxies.client("10.0.0.1".parse().unwrap(), &headers), client);
        }
    }
}
