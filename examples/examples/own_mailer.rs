//! A mailer of your own. This one prints mails; a real one would call a queue or a provider's API.
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

/// Prints mails. The first attempt fails, to show a retry.
#[derive(Debug, Default)]
struct PrintingMailer {
    attempts: AtomicU32,
}

#[async_trait]
impl Mailer for PrintingMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            // `Later` is retried with growing delays; `Refused` is not retried.
            return Err(MailError::Later("connection refused".to_owned()));
        }
        // Every retry has the same id, so recipients can recognise duplicates.
        assert!(!mail.message_id.is_empty());
        let files: Vec<&str> = mail.attachments.iter().map(|file| file.file_name.as_str()).collect();
        println!("To {}: {} [{}]", mail.to, mail.subject, files.join(", "));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = ManualClock::default();
    let builder = Ticketing::builder(MemoryStorage::new()).mailer(PrintingMailer::default());
    let shop = builder.clock(std::sync::Arc::new(clock.clone())).build()?;

    // Free tickets need no payment gateway.
    let free = Money::zero("NGN".parse()?);
    let event = NewEvent::general_admission("Open day", "2099-05-01T09:00:00Z".parse()?, "Workshop", free, Some(40));
    let event = shop.create_event(&Principal::External("us".into()), event).await?;
    let ada = Buyer::new("ada", "ada@example.com".parse()?);
    shop.buy(&ada, OrderRequest::tickets(event.id, 2), PayOptions::default()).await?;

    // The mail is in the outbox as soon as the tickets are issued, and upkeep delivers it. This program sets the clock itself and runs
    // single passes; yours calls `spawn_upkeep` once, or `run_upkeep` from its own scheduler.
    let report = shop.run_upkeep(Upkeep::default()).await?;
    println!("First pass: {} tried, {} failed", report.mails, report.failed);
    clock.advance("1h".parse()?);
    let report = shop.run_upkeep(Upkeep::default()).await?;
    println!("An hour later: {} tried, {} failed", report.mails, report.failed);
    Ok(())
}
