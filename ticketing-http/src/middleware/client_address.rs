//! The client's address, which the client cannot forge.

use crate::config::is_local_name;
use ipnet::IpNet;
use jiff::Timestamp;
use poem::Request;
use poem::http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The client's address, on every request (`request.data::<ClientAddress>()`).
///
/// The peer's address, unless the peer is a trusted proxy: then the right-most hop of `X-Forwarded-For` that is not a trusted proxy.
/// Everything left of that hop is untrusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The unit that limits count: an IPv4 address, or an IPv6 /64, because one household has 2^64 addresses.
    pub fn group(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }

    /// The address without the part that identifies a person, for the log.
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

/// The proxies whose `X-Forwarded-For` is trusted. None by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// When an unnamed proxy was last warned of, in seconds since 1970.
    warned_at: Arc<AtomicI64>,
}

/// An unnamed proxy is warned of once in this time, in seconds: anybody can send the header.
const WARN_EVERY: i64 = 600;

impl TrustedProxies {
    /// Trusts every address in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, warned_at: Arc::default() }
    }

    /// Warns where `X-Forwarded-For` comes from a peer that is not trusted: a stranger tries it out, or a proxy is not named, and
    /// then all of its clients are taken for one.
    pub(crate) fn warn_of_unnamed_proxy(&self, request: &Request, now: Timestamp) {
        if !request.headers().contains_key("x-forwarded-for") {
            return;
        }
        let Some(peer) = request.remote_addr().as_socket_addr().map(|address| address.ip().to_canonical()) else {
            return;
        };
        if !self.trusts(peer) && self.is_time_to_warn(now) {
            tracing::warn!(
                %peer,
                "X-Forwarded-For of a peer that TRUSTED_PROXIES does not name is ignored. If it is your proxy, name it: until then, all \
                of its clients share one rate limit"
            );
        }
    }

    fn is_time_to_warn(&self, now: Timestamp) -> bool {
        let (now, last) = (now.as_second(), self.warned_at.load(Ordering::Relaxed));
        let is_due = last == 0 || now.abs_diff(last) >= WARN_EVERY.unsigned_abs();
        is_due && self.warned_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The client of a request. A request without a socket, as in tests, comes from this machine.
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
                // Unreadable, though written by a trusted proxy: what is left of it cannot be trusted.
                None => break,
            }
        }
        client
    }

    /// Whether a trusted proxy has this address.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// What proxies, tunnels and content delivery networks add to a request, besides everything that begins with `x-forwarded`.
const FORWARDED_BY: &[&str] = &[
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-url",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "true-client-ip",
    "client-ip",
    "cdn-loop",
    "cf-connecting-ip",
    "cf-ray",
    "fastly-client-ip",
    "fly-client-ip",
    "x-azure-clientip",
    "x-amzn-trace-id",
    "x-arr-log-id",
    "x-proxyuser-ip",
];

