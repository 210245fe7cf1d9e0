//! `admin`: lists accounts, makes administrators, stops abusers. It works on the database itself, so it needs no administrator yet, and
//! servers see each change with the next request.

use super::in_words;
use crate::api::dto::administration::AccountView;
use crate::config::{AdminAction, AdminCommand, Database};
use crate::engine::Failure;
use poem_openapi::types::ToJSON as _;
use std::io::Write;
use std::sync::Arc;
use ticketing_core::domain::account::{Account, AccountFilter};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::AccountId;
use ticketing_core::domain::page::{MAX_PAGE, PageRequest};
use ticketing_core::storage::Storage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::{Error, Ticketing};

/// Lists accounts, or changes one, and writes what they are now. Fails with a sentence if there is no such account, or if the change is
/// refused.
pub async fn administer(database: &Database, command: &AdminCommand, out: &mut impl Write) -> Result<(), Failure> {
    on_database(database, async |ticketing| act(&ticketing, command, out).await).await
}

/// Does something with a database that servers may be using.
pub(super) async fn on_database<T>(
    database: &Database,
    work: impl AsyncFnOnce(Ticketing) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match database {
        Database::Memory => {
            Err("DATABASE_URL: an in-memory database cannot be reached from outside its server.".into())
        }
        Database::File(path) => {
            let storage = SqliteStorage::open_existing(path).await.map_err(in_words)?;
            let done = work(ticketing_on(Arc::new(storage.clone()))?).await;
            storage.close().await;
            done
        }
        #[cfg(feature = "postgres")]
        Database::Postgres(url) => {
            let storage = ticketing_core::storage::postgres::PostgresStorage::connect_as_is(url.expose()).await;
            let storage = storage.map_err(in_words)?;
            storage.ready().await.map_err(in_words)?;
            let done = work(ticketing_on(Arc::new(storage.clone()))?).await;
            storage.close().await;
            done
        }
        #[cfg(not(feature = "postgres"))]
        Database::Postgres(_) => Err("DATABASE_URL: this server was built without PostgreSQL.".into()),
    }
}

fn ticketing_on(storage: Arc<dyn Storage>) -> Result<Ticketing, Failure> {
    Ok(Ticketing::builder_on(storage).build()?)
}

async fn act(ticketing: &Ticketing, command: &AdminCommand, out: &mut impl Write) -> Result<(), Failure> {
    match &command.action {
        AdminAction::List(filter) => list(ticketing, filter, command.is_json, out).await,
        AdminAction::Erase { address } => {
            let id = account_at(ticketing, address).await?;
            ticketing.erase_account(&Actor::Operator, id).await.map_err(sentence)?;
            let account = ticketing.administered_account(&Actor::Operator, id).await.map_err(sentence)?;
            write(&account, command.is_json, out)
        }
        AdminAction::Change { address, wants } => {
            let id = account_at(ticketing, address).await?;
            let account = ticketing.administer_account(&Actor::Operator, id, wants.clone()).await.map_err(sentence)?;
            write(&account, command.is_json, out)
        }
    }
}

fn write(account: &Account, is_json: bool, out: &mut impl Write) -> Result<(), Failure> {
    match is_json {
        true => writeln!(out, "{}", json(account))?,
        false => writeln!(out, "{}", line(account))?,
    }
    Ok(())
}

/// Writes all accounts that meet the filter, page by page: there may be many.
async fn list(
    ticketing: &Ticketing,
    filter: &AccountFilter,
    is_json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut page = PageRequest::default().with_limit(MAX_PAGE);
    let mut written = 0_u64;
    loop {
        let found = ticketing.search_accounts(&Actor::Operator, filter, page).await.map_err(sentence)?;
        for account in &found.items {
            match (is_json, written) {
                (false, _) => writeln!(out, "{}", line(account))?,
                (true, 0) => write!(out, "[{}", json(account))?,
                (true, _) => write!(out, ",\n{}", json(account))?,
            }
            written += 1;
        }
        if !found.more {
            break;
        }
        page = page.with_skip(page.skip + u64::from(page.limit));
    }
    match (is_json, written) {
        (true, 0) => writeln!(out, "[]")?,
        (true, _) => writeln!(out, "]")?,
        (false, _) => {}
    }
    Ok(())
}

