//! The sources of settings: flags, the environment, `.env`.

use super::admin_arguments::{self, AdminCommand};
use super::export_arguments::{self, ExportCommand};
use super::variables::variable;
use super::{ConfigError, VARIABLES};
use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A parsed command line.
#[derive(Debug)]
pub struct Invocation {
    /// The command.
    pub command: Command,
    flags: HashMap<&'static str, String>,
}

/// The commands of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Runs the server.
    Serve,
    /// Runs the sandbox gateway alone.
    Sandbox,
    /// Checks the database for inconsistencies.
    Check,
    /// Copies the database.
    BackUp(PathBuf),
    /// Checks whether the server on this machine is up.
    HealthCheck,
    /// Lists and changes accounts.
    Admin(AdminCommand),
    /// Writes a list of an event to a file.
    Export(ExportCommand),
}

impl Invocation {
    /// Parses a command line. Help and version come as clap's error, too.
    pub fn parse<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let matches = command_line().try_get_matches_from(arguments)?;
        let (command, inner) = match matches.subcommand() {
            Some(("sandbox", inner)) => (Command::Sandbox, inner),
            Some(("healthcheck", inner)) => (Command::HealthCheck, inner),
            Some(("check", inner)) => (Command::Check, inner),
            Some(("admin", inner)) => {
                let (command, inner) = admin_arguments::parse(inner);
                (Command::Admin(command), inner)
            }
            Some(("export", inner)) => (Command::Export(export_arguments::parse(inner)), inner),
            Some(("backup", inner)) => {
                (Command::BackUp(inner.get_one::<PathBuf>("FILE").cloned().unwrap_or_default()), inner)
            }
            Some((_, inner)) => (Command::Serve, inner),
            None => (Command::Serve, &matches),
        };
        let flag = |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).cloned();
        let flags = VARIABLES.iter().filter(|variable| !variable.secret).filter_map(|variable| {
            Some((variable.name, flag(inner, variable.name).or_else(|| flag(&matches, variable.name))?))
        });
        Ok(Self { command, flags: flags.collect() })
    }
}

fn command_line() -> clap::Command {
    let flags = VARIABLES.iter().filter(|variable| !variable.secret).map(|variable| {
        let default =
            if variable.default.is_empty() { String::new() } else { format!(" [default: {}]", variable.default) };
        Arg::new(variable.name)
            .long(variable.name.to_lowercase().replace('_', "-"))
            .value_name("VALUE")
            .value_parser(NonEmptyStringValueParser::new())
            .global(true)
            .help(format!("{}{default} [env: {}]", variable.help, variable.name))
    });
    clap::Command::new("ticketing-http")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sells tickets over HTTP: one binary, nothing to install")
        .after_help("Secrets (DATABASE_URL, JWT_SECRET_KEY, PAYSTACK_SECRET_KEY, SMTP_PASSWORD, METRICS_TOKEN) are read from the environment or .env only. See .env.example.")
        .args(flags)
        .subcommand(clap::Command::new("serve").about("Runs the server; the default command"))
        .subcommand(
            clap::Command::new("check")
                .about("Checks the database and lists inconsistencies (exit code 1); safe while servers run"),
        )
        .subcommand(
            clap::Command::new("backup")
                .about("Copies the database to a new file and checks the copy (SQLite); safe while servers run")
                .arg(Arg::new("FILE").required(true).value_parser(clap::value_parser!(PathBuf)).help("The new file")),
        )
        .subcommand(admin_arguments::subcommand())
        .subcommand(export_arguments::subcommand())
        .subcommand(
            clap::Command::new("healthcheck")
                .about("Checks whether the server at HOST and PORT is up (exit code 1: no), for containers and supervisors"),
        )
        .subcommand(clap::Command::new("sandbox").about("Runs the sandbox payment gateway alone, for development: no money moves"))
}

/// All settings, as written.
pub struct Source {
    values: HashMap<&'static str, String>,
    unknown: Vec<String>,
}

/// Without the values: some are secret.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("set", &self.values.keys()).field("unknown", &self.unknown).finish()
    }
}

impl Source {
    /// Gathers flags, the environment (`std::env::var_os`), and the file `.env` if it exists.
    pub fn gather(
        invocation: Invocation,
        environment: impl Fn(&str) -> Option<OsString>,
        env_file: &Path,
    ) -> Result<Self, ConfigError> {
        let mut source = Self::of_file(env_file)?;
        for variable in VARIABLES {
            match environment(variable.name).map(OsString::into_string) {
                Some(Ok(value)) => source.set(variable.name, value),
                Some(Err(_)) => return Err(source.error(variable.name, "bytes that are not UTF-8", "text")),
                None => {}
            }
        }
        for (name, value) in invocation.flags {
            source.set(name, value);
        }
        Ok(source)
    }

    /// The settings in `pairs` and no others, for tests.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut source = Self { values: HashMap::new(), unknown: Vec::new() };
        for (name, value) in pairs {
            source.set(name, value.to_owned());
        }
        source
    }

    fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let mut source = Self::of([]);
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(source),
            Err(_) => return Err(unreadable(path)),
        };
        for line in lines {
            // The error would show the line, which may contain a secret.
            let (name, value) = line.map_err(|_| unreadable(path))?;
            source.set(&name, value);
        }
        Ok(source)
    }

    /// An empty value counts as not set: `SMTP_HOST=` is a line not filled in.
    fn set(&mut self, name: &str, value: String) {
        match variable(name) {
            Some(variable) if value.trim().is_empty() => drop(self.values.remove(variable.name)),
            Some(variable) => drop(self.values.insert(variable.name, value.trim().to_owned())),
            None => self.unknown.push(name.to_owned()),
        }
    }

    /// Unknown names.
    pub(super) fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Whether the variable is set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The variable, or its default, read by `parse`. The error of `parse` is what it expects.
    pub(super) fn read<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        let default = variable(name).map_or("", |variable| variable.default);
        let value = self.values.get(name).map_or(default, String::as_str);
        parse(value).map_err(|expected| self.wrong(name, expected))
    }

    /// The variable read by `parse`, or `None` where it was not set.
    pub(super) fn read_if_set<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        match self.is_set(name) {
            true => self.read(name, parse).map(Some),
            false => Ok(None),
        }
    }

    /// An error about the variable.
    pub(super) fn wrong(&self, name: &str, expected: impl Into<String>) -> ConfigError {
        let found = match (self.values.get(name), variable(name)) {
            (None, _) => "nothing".to_owned(),
            (Some(value), Some(variable)) if !variable.secret => {
                format!("`{}`", value.chars().take(80).flat_map(char::escape_debug).collect::<String>())
            }
            (Some(value), _) => format!("a secret of {} bytes", value.len()),
        };
        self.error(name, found, expected)
    }

    pub(super) fn error(&self, name: &str, found: impl Into<String>, expected: impl Into<String>) -> ConfigError {
        ConfigError { variable: name.to_owned(), found: found.into(), expected: expected.into() }
    }
}

fn unreadable(path: &Path) -> ConfigError {
    ConfigError {
        variable: path.display().to_string(),
        found: "a line that cannot be read".to_owned(),
        expected: "lines such as PORT=8000, with quotes around values with spaces".to_owned(),
    }
}
