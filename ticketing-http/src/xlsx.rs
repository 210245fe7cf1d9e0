//! Exports as XLSX. In it a text is a text, whatever it begins with.
//!
//! The file is a ZIP archive, so it is made whole, in a temporary file without a name: rows are written to it as they are read, and the
//! memory does not grow with their number.

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use std::fs::File;
use ticketing_core::{Cell, Error, Export};

/// The most rows of a file. Spreadsheets have a million; long before, people want CSV.
const MAX_ROWS: u32 = 200_000;
/// The longest text of a cell, which Excel sets.
const MAX_TEXT: usize = 32_767;

/// How many files are made at once. Each keeps a thread busy, and does not depend on how fast a client reads.
static AT_ONCE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// The file, written. `progress` hears how many rows were read.
pub(crate) async fn written(export: Export, progress: impl Fn(u64)) -> Result<File, Error> {
    // Closed by nobody.
    let _turn = AT_ONCE.acquire().await;
    let (sheets, rows) = tokio::sync::mpsc::channel(2);
    let (columns, zone) = (export.columns().to_vec(), export.time_zone());
    let writing = tokio::task::spawn_blocking(move || write(&columns, &zone, rows));
    let read = read(export, sheets, progress).await;
    let file = writing.await.map_err(|_| unwritten(&"the writer has stopped"))?;
    read?;
    file.map_err(|error| unwritten(&error))
}

fn unwritten(why: &dyn std::fmt::Display) -> Error {
    Error::Configuration(format!("an XLSX file cannot be written: {why}"))
}

async fn read(
    mut export: Export,
    to: tokio::sync::mpsc::Sender<Vec<Vec<Cell>>>,
    progress: impl Fn(u64),
) -> Result<(), Error> {
    while let Some(rows) = export.next_rows().await? {
        if export.rows() > u64::from(MAX_ROWS) {
            return Err(Error::invalid("format", format!("must be csv: there are more than {MAX_ROWS} rows")));
        }
        progress(export.rows());
        if to.send(rows).await.is_err() {
            // The writer has given up, and says why itself.
            return Ok(());
        }
    }
    Ok(())
}

fn write(
    columns: &[String],
    zone: &jiff::tz::TimeZone,
    mut rows: tokio::sync::mpsc::Receiver<Vec<Vec<Cell>>>,
) -> Result<File, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_constant_memory()?;
    let head = Format::new().set_bold();
    for (column, name) in (0..).zip(columns) {
        sheet.write_string_with_format(0, column, name, &head)?;
        sheet.set_column_width(column, 18)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    let formats = Formats::default();
    let mut row = 1;
    while let Some(page) = rows.blocking_recv() {
        for cells in page {
            for (column, cell) in (0..).zip(&cells) {
                formats.write(sheet, (row, column), cell, zone)?;
            }
            row += 1;
        }
    }
    let mut file = tempfile::tempfile()?;
    book.save_to_writer(&mut file)?;
    Ok(file)
}

struct Formats {
    time: Format,
}

impl Default for Formats {
    fn default() -> Self {
        Self { time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss") }
    }
}

impl Formats {
    fn write(
        &self,
        sheet: &mut Worksheet,
        (row, column): (u32, u16),
        cell: &Cell,
        zone: &jiff::tz::TimeZone,
    ) -> Result<(), XlsxError> {
        match cell {
            Cell::Text(text) => {
                let text: String = text.chars().take(MAX_TEXT).collect();
                sheet.write_string(row, column, text)?;
            }
            // Excel counts in binary fractions of 53 bits, which hold every id and amount of ours.
            Cell::Number(number) => {
                sheet.write_number(row, column, as_number(*number))?;
            }
            Cell::Money(money) => {
                let decimals = money.currency().exponent() as usize;
                let format = Format::new().set_num_format(match decimals {
                    0 => "0".to_owned(),
                    decimals => format!("0.{}", "0".repeat(decimals)),
                });
                let amount: f64 = money.decimal().parse().unwrap_or_default();
                sheet.write_number_with_format(row, column, amount, &format)?;
            }
            Cell::Time(at) => {
                sheet.write_datetime_with_format(row, column, by_the_clocks(*at, zone)?, &self.time)?;
            }
            _ => {}
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "ids stay below 2^53")]
fn as_number(number: i64) -> f64 {
    number as f64
}

/// A time by the clocks of the zone: Excel knows no zones.
fn by_the_clocks(at: jiff::Timestamp, zone: &jiff::tz::TimeZone) -> Result<ExcelDateTime, XlsxError> {
    let local = at.to_zoned(zone.clone());
    let part = |part: i8| part.unsigned_abs();
    let date = ExcelDateTime::from_ymd(local.year().unsigned_abs(), part(local.month()), part(local.day()))?;
    date.and_hms(part(local.hour()).into(), part(local.minute()), part(local.second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_clocks_where_the_event_is() {
        let at: jiff::Timestamp = "2026-11-30T23:30:00Z".parse().unwrap();
        let lagos = jiff::tz::TimeZone::get("Africa/Lagos").unwrap();
        let expected = ExcelDateTime::from_ymd(2026, 12, 1).unwrap().and_hms(0, 30, 0).unwrap();
        assert_eq!(by_the_clocks(at, &lagos).unwrap().to_excel().to_bits(), expected.to_excel().to_bits());
    }
}
