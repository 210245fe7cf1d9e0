use super::batching::Batches;
use super::mail_limits::{MailLimits, Turns};
use super::organizers::Organizers;
use super::pace::Pace;
use super::recent_events::RecentEvents;
use super::retention::{Progress, Retention};
use super::{Inner, Ticketing};
use crate::clock::{Clock, Random, SystemClock, SystemRandom};
use crate::domain::order::BuyerLimits;
use crate::error::{Error, Result};
use crate::gateway::PaymentGateway;
use crate::mailer::Mailer;
use crate::mailer::render::Renderer;
#[cfg(feature = "accounts")]
use crate::password::Cost;
use crate::runtime::{Runtime, TokioRuntime};
use crate::storage::Storage;
#[cfg(feature = "accounts")]
use crate::token::{KeyMode, TokenKey};
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

/// Builds an engine. Only [`build`](Self::build) can fail.
#[derive(Debug)]
#[must_use]
pub struct TicketingBuilder {
    storage: Arc<dyn Storage>,
    gateway: Option<Arc<dyn PaymentGateway>>,
    mailer: Option<Arc<dyn Mailer>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    runtime: Arc<dyn Runtime>,
    hold_for: SignedDuration,
    naming_for: SignedDuration,
    buyer_limits: BuyerLimits,
    organizers: Organizers,
    unproved_members: bool,
    mail_limits: MailLimits,
    retention: Retention,
    queue_limit: usize,
    mail_domain: String,
    public_url: Option<String>,
    #[cfg(feature = "accounts")]
    proof_url: Option<String>,
    #[cfg(feature = "accounts")]
    token_key: Option<TokenKey>,
    #[cfg(feature = "accounts")]
    token_lifetime: SignedDuration,
    #[cfg(feature = "accounts")]
    session_idle: Option<SignedDuration>,
    #[cfg(feature = "accounts")]
    key_mode: KeyMode,
    #[cfg(feature = "accounts")]
    hashing_threads: usize,
    #[cfg(feature = "accounts")]
    password_cost: Cost,
    #[cfg(feature = "accounts")]
    refuse_common_passwords: bool,
}

