//! Delivering mail your own way: here it is only told of. A real one would hand it to a queue, or to a provider's API.
//!
//! Run it with: cargo run -p ticketing-examples --example own_mailer

use async_trait::async_trait;
use std::sync::atomic::{AtomicU32, Ordering};
use ticketing_core::Ticketing;
use ticketing_core::domain::event::NewEvent;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::mailer::{Mail, MailError, Mailer};
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::ManualClock;
use ticketing_core::{OrderRequest, PayOptions, Upkeep};

/// Tells of mails on the screen. The first try fails, as first tries do.
#[derive(Debug, Default)]
struct Announcer {
    tries: AtomicU32,
}

#[async_trait]
impl Mailer for Announcer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if self.tries.fetch_add(1, Ordering::Relaxed) == 0 {
            // `Later` is tried again, with pauses that grow; `Refused` is not.
            return Err(MailError::Later("the line is busy".to_owned()));
        }
        // The same id at every try: whoever gets a mail twice can tell.
        assert!(!mail.message_id.is_empty());
        let files: Vec<&str> = mail.attachments.iter().map(|file| file.file_name.as_str()).collect();
        println!("To {}: {} [{}]", mail.to, mail.subject, files.join(", "));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = ManualClock::default();
    let builder = Ticketing::builder(MemoryStorage::new()).mailer(Announcer::default());
    let shop = builder.clock(std::sync::Arc::new(clock.clone())).build()?;

    // Free tickets need no gateway.
    let free = Money::zero("NGN".parse()?);
    let event = NewEvent::general_admission("Open day", "2099-05-01T09:00:00Z".parse()?, "Workshop", free, Some(40));
    let event = shop.create_event(&Principal::External("us".into()), event).await?;
    let ada = Buyer::new("ada", "ada@example.com".parse()?);
    shop.buy(&ada, OrderRequest::tickets(event.id, 2), PayOptions::default()).await?;

    // Mail is owed from the moment that the tickets exist, and upkeep delivers it. This program turns the clock itself; yours
    // calls `spawn_upkeep` once, or `run_upkeep` from its own scheduler.
    let report = shop.run_upkeep(Upkeep::default()).await?;
    println!("First pass: {} tried, {} failed", report.mails, report.failed);
    clock.advance("1h".parse()?);
    let report = shop.run_upkeep(Upkeep::default()).await?;
    println!("An hour later: {} tried, {} failed", report.mails, report.failed);
    Ok(())
}
