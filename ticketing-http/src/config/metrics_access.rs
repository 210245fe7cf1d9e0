//! Who may read `/metrics`.

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Nobody.
    Nobody,
    /// Requests from this machine that no proxy has forwarded.
    ThisMachine,
    /// Everybody who reaches the server: for private networks, or behind a proxy that does not forward `/metrics`.
    Everybody,
}
