//! `export`: writes a list of an event to a file. It works on the database itself, while servers run.

use super::accounts::{on_database, sentence};
use crate::config::{Database, ExportCommand};
use crate::engine::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::path::Path;
use tempfile::NamedTempFile;
use ticketing_core::domain::audit::Actor;
use ticketing_core::{CsvExport, Export, ExportKind, Ticketing};

/// Writes the file, with a progress bar on a terminal. It appears when it is whole: if something fails, there is none, or the one from
/// before. Returns the number of rows.
pub async fn export(database: &Database, command: &ExportCommand) -> Result<u64, Failure> {
    let command = command.clone();
    on_database(database, async move |ticketing| write(&ticketing, &command).await).await
}

async fn write(ticketing: &Ticketing, command: &ExportCommand) -> Result<u64, Failure> {
    let export = ticketing.export(&Actor::Operator, command.event_id, command.kind).await.map_err(sentence)?;
    let bar = progress_bar(&export);
    let mut file = beside(&command.output)?;
    let rows = match command.is_xlsx {
        #[cfg(feature = "xlsx")]
        true => {
            let mut made = crate::xlsx::written(export, |rows| bar.set_position(rows)).await.map_err(sentence)?;
            std::io::Seek::rewind(&mut made)?;
            std::io::copy(&mut made, &mut file)?;
            bar.position()
        }
        _ => write_csv(export, command.is_plain, &mut file, &bar).await?,
    };
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(&command.output).map_err(|error| unwritable(&command.output, &error.error))?;
    bar.finish_and_clear();
    Ok(rows)
}

async fn write_csv(
    export: Export,
    is_plain: bool,
    file: &mut NamedTempFile,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let mut csv = CsvExport::new(export).plain(is_plain);
    while let Some(piece) = csv.next_piece().await.map_err(sentence)? {
        file.write_all(&piece)?;
        bar.set_position(csv.rows());
    }
    Ok(csv.rows())
}

/// A new file in the same folder, which replaces the other in one step.
fn beside(output: &Path) -> Result<NamedTempFile, Failure> {
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    NamedTempFile::new_in(folder).map_err(|error| unwritable(output, &error))
}

fn unwritable(output: &Path, error: &std::io::Error) -> Failure {
    format!("{} cannot be written: {error}.", output.display()).into()
}

/// How many tickets there will be is known, at least about; of other rows it is not. Nothing is drawn where no terminal is.
fn progress_bar(export: &Export) -> ProgressBar {
    let sold = u64::try_from(export.event().stock.sold).unwrap_or(0);
    let (bar, template) = match export.kind() {
        ExportKind::Attendees => (ProgressBar::new(sold), "{wide_bar} {human_pos}/{human_len} rows, {eta} left"),
        _ => (ProgressBar::new_spinner(), "{spinner} {human_pos} rows"),
    };
    // The templates are ours, and a test draws them.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The sentence about an export that was written.
pub fn written(rows: u64, output: &Path) -> String {
    let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    format!("Wrote {rows} to {}.", output.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketing_core::IssueRequest;
    use ticketing_core::domain::event::NewEvent;
    use ticketing_core::domain::id::EventId;
    use ticketing_core::domain::money::{Currency, Money};
    use ticketing_core::domain::order::{IssueLine, IssuePayment};
    use ticketing_core::domain::principal::Principal;
    use ticketing_core::storage::sqlite::SqliteStorage;

    #[test]
    fn the_templates_of_the_progress_bars_are_good() {
        for template in ["{wide_bar} {human_pos}/{human_len} rows, {eta} left", "{spinner} {human_pos} rows"] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[tokio::test]
    async fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.db");
        let storage = SqliteStorage::open(&path).await.unwrap();
        let shop = Ticketing::builder(storage.clone()).build().unwrap();
        let club = Principal::External("club".to_owned());
        let starts_at = "2099-12-31T20:00:00Z".parse().unwrap();
        let new = NewEvent::general_admission("Jazz", starts_at, "Lagos", Money::zero(Currency::NGN), Some(9));
        let event = shop.create_event(&club, new).await.unwrap();
        let lines = vec![IssueLine::new(None, 3)];
        let request = IssueRequest::new(event.id, lines, IssuePayment::Free).with_note("The band".to_owned());
        shop.issue_order(&club, request).await.unwrap();
        let database = Database::File(path);
        let command = |output: &str, event_id, is_xlsx| ExportCommand {
            kind: ExportKind::Attendees,
            event_id,
            output: folder.path().join(output),
            is_xlsx,
            is_plain: true,
        };
        assert_eq!(export(&database, &command("a.csv", event.id, false)).await.unwrap(), 3);
        let text = std::fs::read_to_string(folder.path().join("a.csv")).unwrap();
        assert_eq!((text.lines().count(), text.starts_with("\"ticket_id\",")), (4, true));
        assert_eq!(export(&database, &command("a.xlsx", event.id, true)).await.unwrap(), 3);
        assert!(std::fs::read(folder.path().join("a.xlsx")).unwrap().starts_with(b"PK"));
        // What fails leaves the file from before as it is.
        assert!(export(&database, &command("a.csv", EventId(99), false)).await.is_err());
        assert_eq!(std::fs::read_to_string(folder.path().join("a.csv")).unwrap(), text);
        let nowhere = export(&database, &command("no/such/folder.csv", event.id, false)).await.unwrap_err();
        assert!(nowhere.to_string().contains("cannot be written"), "{nowhere}");
        let left = std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp"));
        assert_eq!(left.count(), 0, "nothing is left behind");
        storage.close().await;
    }

    #[test]
    fn rows_are_counted_in_words() {
        assert_eq!(written(1, Path::new("a.csv")), "Wrote 1 row to a.csv.");
        assert_eq!(written(0, Path::new("a.csv")), "Wrote 0 rows to a.csv.");
    }
}