/// Whether a program on this machine sent the request, as far as it tells: from a loopback address, without a trace of a proxy,
/// and to a name of this machine. A page in a browser can have its own name resolve to this machine (DNS rebinding), but cannot
/// choose another `Host`.
pub(crate) fn is_from_this_machine(request: &Request) -> bool {
    let is_local = request.data::<ClientAddress>().is_some_and(|client| client.0.to_canonical().is_loopback());
    let names = request.headers().keys().map(poem::http::HeaderName::as_str);
    let is_forwarded = names.into_iter().any(|name| name.starts_with("x-forwarded") || FORWARDED_BY.contains(&name));
    let hosts = request.headers().get_all("host").iter().map(|host| host.to_str().unwrap_or("?"));
    let mut hosts = hosts.chain(request.uri().authority().map(poem::http::uri::Authority::as_str));
    // Without any, as in HTTP/1.0, it was not a browser.
    let is_for_us =
        hosts.all(|host| host.parse::<poem::http::uri::Authority>().is_ok_and(|at| is_local_name(at.host())));
    is_local && !is_forwarded && is_for_us
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
    fn headers_of_untrusted_peers_are_ignored() {
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
    fn an_unnamed_proxy_is_warned_of_once_in_ten_minutes() {
        let proxies = TrustedProxies::new(vec![]);
        let warned = |second| proxies.clone().is_time_to_warn(Timestamp::from_second(second).unwrap());
        assert!(warned(1_000) && !warned(1_000) && !warned(1_599) && warned(1_600) && !warned(1_601));
        assert!(warned(10), "a clock that was set back");
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
        fn an_untrusted_peer_cannot_change_its_address(peer: IpAddr, header in "[ -~]{0,80}") {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", header.parse().unwrap());
            prop_assert_eq!(TrustedProxies::default().client(peer, &headers), peer.to_canonical());
        }

        #[test]
        fn hops_before_the_client_are_ignored(forged in "[ -~]{0,80}", client: IpAddr) {
            let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
            let client = client.to_canonical();
            prop_assume!(!proxies.trusts(client));
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", format!("{forged},{client}").parse().unwrap());
            prop_assert_eq!(proxies.client("10.0.0.1".parse().unwrap(), &headers), client);
        }
    }

    /// An independent parser: strips port and brackets, and parses the rest.
    fn by_hand(hop: &str) -> Option<IpAddr> {
        let hop = hop.trim();
        let is_port = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit()) && text.parse::<u16>().is_ok();
        let bare = match hop.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
                    return None;
                }
                return address.parse::<Ipv6Addr>().ok().or_else(|| by_zone(address, port)).map(IpAddr::V6);
            }
            None => match hop.split_once(':') {
                Some((address, port)) if !port.contains(':') => is_port(port).then_some(address)?,
                _ => hop,
            },
        };
        bare.parse().ok()
    }

    /// `fe80::1%3` is a link-local address with a zone; it is read only with a port, and without its zone.
    fn by_zone(address: &str, port: &str) -> Option<Ipv6Addr> {
        let (address, zone) = address.split_once('%')?;
        let is_zone =
            !zone.is_empty() && zone.bytes().all(|digit| digit.is_ascii_digit()) && zone.parse::<u32>().is_ok();
        (is_zone && !port.is_empty()).then(|| address.parse().ok())?
    }

    /// The first line is the peer, each further one a header.
    fn seen(input: &[u8]) -> Result<String, String> {
        let proxies = TrustedProxies::new(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec());
        let mut lines = input.split(|byte| *byte == b'\n');
        let peer =
            lines.next().and_then(|peer| std::str::from_utf8(peer).ok()).and_then(|peer| peer.parse::<IpAddr>().ok());
        let Some(peer) = peer else { return Ok("no peer".to_owned()) };
        let mut headers = HeaderMap::new();
        let mut hops: Vec<Option<IpAddr>> = Vec::new();
        for line in lines {
            let Ok(value) = poem::http::HeaderValue::from_bytes(line) else { return Ok("no header".to_owned()) };
            headers.append("x-forwarded-for", value);
            // A line with other than printable ASCII characters is unreadable.
            let is_plain = line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
            let line = std::str::from_utf8(line).ok().filter(|_| is_plain);
            match line {
                Some(line) => {
                    hops.extend(line.split(',').map(|hop| by_hand(hop).map(|address| address.to_canonical())))
                }
                None => hops.push(None),
            }
        }
        let is_ours = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.octets()[0] == 0xfd,
        };
        // From the right, as long as the writer of a hop is trusted.
        let mut expected = peer.to_canonical();
        while is_ours(expected) {
            match hops.pop() {
                Some(Some(hop)) => expected = hop,
                _ => break,
            }
        }
        let found = proxies.client(peer, &headers);
        if found != expected {
            return Err(format!("found {found}, expected {expected}"));
        }
        let mut forged = HeaderMap::new();
        forged.append("x-forwarded-for", "6.6.6.6".parse().unwrap());
        forged.extend(
            headers.iter().map(|(_, value)| (poem::http::HeaderName::from_static("x-forwarded-for"), value.clone())),
        );
        if !is_ours(found) && proxies.client(peer, &forged) != found {
            return Err("a hop before the client changes it".to_owned());
        }
        Ok(format!("{} {} {}", is_ours(peer.to_canonical()), found == peer, headers.len().min(5)))
    }

    #[test]
    fn the_client_is_the_one_that_an_independent_parser_finds() {
        let words = [
            "10.0.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "6.6.6.6",
            ",",
            ", ",
            "\n",
            "[",
            "]",
            ":80",
            ":99999",
            "%1",
            "\t",
            "\u{a0}",
        ];
        crate::fuzzing::fuzz("forwarded", &words, seen);
    }
}