/// The account that an operator means.
async fn account_at(ticketing: &Ticketing, address: &str) -> Result<AccountId, Failure> {
    let account = match address.strip_prefix("id:") {
        Some(number) => {
            let number: i64 =
                number.parse().map_err(|_| format!("{address}: expected id: and a number, such as id:7."))?;
            ticketing.administered_account(&Actor::Operator, AccountId(number)).await.map(Some)
        }
        None => ticketing.find_account(address).await,
    };
    match account {
        Ok(Some(account)) => Ok(account.id),
        Ok(None) | Err(Error::NotFound(_)) => Err(format!("There is no account {address}.").into()),
        Err(error) => Err(sentence(error)),
    }
}

/// For people, and for `cut`: tabs between the fields. No text of an account has tabs or line breaks.
fn line(account: &Account) -> String {
    let status = if account.is_active { "active" } else { "disabled" };
    let verified = if account.is_verified { "verified" } else { "unverified" };
    let reason = account.disabled_reason.as_deref().unwrap_or_default();
    let (username, role) = (account.username.as_deref().unwrap_or("-"), account.role.name());
    let fields = [&format!("id:{}", account.id), account.email.as_str(), username, role, status, verified, reason];
    fields.join("\t").trim_end().to_owned()
}

/// As the API shows it: without the password's hash.
fn json(account: &Account) -> String {
    AccountView::from(account).to_json_string()
}

