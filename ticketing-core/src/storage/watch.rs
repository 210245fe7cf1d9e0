use jiff::Timestamp;

/// How much work is in progress, for monitoring. Cheap to read, as of one moment: only open items are counted, never everything
/// that was ever sold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Orders whose places are held.
    pub holds_open: u32,
    /// Mails that are owed and not sent yet.
    pub mails_waiting: u32,
    /// Since when the mail that has waited longest is owed.
    pub oldest_mail: Option<Timestamp>,
    /// Mails that were given up. A person should look.
    pub mails_dead: u32,
    /// Refunds in progress.
    pub refunds_open: u32,
    /// Refunds that the gateway gave up, or wants something for from a person.
    pub refunds_stuck: u32,
    /// Webhooks that are not applied yet, or not confirmed.
    pub webhooks_waiting: u32,
    /// Webhooks that a person should look at: about nothing that we know, or denied by the gateway.
    pub webhooks_quarantined: u32,
    /// Payments that wait for a person's decision.
    pub reviews_open: u32,
    /// Since when the work that is most overdue could have been done by upkeep; may lie ahead. Where it stays behind, upkeep
    /// does not run, or does not keep up.
    pub next_due: Option<Timestamp>,
    /// This process's own connections to the storage.
    pub connections: Connections,
}

/// Connections of one process to its storage; all zero where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// How many there are.
    pub open: u32,
    /// How many of them are in use.
    pub busy: u32,
    /// How many there may be.
    pub limit: u32,
}
