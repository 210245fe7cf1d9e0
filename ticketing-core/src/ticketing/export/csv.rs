//! Exports as CSV (RFC 4180).

use super::{Cell, Export};
use crate::error::{Error, Result};
use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use jiff::tz::TimeZone;

/// The mark by which spreadsheets know that a file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// An export that is read as pieces of a CSV file, in UTF-8 with lines that end in CR and LF.
///
/// It is for spreadsheets: it begins with a byte order mark, and a text that a spreadsheet would compute (CSV injection) begins with an
/// apostrophe, as OWASP recommends. A phone number with `+` has one too. Times are in the event's time zone, with their offset.
/// [`plain`](Self::plain) is for programs, and has neither.
#[derive(Debug)]
pub struct CsvExport {
    export: Export,
    zone: TimeZone,
    is_plain: bool,
    is_begun: bool,
}

impl CsvExport {
    /// For spreadsheets.
    pub fn new(export: Export) -> Self {
        Self { zone: export.time_zone(), export, is_plain: false, is_begun: false }
    }

    /// For programs: without a byte order mark, and with every text as it is.
    #[must_use]
    pub fn plain(self, is_plain: bool) -> Self {
        Self { is_plain, ..self }
    }

    /// How many rows were read so far.
    pub fn rows(&self) -> u64 {
        self.export.rows()
    }

    /// The next piece of the file, which begins with the names of the columns. `None` at the end.
    pub async fn next_piece(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = vec![];
        if !self.is_begun {
            if !self.is_plain {
                piece.extend_from_slice(BYTE_ORDER_MARK);
            }
            let names = self.export.columns().iter().map(|name| Cell::from(name.as_str())).collect();
            piece.extend(self.written(&[names])?);
            self.is_begun = true;
            return Ok(Some(piece));
        }
        match self.export.next_rows().await? {
            Some(rows) => Ok(Some(self.written(&rows)?)),
            None => Ok(None),
        }
    }

    fn written(&self, rows: &[Vec<Cell>]) -> Result<Vec<u8>> {
        let mut writer = writer();
        for row in rows {
            let fields = row.iter().map(|cell| field(cell, &self.zone, self.is_plain));
            writer.write_record(fields).map_err(|error| in_memory(&error))?;
        }
        writer.into_inner().map_err(|error| in_memory(error.error()))
    }
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().quote_style(QuoteStyle::Always).terminator(Terminator::CRLF).from_writer(vec![])
}

/// Writing to memory does not fail.
fn in_memory(error: &dyn std::fmt::Display) -> Error {
    Error::Configuration(format!("a CSV file cannot be written: {error}"))
}

fn field(cell: &Cell, zone: &TimeZone, is_plain: bool) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) if is_plain || !is_computed(text) => text.clone(),
        Cell::Text(text) => format!("'{text}"),
        Cell::Number(number) => number.to_string(),
        Cell::Time(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Cell::Money(money) => money.decimal(),
    }
}

/// Whether a spreadsheet could take the text for a formula: it begins with one of their signs, in any width, also behind blanks. A tab or
/// an end of a line begins one too.
pub(super) fn is_computed(text: &str) -> bool {
    let is_sign = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '|' | '%');
    text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(is_sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    fn written(texts: &[String], is_plain: bool) -> Vec<u8> {
        let mut writer = writer();
        let cells = texts.iter().map(|text| field(&Cell::Text(text.clone()), &TimeZone::UTC, is_plain));
        writer.write_record(cells).unwrap();
        writer.into_inner().unwrap()
    }

    proptest! {
        #[test]
        fn another_reader_gives_back_every_cell(texts in prop::collection::vec(".{0,40}|[\"',;\r\n\t=+@ -]{0,6}", 1..6)) {
            prop_assert_eq!(read(&written(&texts, true)), vec![texts.clone()]);
            let safe = read(&written(&texts, false));
            prop_assert_eq!(safe.len(), 1);
            for (cell, text) in safe[0].iter().zip(&texts) {
                let marked = format!("'{text}");
                prop_assert!(cell == text || *cell == marked);
                prop_assert!(!is_computed(cell), "{:?} is computed", cell);
            }
        }
    }

    #[test]
    fn what_a_spreadsheet_would_compute_begins_with_an_apostrophe() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+234 800 000", "'+234 800 000"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("\u{a0}＝1", "'\u{a0}＝1"),
            ("\t=1", "'\t=1"),
            ("Ada", "Ada"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(field(&Cell::Text(text.to_owned()), &TimeZone::UTC, false), expected);
            assert_eq!(field(&Cell::Text(text.to_owned()), &TimeZone::UTC, true), text);
        }
    }

    #[test]
    fn every_text_is_quoted_and_every_line_ends_in_cr_and_lf() {
        let bytes = written(&["a \"b\"".to_owned(), String::new(), "5".to_owned()], false);
        assert_eq!(String::from_utf8(bytes).unwrap(), "\"a \"\"b\"\"\",\"\",\"5\"\r\n");
    }
}