pub(super) fn sentence(error: Error) -> Failure {
    match error {
        Error::Storage(error) => in_words(error),
        Error::Invalid(fields) => {
            let each: Vec<String> = fields.iter().map(|field| format!("{}: {}.", field.field, field.message)).collect();
            each.join(" ").into()
        }
        error => format!("{}.", error.to_string().trim_end_matches('.')).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use ticketing_core::Registration;
    use ticketing_core::domain::account::{AccountWants, Role};
    use ticketing_core::domain::page::PageRequest;
    use ticketing_core::token::TokenKey;

    struct Shop {
        folder: std::path::PathBuf,
        database: Database,
        /// What a running server has open.
        server: Ticketing,
        file: SqliteStorage,
    }

    impl Shop {
        async fn open(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("ticketing-admin-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join("shop.db");
            let file = SqliteStorage::open(&path).await.unwrap();
            let server = Ticketing::builder(file.clone()).token_key(TokenKey::new(&[7; 32]).unwrap()).build().unwrap();
            for (name, username) in [("ada", None), ("bob", Some("Bobby"))] {
                let new = Registration::new(format!("{name}@example.com"), name, "correct horse battery");
                server.register(new.with_username(username.map(str::to_owned))).await.unwrap();
            }
            Self { folder, database: Database::File(path), server, file }
        }

        async fn act(&self, action: AdminAction, is_json: bool) -> Result<String, String> {
            let mut out = vec![];
            let done = administer(&self.database, &AdminCommand { action, is_json }, &mut out).await;
            done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
        }

        async fn change(&self, address: &str, wants: AccountWants) -> Result<String, String> {
            self.act(AdminAction::Change { address: address.to_owned(), wants }, false).await
        }

        async fn close(self) {
            self.file.close().await;
            std::fs::remove_dir_all(self.folder).unwrap();
        }
    }

    #[tokio::test]
    async fn an_open_file_is_changed_and_its_server_sees_it_at_once() {
        let shop = Shop::open("changes").await;
        let token = shop.server.login("bobby", "correct horse battery").await.unwrap().token;
        let wants = AccountWants::default;
        let promoted = shop.change("ADA@example.com", wants().with_role(Role::Admin)).await.unwrap();
        assert_eq!(promoted, "id:1\tada@example.com\t-\tadmin\tactive\tunverified\n");
        let spam = wants().with_is_active(false).with_reason(Some("Sells spam".to_owned()));
        let off = shop.change("bobby", spam).await.unwrap();
        assert_eq!(off, "id:2\tbob@example.com\tBobby\tmember\tdisabled\tunverified\tSells spam\n");
        assert!(shop.server.authenticate(&token).await.is_err(), "the next request is refused");
        // The server writes on, with ids of its own.
        let new = Registration::new("cy@example.com", "Cy", "correct horse battery");
        assert_eq!(shop.server.register(new).await.unwrap().id, AccountId(3));
        assert!(shop.change("id:2", wants().with_is_active(true)).await.unwrap().contains("\tactive\t"));
        let token = shop.server.login("bobby", "correct horse battery").await.unwrap().token;
        shop.change("id:2", wants().with_ends_sessions(true)).await.unwrap();
        assert!(shop.server.authenticate(&token).await.is_err());
        let lines = shop.server.account_audit(&Actor::Operator, AccountId(2), PageRequest::default()).await.unwrap();
        let told: Vec<String> = lines.items.iter().map(|line| format!("{} {}", line.actor, line.action)).collect();
        let expected = ["operator account.disabled", "operator account.enabled", "operator account.sessions_ended"];
        assert_eq!(told, expected);
        shop.close().await;
    }

    #[tokio::test]
    async fn an_account_is_erased_while_its_server_runs() {
        let shop = Shop::open("erases").await;
        let token = shop.server.login("bobby", "correct horse battery").await.unwrap().token;
        let erase = |address: &str| AdminAction::Erase { address: address.to_owned() };
        let erased = shop.act(erase("bobby"), false).await.unwrap();
        assert_eq!(erased, "id:2\terased-2@erased.invalid\t-\tmember\tdisabled\tunverified\n");
        assert!(shop.server.authenticate(&token).await.is_err(), "the next request is refused");
        assert_eq!(shop.act(erase("bobby"), false).await.unwrap_err(), "There is no account bobby.");
        assert!(shop.act(erase("id:2"), false).await.is_err());
        let wants = AccountWants::default;
        shop.change("ada@example.com", wants().with_role(Role::Admin)).await.unwrap();
        let last = shop.act(erase("ada@example.com"), false).await.unwrap_err();
        assert_eq!(last, "The account cannot be erased yet: it is the last active administrator.");
        shop.close().await;
    }

    #[tokio::test]
    async fn what_is_refused_is_a_sentence() {
        let shop = Shop::open("refusals").await;
        let wants = AccountWants::default;
        shop.change("ada@example.com", wants().with_role(Role::Admin)).await.unwrap();
        let last = shop.change("ada@example.com", wants().with_role(Role::Member)).await.unwrap_err();
        assert_eq!(last, "This is the last active administrator. Make another account an administrator first.");
        for nobody in ["cy@example.com", "nobody", "id:99"] {
            let refused = shop.change(nobody, wants().with_is_active(false)).await.unwrap_err();
            assert_eq!(refused, format!("There is no account {nobody}."));
        }
        let id = shop.change("id:seven", wants().with_is_active(false)).await.unwrap_err();
        assert_eq!(id, "id:seven: expected id: and a number, such as id:7.");
        let long = wants().with_is_active(false).with_reason(Some("x".repeat(501)));
        let long = shop.change("bobby", long).await.unwrap_err();
        assert!(long.starts_with("reason: ") && long.contains("500"), "{long}");
        let list = AdminCommand { action: AdminAction::List(AccountFilter::default()), is_json: false };
        let nowhere = Database::File(shop.folder.join("nowhere.db"));
        assert!(administer(&nowhere, &list, &mut vec![]).await.unwrap_err().to_string().contains("there is no file"));
        assert!(administer(&Database::Memory, &list, &mut vec![]).await.is_err());
        let postgres = Database::Postgres(Secret::new("postgres://u:hunter2@127.0.0.1:1/d"));
        let refused = administer(&postgres, &list, &mut vec![]).await.unwrap_err().to_string();
        assert!(!refused.contains("hunter2"), "{refused}");
        shop.close().await;
    }

    #[tokio::test]
    async fn a_list_is_text_or_json_without_password_hashes() {
        let shop = Shop::open("lists").await;
        let list = async |filter: AccountFilter, is_json| shop.act(AdminAction::List(filter), is_json).await.unwrap();
        let all = AccountFilter::default;
        assert_eq!(list(all(), false).await.lines().count(), 2);
        assert_eq!(list(all().with_text("BOB".to_owned()), false).await.lines().count(), 1);
        assert_eq!(list(all().with_role(Role::Admin), false).await, "");
        let json = list(all(), true).await;
        assert!(!json.contains("argon2") && !json.contains("password"), "{json}");
        let accounts: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        let seen: Vec<_> = accounts.iter().map(|of| (&of["id"], &of["email"], &of["username"], &of["role"])).collect();
        let (null, member) = (serde_json::Value::Null, "member".into());
        let expected = [(1, "ada@example.com", &null), (2, "bob@example.com", &"Bobby".into())];
        for (seen, (id, email, username)) in seen.into_iter().zip(expected) {
            assert_eq!(seen, (&id.into(), &email.into(), username, &member));
        }
        assert_eq!(list(all().with_is_active(false), true).await, "[]\n");
        shop.close().await;
    }
}
