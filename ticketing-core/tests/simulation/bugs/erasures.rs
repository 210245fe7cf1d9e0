//! Bugs of erasing people.

use super::{Bug, BuggyStorage, Result, change_order};
use crate::erasures;
use jiff::Timestamp;
use ticketing_core::domain::account::{Account, EraseAccount, Erased};
use ticketing_core::domain::order::EraseBuyer;
use ticketing_core::domain::outbox::OutboxMail;
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::storage::StorageExt as _;

impl BuggyStorage {
    pub(super) async fn erase_buyer(&self, now: Timestamp, erase: &EraseBuyer) -> Result<bool> {
        let memory = &self.world.memory;
        let (order, mails) = memory.look(|rows| {
            let mails: Vec<OutboxMail> = rows.mails_of(erase.id).cloned().collect();
            (rows.orders.get(&erase.id).cloned(), mails)
        });
        let mut erased = memory.apply_one(now, *erase).await?;
        match (self.world.bug, &order) {
            (Some(Bug::ErasureForgetsMails), _) if erased => {
                memory.tamper(|rows| mails.into_iter().for_each(|mail| rows.mails.load_record(mail)));
            }
            (Some(Bug::ErasedWhileMoneyMoves), Some(order)) if !erased && order.buyer.email.is_some() => {
                erased = true;
                memory.tamper(|rows| {
                    change_order(rows, order, |order| order.buyer.email = Some(EmailAddress::erased()));
                    for mut mail in mails {
                        mail.to = EmailAddress::erased();
                        rows.mails.load_record(mail);
                    }
                });
            }
            _ => {}
        }
        memory.look(|rows| erasures::buyer_erased(&self.world, rows, erase, order.as_ref()));
        Ok(erased)
    }

    pub(super) async fn erase_account(&self, now: Timestamp, erase: &EraseAccount) -> Result<Erased> {
        let memory = &self.world.memory;
        let before: Option<Account> = memory.look(|rows| rows.accounts.get(&erase.id).cloned());
        let outcome = memory.apply_one(now, erase.clone()).await?;
        if let (Some(before), true) = (before, self.is(Bug::ErasedAccountKeepsName)) {
            memory.tamper(|rows| {
                if let Some(mut account) = rows.accounts.get(&erase.id).cloned() {
                    account.name = before.name;
                    rows.accounts.load_record(account);
                }
            });
        }
        Ok(outcome)
    }
}
