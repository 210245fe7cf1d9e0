//! Ticket codes as they are typed or scanned, and references.

use crate::harness::{Seen, fuzz};
use ticketing_core::domain::code::{Reference, TicketCode};

/// Crockford's table, written out: place in the alphabet by what may be typed for it.
const SYMBOLS: [&str; 32] = [
    "0Oo", "1IiLl", "2", "3", "4", "5", "6", "7", "8", "9", "Aa", "Bb", "Cc", "Dd", "Ee", "Ff", "Gg", "Hh", "Jj", "Kk",
    "Mm", "Nn", "Pp", "Qq", "Rr", "Ss", "Tt", "Vv", "Ww", "Xx", "Yy", "Zz",
];

/// The places of all symbols; nothing where something else is among them.
fn places(typed: &str) -> Option<Vec<usize>> {
    let kept = typed.replace(['-', ' '], "");
    kept.chars().map(|typed| SYMBOLS.iter().position(|all| all.contains(typed))).collect()
}

fn code(input: &[u8]) -> Seen {
    let Ok(typed) = std::str::from_utf8(input) else { return Ok("no text".to_owned()) };
    let wanted = places(typed).filter(|places| places.len() == 26);
    let Ok(read) = typed.parse::<TicketCode>() else {
        return match wanted {
            Some(_) => Err("a good code was refused".to_owned()),
            None => Ok(format!("refused {}", typed.len().min(30))),
        };
    };
    let canonical: String = wanted.iter().flatten().filter_map(|place| SYMBOLS[*place].chars().next()).collect();
    if read.as_str() != canonical {
        return Err(format!("read as {}, and not as {canonical}", read.as_str()));
    }
    let as_json = serde_json::to_string(&read).ok().and_then(|json| serde_json::from_str::<TicketCode>(&json).ok());
    if read.grouped().parse() != Ok(read.clone()) || as_json != Some(read.clone()) {
        return Err("what was written does not read back".to_owned());
    }
    if format!("{read:?}").contains(&canonical[4..]) {
        return Err("a log would tell the code".to_owned());
    }
    Ok(format!("accepted {}", typed.len()))
}

#[test]
fn codes_are_read_as_crockford_says() {
    fuzz("codes", &["-", " ", "O", "l", "U", "\u{212a}", "é", "7GQ4M-", "00000000000000000000000000"], code);
}

fn reference(input: &[u8]) -> Seen {
    let Ok(text) = std::str::from_utf8(input) else { return Ok("no text".to_owned()) };
    let is_legal = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '=');
    let wanted = (1..=50).contains(&text.chars().count()) && text.chars().all(is_legal);
    match text.parse::<Reference>() {
        Ok(read) if wanted && read.as_str() == text => Ok(format!("accepted {}", text.len())),
        Err(_) if !wanted => Ok(format!("refused {}", text.len().min(60))),
        other => Err(format!("{other:?}")),
    }
}

/// They become part of addresses that the payment gateway is asked under.
#[test]
fn references_are_plain_text() {
    fuzz("references", &["/", "..", "%2F", "?", "\0", "\u{212a}", "="], reference);
}
