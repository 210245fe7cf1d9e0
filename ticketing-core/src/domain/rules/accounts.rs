use crate::domain::account::{Account, AccountChange, NewAccount};
use crate::domain::book::Book;
use crate::domain::id::AccountId;
use crate::domain::refusal::Refusal;
use jiff::Timestamp;

/// Makes an account, unless somebody has its address or user name.
pub fn register(book: &mut Book, now: Timestamp, new: &NewAccount) -> Result<Account, Refusal> {
    if book.account_by_email(&new.email).is_some() {
        return Err(Refusal::EmailTaken);
    }
    if new.username.as_ref().is_some_and(|username| book.account_by_username(username).is_some()) {
        return Err(Refusal::UsernameTaken);
    }
    let account = Account {
        id: book.next_account(),
        email: new.email.clone(),
        name: new.name.clone(),
        username: new.username.clone(),
        phone: new.phone.clone(),
        password_hash: new.password_hash.clone(),
        role: new.role,
        is_active: true,
        is_verified: false,
        sessions_ended: 0,
        created_at: now,
        updated_at: now,
    };
    book.add_account(account.clone());
    Ok(account)
}

/// Changes an account; gives it as it is then, or nothing where there is none.
pub fn change_account(book: &mut Book, now: Timestamp, id: AccountId, change: &AccountChange) -> Option<Account> {
    book.accounts.update(&id, |account| {
        match change {
            // Somebody else changed the password meanwhile: theirs is the newer one.
            AccountChange::PasswordHash { seen, .. } | AccountChange::NewPassword { seen, .. }
                if *seen != account.password_hash =>
            {
                return;
            }
            AccountChange::PasswordHash { hash, .. } => account.password_hash.clone_from(hash),
            AccountChange::NewPassword { hash, .. } => {
                account.password_hash.clone_from(hash);
                account.sessions_ended += 1;
            }
            AccountChange::EndSessions => account.sessions_ended += 1,
            AccountChange::Active(active) => account.is_active = *active,
            AccountChange::Role(role) => account.role = *role,
        }
        account.updated_at = now;
    });
    book.accounts.get(&id).cloned()
}