impl TicketingBuilder {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            gateway: None,
            mailer: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            runtime: Arc::new(TokioRuntime),
            hold_for: SignedDuration::from_mins(15),
            naming_for: SignedDuration::from_mins(5),
            buyer_limits: BuyerLimits::default(),
            organizers: Organizers::default(),
            unproved_members: false,
            mail_limits: MailLimits::default(),
            retention: Retention::default(),
            queue_limit: 10_000,
            mail_domain: "localhost.localdomain".to_owned(),
            public_url: None,
            #[cfg(feature = "accounts")]
            proof_url: None,
            #[cfg(feature = "accounts")]
            token_key: None,
            #[cfg(feature = "accounts")]
            token_lifetime: SignedDuration::from_hours(24),
            #[cfg(feature = "accounts")]
            session_idle: None,
            #[cfg(feature = "accounts")]
            key_mode: KeyMode::Live,
            #[cfg(feature = "accounts")]
            hashing_threads: std::thread::available_parallelism().map_or(1, usize::from),
            #[cfg(feature = "accounts")]
            password_cost: Cost::OWASP,
            #[cfg(feature = "accounts")]
            refuse_common_passwords: false,
        }
    }

    /// The payment gateway. Without one, only free tickets can be sold. For an `Arc<dyn PaymentGateway>`, use
    /// [`gateway_on`](Self::gateway_on).
    pub fn gateway(self, gateway: impl PaymentGateway) -> Self {
        self.gateway_on(Arc::new(gateway))
    }

    /// Like [`gateway`](Self::gateway), for a gateway that is shared or chosen at run time.
    pub fn gateway_on(mut self, gateway: Arc<dyn PaymentGateway>) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Delivers mail. Without one, mails stay in the outbox.
    pub fn mailer(mut self, mailer: impl Mailer) -> Self {
        self.mailer = Some(Arc::new(mailer));
        self
    }

    /// How long places are kept for an unpaid order: a minute to 24 hours. Defaults to 15 minutes.
    pub fn hold_for(mut self, hold_for: SignedDuration) -> Self {
        self.hold_for = hold_for;
        self
    }

    /// How much one buyer may hold and take of one event. Defaults to no limits, because an application may buy for many people under
    /// one id. They are checked under the same lock as the places, so concurrent holds cannot exceed them.
    pub fn buyer_limits(mut self, limits: BuyerLimits) -> Self {
        self.buyer_limits = limits;
        self
    }

    /// Which accounts may sell tickets. Defaults to every account. Identities of the embedding application may always.
    pub fn organizers(mut self, organizers: Organizers) -> Self {
        self.organizers = organizers;
        self
    }

    /// Whether accounts without a verified address may found organisations and be members of them. Default: no. For sandboxes, and
    /// applications that have verified addresses by means of their own.
    pub fn unproved_members(mut self, allowed: bool) -> Self {
        self.unproved_members = allowed;
        self
    }

    /// How many mails are sent in an hour, to one address and for one organiser. Defaults to no limits. A mail over a limit waits for its
    /// turn, and is never dropped.
    pub fn mail_limits(mut self, limits: MailLimits) -> Self {
        self.mail_limits = limits;
        self
    }

    /// How long personal data is kept. Defaults to 180 days for the bodies of webhooks and 90 days for the recipients of mails. Addresses
    /// of buyers are kept indefinitely.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How many calls of a kind (holds, settlements, scans, …) may wait for their commit: at least one. Beyond it, calls are rejected
    /// at once with [`Error::Busy`]. Defaults to 10,000.
    pub fn queue_limit(mut self, calls: usize) -> Self {
        self.queue_limit = calls;
        self
    }

    /// The domain in the Message-ID of mails. Should be one of yours. Defaults to `localhost.localdomain`.
    pub fn mail_domain(mut self, domain: impl Into<String>) -> Self {
        self.mail_domain = domain.into();
        self
    }

    /// The web page where buyers find their tickets, linked from mails: `https://tickets.example.com/mine`. Without it, mails have
    /// no links. Links for guests end in `#order_key=` and the key of the order: browsers send that part to no server.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// The web page that takes the token of a mail about an account: the mail links to `{url}?token=…`. It should show what the token
    /// is for ([`Ticketing::proof`]), and use it only when a person presses a button, because programs that check mails follow links.
    /// Without it, mails have the token as text, to be typed into the application.
    #[cfg(feature = "accounts")]
    pub fn proof_url(mut self, url: impl Into<String>) -> Self {
        self.proof_url = Some(url.into());
        self
    }

    /// How long places are held for a guest who has not given an address yet: a minute to an hour, and at most as long as for everybody
    /// else. Defaults to 5 minutes.
    pub fn naming_for(mut self, naming_for: SignedDuration) -> Self {
        self.naming_for = naming_for;
        self
    }

    /// The source of time. Defaults to the machine's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The source of random numbers. Defaults to the operating system.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Where the engine's own tasks run and how it waits. Defaults to Tokio.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = runtime;
        self
    }

    /// The key that signs session tokens. Without one, there are no accounts.
    #[cfg(feature = "accounts")]
    pub fn token_key(mut self, key: TokenKey) -> Self {
        self.token_key = Some(key);
        self
    }

    /// How long a session lasts: a minute to 30 days. Defaults to 24 hours.
    #[cfg(feature = "accounts")]
    pub fn token_lifetime(mut self, lifetime: SignedDuration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// After how long without use a session ends: an hour to 30 days. Since the last use is known to the hour, a session ends up to an hour
    /// later, and never earlier. Tokens that were issued before tokens had sessions do not end by it. Defaults to never: a session ends
    /// when its token expires.
    #[cfg(feature = "accounts")]
    pub fn session_idle(mut self, after: impl Into<Option<SignedDuration>>) -> Self {
        self.session_idle = after.into();
        self
    }

    /// Whether API keys are for real money or for a sandbox, which their tokens show. A key of the one is not valid for the other, also on
    /// the same database. Defaults to real money.
    #[cfg(feature = "accounts")]
    pub fn key_mode(mut self, mode: KeyMode) -> Self {
        self.key_mode = mode;
        self
    }

    /// How many passwords are hashed at once, each on a core of its own: at least one. Defaults to the number of cores.
    #[cfg(feature = "accounts")]
    pub fn hashing_threads(mut self, threads: usize) -> Self {
        self.hashing_threads = threads;
        self
    }

    /// Hashes passwords with the least work that argon2 accepts. For tests, which make many accounts: a hash takes microseconds, not 20 ms.
    /// Hashes made with the usual work still verify.
    #[cfg(all(feature = "accounts", feature = "testing"))]
    pub fn weak_password_hashes(mut self) -> Self {
        self.password_cost = Cost::LEAST;
        self
    }

    /// Whether [`Ticketing::register`] rejects the 3,000 commonest passwords, and the person's own address and user name. Defaults to
    /// no. [`Ticketing::set_password`] always rejects them.
    #[cfg(feature = "accounts")]
    pub fn refuse_common_passwords(mut self, refuse: bool) -> Self {
        self.refuse_common_passwords = refuse;
        self
    }

    /// Builds the engine, or returns which part is wrong.
    pub fn build(self) -> Result<Ticketing> {
        let minute = SignedDuration::from_mins(1);
        #[cfg(feature = "accounts")]
        if let Some(idle) = self.session_idle
            && (idle < minute * 60 || idle > SignedDuration::from_hours(24 * 30))
        {
            return Err(wrong("session_idle", "an hour to 30 days", &idle));
        }
        if self.hold_for < minute || self.hold_for > SignedDuration::from_hours(24) {
            return Err(wrong("hold_for", "a minute to 24 hours", &self.hold_for));
        }
        if self.naming_for < minute || self.naming_for > SignedDuration::from_hours(1) {
            return Err(wrong("naming_for", "a minute to an hour", &self.naming_for));
        }
        let (day, century) = (SignedDuration::from_hours(24), SignedDuration::from_hours(24 * 36_525));
        let is_wrong = |term: Option<SignedDuration>| term.is_some_and(|of| of < day || of > century);
        if let Some((name, term)) = self.retention.terms().into_iter().find(|(_, term)| is_wrong(*term)) {
            return Err(wrong(&format!("retention.{name}"), "a day to a hundred years", &term));
        }
        let domain_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if self.mail_domain.is_empty() || self.mail_domain.len() > 200 || !self.mail_domain.chars().all(domain_ok) {
            return Err(wrong("mail_domain", "a domain name", &self.mail_domain));
        }
        #[cfg(feature = "accounts")]
        let accounts = match self.token_key {
            None => None,
            Some(_) if self.hashing_threads == 0 => return Err(wrong("hashing_threads", "at least one", &0)),
            Some(_) if self.token_lifetime < minute || self.token_lifetime > SignedDuration::from_hours(24 * 30) => {
                return Err(wrong("token_lifetime", "a minute to 30 days", &self.token_lifetime));
            }
            Some(key) => {
                let hashing = (self.hashing_threads, self.password_cost);
                let accounts = super::accounts::Accounts::new(key, self.token_lifetime, hashing, &*self.random)?;
                Some(
                    accounts
                        .refusing_common(self.refuse_common_passwords)
                        .ending_idle(self.session_idle)
                        .with_key_mode(self.key_mode),
                )
            }
        };
        if self.queue_limit == 0 {
            return Err(wrong("queue_limit", "at least one", &0));
        }
        let inner = Inner {
            batches: Batches::new(&self.storage, &self.clock, &self.runtime, self.queue_limit),
            storage: self.storage,
            gateway: self.gateway,
            mailer: self.mailer,
            clock: self.clock,
            random: self.random,
            runtime: self.runtime,
            recent_events: RecentEvents::default(),
            hold_for: self.hold_for,
            naming_for: self.naming_for,
            buyer_limits: self.buyer_limits,
            organizers: self.organizers,
            unproved_members: self.unproved_members,
            mail_limits: self.mail_limits,
            retention: self.retention,
            retained: Progress::default(),
            mail_turns: Turns::default(),
            pace: Pace::default(),
            renderer: Renderer::new(&self.mail_domain)?,
            public_url: self.public_url,
            #[cfg(feature = "accounts")]
            proof_url: self.proof_url,
            polls_from: AtomicI64::new(i64::MIN),
            upkeep_wakeup: tokio::sync::Notify::new(),
            is_all_due: AtomicBool::new(false),
            #[cfg(feature = "accounts")]
            exports: tokio::sync::Semaphore::new(1),
            #[cfg(feature = "accounts")]
            accounts,
        };
        Ok(Ticketing { inner: Arc::new(inner) })
    }
}

fn wrong(setting: &str, wanted: &str, found: &dyn std::fmt::Debug) -> Error {
    Error::Configuration(format!("{setting}: must be {wanted} (got {found:?})"))
}
