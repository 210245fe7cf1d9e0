//! What a call wants, and what becomes of it.

/// What a call wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Initialize,
    Verify,
    Refund,
    FindRefund,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Done, and answered.
    None,
    /// Done, and answered after a while that the caller still waits for.
    Slow,
    /// Not done, and never answered.
    TimeoutLost,
    /// Done, and never answered.
    TimeoutApplied,
    /// Not done; the connection is closed.
    DropBefore,
    /// Done; the connection is closed.
    DropAfter,
    /// Done; the connection is reset.
    Reset,
    /// Not done, and a 500 in Paystack's own words.
    Error500,
    /// Done, and a 500 all the same.
    Error500Applied,
    /// Not done, and a web page from a machine in front.
    Html502,
    /// Done, and half of the answer.
    Truncated,
    /// Not done, and told to come again later.
    TooMany,
    /// The answer to a question is about somebody else's payment.
    WrongReference,
    /// The answer to a question is a word that nobody knows.
    UnknownStatus,
}

impl Fault {
    /// What may become of a call that changes something.
    pub(crate) const OF_WRITES: [Self; 11] = [
        Self::Slow,
        Self::TimeoutLost,
        Self::TimeoutApplied,
        Self::DropBefore,
        Self::DropAfter,
        Self::Reset,
        Self::Error500,
        Self::Error500Applied,
        Self::Html502,
        Self::Truncated,
        Self::TooMany,
    ];
    /// What may become of a question about a payment.
    pub(crate) const OF_VERIFIES: [Self; 9] = [
        Self::Slow,
        Self::TimeoutLost,
        Self::Reset,
        Self::Error500,
        Self::Html502,
        Self::Truncated,
        Self::TooMany,
        Self::WrongReference,
        Self::UnknownStatus,
    ];

    /// What may become of a question about a refund.
    pub(crate) const OF_FINDS: [Self; 6] =
        [Self::Slow, Self::TimeoutLost, Self::Reset, Self::Error500, Self::Truncated, Self::TooMany];

    pub(super) fn is_applied(self) -> bool {
        !matches!(self, Self::TimeoutLost | Self::DropBefore | Self::Error500 | Self::Html502 | Self::TooMany)
    }
}
