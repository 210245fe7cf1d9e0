//! The arguments of `ticketing-http export`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::path::PathBuf;
use ticketing_core::ExportKind;
use ticketing_core::domain::id::EventId;

/// What `export` is to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportCommand {
    /// What.
    pub kind: ExportKind,
    /// Of which event.
    pub event_id: EventId,
    /// Where to.
    pub output: PathBuf,
    /// Whether it is an XLSX file; else CSV.
    pub is_xlsx: bool,
    /// Whether the CSV is for programs.
    pub is_plain: bool,
}

/// The subcommand, for the command line.
pub(super) fn subcommand() -> clap::Command {
    let kinds = PossibleValuesParser::new(ExportKind::ALL.iter().map(ExportKind::name));
    let formats = PossibleValuesParser::new(if cfg!(feature = "xlsx") { &["csv", "xlsx"][..] } else { &["csv"] });
    clap::Command::new("export")
        .about("Writes the attendees, orders, refunds or check-ins of an event to a file; safe while servers run")
        .arg(Arg::new("KIND").required(true).value_parser(kinds).help("What to export"))
        .arg(
            Arg::new("event")
                .long("event")
                .value_name("ID")
                .required(true)
                .value_parser(value_parser!(i64))
                .help("The event's id"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file to write. It appears when it is whole; an existing one is replaced then"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_parser(formats)
                .help("The format [default: by the end of the file's name, else csv]"),
        )
        .arg(
            Arg::new("plain")
                .long("plain")
                .action(ArgAction::SetTrue)
                .help("CSV for programs: no byte order mark, every text as it is"),
        )
}

/// The command that was parsed.
pub(super) fn parse(matches: &ArgMatches) -> ExportCommand {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let output = matches.get_one::<PathBuf>("output").cloned().unwrap_or_default();
    let by_name = output.extension().is_some_and(|end| end.eq_ignore_ascii_case("xlsx")) && cfg!(feature = "xlsx");
    ExportCommand {
        kind: text("KIND").and_then(ExportKind::from_name).unwrap_or(ExportKind::Attendees),
        event_id: EventId(matches.get_one::<i64>("event").copied().unwrap_or_default()),
        is_xlsx: text("format").map_or(by_name, |format| format == "xlsx"),
        is_plain: matches.get_flag("plain"),
        output,
    }
}
