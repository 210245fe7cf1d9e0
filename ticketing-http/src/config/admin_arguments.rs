//! The arguments of `ticketing-http admin`.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches};
use ticketing_core::domain::account::{AccountFilter, AccountWants, Role};

/// What `admin` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminCommand {
    /// The action.
    pub action: AdminAction,
    /// Whether to answer with JSON, for programs.
    pub is_json: bool,
}

/// An action of `admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminAction {
    /// Lists accounts.
    List(AccountFilter),
    /// Makes an account what it shall be.
    Change {
        /// Which one: an e-mail address, a user name, or `id:` and a number.
        address: String,
        /// What it shall be.
        wants: AccountWants,
    },
    /// Erases an account at once and for good.
    Erase {
        /// Which one, as above.
        address: String,
    },
}

/// The subcommand, for the command line.
pub(super) fn subcommand() -> clap::Command {
    let with_address = |name: &'static str, about: &'static str| {
        let address = Arg::new("ADDRESS").required(true).value_parser(NonEmptyStringValueParser::new());
        clap::Command::new(name).about(about).arg(address.help("An e-mail address, a user name, or id:NUMBER"))
    };
    let text = |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("TEXT").help(help);
    let roles = PossibleValuesParser::new(Role::ALL.iter().map(Role::name));
    let inactive = Arg::new("inactive").long("inactive").action(ArgAction::SetTrue).help("Only disabled accounts");
    clap::Command::new("admin")
        .about("Lists and changes accounts (exit code 1: refused, or no such account); safe while servers run")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Writes JSON to standard output, for programs"),
        )
        .subcommand(
            clap::Command::new("list")
                .about("Lists accounts, oldest first: id, address, user name, role, status, and why it is disabled")
                .arg(text("query", "Only accounts with this text in the address, the user name or the name"))
                .arg(Arg::new("role").long("role").value_parser(roles).help("Only accounts with this role"))
                .arg(inactive),
        )
        .subcommand(with_address("promote", "Makes an account an administrator"))
        .subcommand(with_address("demote", "Makes an administrator an ordinary member"))
        .subcommand(
            with_address("disable", "Disables an account and ends its sessions")
                .arg(text("reason", "Why, for administrators: at most 500 characters")),
        )
        .subcommand(with_address("enable", "Enables a disabled account"))
        .subcommand(with_address("erase", "Erases an account at once and for good: nothing but its id is left"))
        .subcommand(with_address("end-sessions", "Ends all sessions of an account"))
        .subcommand(with_address(
            "remove-second-factor",
            "Removes the second factor of a person who has lost it and the recovery codes; its owner is told by mail",
        ))
}

/// The command that was parsed, and the arguments of its innermost part.
pub(super) fn parse(matches: &ArgMatches) -> (AdminCommand, &ArgMatches) {
    let (name, inner) = matches.subcommand().unwrap_or(("list", matches));
    let text = |name: &str| inner.try_get_one::<String>(name).ok().flatten().cloned();
    let is_set = |name: &str| inner.try_get_one::<bool>(name).ok().flatten() == Some(&true);
    let wants = AccountWants::default();
    let wants = match name {
        "promote" => Some(wants.with_role(Role::Admin)),
        "demote" => Some(wants.with_role(Role::Member)),
        "disable" => Some(wants.with_is_active(false).with_reason(text("reason").map(Some))),
        "enable" => Some(wants.with_is_active(true)),
        "remove-second-factor" => Some(wants.with_removes_second_factor(true)),
        "end-sessions" => Some(wants.with_ends_sessions(true)),
        _ => None,
    };
    let action = match wants {
        None if name == "erase" => AdminAction::Erase { address: text("ADDRESS").unwrap_or_default() },
        Some(wants) => AdminAction::Change { address: text("ADDRESS").unwrap_or_default(), wants },
        None => AdminAction::List(
            AccountFilter::default()
                .with_text(text("query"))
                .with_role(text("role").and_then(|role| Role::from_name(&role)))
                .with_is_active(is_set("inactive").then_some(false)),
        ),
    };
    (AdminCommand { action, is_json: is_set("json") }, inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Command, Invocation};

    fn parsed(line: &str) -> Result<AdminCommand, clap::Error> {
        match Invocation::parse(line.split(' ').map(|word| word.replace('+', " ")))?.command {
            Command::Admin(command) => Ok(command),
            other => panic!("{other:?}"),
        }
    }

    fn change(line: &str) -> AccountWants {
        match parsed(line).unwrap().action {
            AdminAction::Change { address, wants } => {
                assert_eq!(address, "ada@example.com");
                wants
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_action_is_read() {
        let wants = AccountWants::default;
        assert_eq!(change("ticketing-http admin promote ada@example.com"), wants().with_role(Role::Admin));
        assert_eq!(change("ticketing-http admin demote ada@example.com"), wants().with_role(Role::Member));
        assert_eq!(change("ticketing-http admin enable ada@example.com"), wants().with_is_active(true));
        assert_eq!(change("ticketing-http admin end-sessions ada@example.com"), wants().with_ends_sessions(true));
        let removed = change("ticketing-http admin remove-second-factor ada@example.com");
        assert_eq!(removed, wants().with_removes_second_factor(true));
        let off = wants().with_is_active(false);
        assert_eq!(change("ticketing-http admin disable ada@example.com"), off);
        let why = off.with_reason(Some("Sells spam".to_owned()));
        assert_eq!(change("ticketing-http admin disable --reason Sells+spam ada@example.com"), why);
        let erase = AdminAction::Erase { address: "ada@example.com".to_owned() };
        assert_eq!(parsed("ticketing-http admin erase ada@example.com").unwrap().action, erase);
        let all = AdminCommand { action: AdminAction::List(AccountFilter::default()), is_json: false };
        assert_eq!(parsed("ticketing-http admin list").unwrap(), all);
        let some = AccountFilter::default().with_text("obi".to_owned()).with_role(Role::Admin).with_is_active(false);
        let some = AdminCommand { action: AdminAction::List(some), is_json: true };
        for line in [
            "admin list --query obi --role admin --inactive --json",
            "admin --json list --inactive --role=admin --query=obi",
        ] {
            assert_eq!(parsed(&format!("ticketing-http {line}")).unwrap(), some);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "admin",
            "admin promote",
            "admin list --role owner",
            "admin burn ada",
            "admin enable ada --reason x",
            "admin list ada",
        ] {
            assert!(parsed(&format!("ticketing-http {line}")).is_err(), "{line}");
        }
    }
}
