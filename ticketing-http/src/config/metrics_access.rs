//! Who may read `/metrics`.

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Nobody.
    Nobody,
    /// Only those who have the token. It stands in for [`ThisMachine`](Self::ThisMachine) where a proxy that `TRUSTED_PROXIES` does
    /// not name may forward requests from elsewhere: see [`Config::metrics_access`](super::Config::metrics_access).
    WithToken,
    /// Requests from this machine that no proxy has forwarded.
    ThisMachine,
    /// Everybody who reaches the server: for private networks, or behind a proxy that does not forward `/metrics`.
    Everybody,
}
