//! A storage with one bug of one's choice.

mod rows;
mod storage;

use std::sync::Arc;
use std::time::Duration;
use ticketing_core::domain::shelf::Shelf;
use ticketing_core::domain::table::Record;
use ticketing_core::storage::memory::MemoryStorage;

/// Bugs that storages have had, here or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The storage as it should be.
    None,
    /// Looks whether there are places, and takes them later.
    HoldLooksThenTakes,
    /// A hold that is asked for again is another order.
    HoldForgetsItsKey,
    /// An event is made, however long ago it was.
    PastEventsAreMade,
    /// Tickets are sold as long as there are places.
    SalesNeverEnd,
    /// A hold under a known reference finds that order, whatever was wanted.
    HoldBelievesAnyContent,
    /// What follows a refused item is refused too.
    BatchStopsAtTheFirstNo,
    /// Every item is decided as if it were the first.
    BatchItemsAreBlind,
    /// Every item is committed on its own.
    BatchInPieces,
    /// Takes what has run out, and ends it later.
    ExpireInTwoSteps,
    /// A success that is told again issues tickets again.
    SettleIssuesAgain,
    /// Whatever came is enough.
    SettleTakesAnyAmount,
    /// A late payment gets tickets without a look at what is left.
    LateMoneyTakesPlacesUnasked,
    /// A second attempt that succeeds is forgotten.
    SecondSuccessIsForgotten,
    /// A success after a failure is not believed.
    FailedIsFinal,
    /// Every "in progress" extends the hold.
    HoldIsExtendedForEver,
    /// Money that is taken back changes nothing.
    ReversalsAreIgnored,
    /// Looks at the ticket, and lets in later.
    ScanLooksThenLetsIn,
    /// A scan that is told again is another scan.
    ScanForgetsItsNonce,
    /// A refund that is asked for again is another refund.
    RefundForgetsItsKey,
    /// Adds nothing up.
    RefundsBeyondWhatCame,
    /// What is about to be sent is not marked.
    ClaimedRefundsStayDue,
    /// The last report counts.
    ProcessedRefundsFail,
    /// Of conditions of which one must hold, a claim looks at the last one only: orders of cancelled events that nobody paid are
    /// left as they are.
    OfAlternativesOnlyTheLastIsClaimed,
    /// Claims what another caller is about to claim.
    ClaimsAreShared,
    /// What is claimed may be claimed again at once.
    MailsWithoutLease,
    /// Marked as sent before it is.
    MailsAreSentBeforeTheyAre,
    /// A report counts although its lease has ended.
    StaleReportsCount,
    /// An attempt is asked about all the time.
    PollsAreNotPostponed,
    /// A webhook is stored as often as it comes.
    WebhooksAreNotDeduplicated,
    /// A proof works again.
    ProofsWorkTwice,
    /// The time step of a code is not stored.
    StepsAreNotKept,
    /// A recovery code is not used up.
    RecoveryCodesStay,
    /// A session that was ended goes on.
    EndedSessionsWork,
    /// Looks whether a code was used, and uses it up later.
    CodesAreCheckedThenUsed,
    /// Counts the proofs of an address, and begins another one later.
    ProofsAreCountedThenBegun,
    /// The last owner of an organisation leaves it.
    LastOwnersLeave,
    /// A member who manages an organisation grants any role.
    MembersGrantWhatTheyLack,
    /// Counts the owners of an organisation, and removes one later.
    OwnersAreCountedThenRemoved,
    /// An API key gets any permission.
    KeysGetWhatTheirMakersLack,
    /// An API key that was revoked goes on working.
    RevokedKeysWork,
    /// Counts the API keys of an account, and makes another one later.
    KeysAreCountedThenMade,
    /// A read does not ask for which events of an organisation a role is.
    ReadsIgnoreOnly,
    /// A read shows what belongs to any organiser.
    ReadsIgnoreTheScope,
    /// A scan does not ask whose event it is.
    ScansIgnoreTheScope,
    /// Two spellings of one address are two accounts.
    AddressesHaveCase,
    /// `%` and `_` find anything.
    SearchHasWildcards,
    /// Only ASCII has upper and lower case.
    SearchKnowsAsciiOnly,
    /// There is never more.
    PagesAreTheLast,
    /// The last condition of a list is forgotten.
    ListsForgetACondition,
    /// Counts all rows, whatever their conditions.
    TalliesCountEverything,
    /// A lookup with several keys finds the rows of the first.
    OfSeveralKeysOneIsFound,
    /// Of several lookups that could be made together only the last is made.
    OfSeveralLookupsOneIsMade,
    /// A key finds one row, however many there are.
    AKeyFindsOneRow,
    /// Of the parts of a row only the first is read.
    RowsHaveOnePart,
    /// Work that is decided again does not get fresh rows.
    DecidesAgainOnTheSameRows,
    /// Work that is decided twice is answered as it was decided first.
    FirstDecisionIsAnswered,
    /// Each noun is written in a transaction of its own.
    NounsAreWrittenApart,
    /// Times lose what is below a millisecond.
    TimesInMilliseconds,
    /// The rows of one read are read one after the other.
    ReadsInPieces,
}

/// The rules in memory, with a bug.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    inner: Arc<MemoryStorage>,
    bug: Bug,
}

impl Planted {
    pub(crate) fn with(bug: Bug) -> Self {
        Self { inner: Arc::new(MemoryStorage::new()), bug }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == bug
    }
}

/// The storage in memory, which decides everything twice: a second decision replaces the first.
#[derive(Debug, Default)]
pub(crate) struct DecidesTwice(MemoryStorage);

/// Copies of all rows of a noun.
fn all<R: Record>(shelf: &Shelf<R>) -> Vec<R> {
    shelf.iter().map(|(_, row)| row.clone()).collect()
}

/// What lies between two steps that should be one.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
