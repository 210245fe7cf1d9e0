//! A short name of a client, for the list of sessions: `Firefox on Windows`, `curl`.
//!
//! From what the client says of itself (`User-Agent`), without versions: enough for a person to know their own devices.

/// Tokens of browsers. Most name others too, so the first that is found counts.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("Mozilla/", "A browser"),
];
/// Tokens of systems, likewise.
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];
/// The longest name of a program that is no browser.
const MAX_PROGRAM: usize = 40;

/// The name of the client that says this of itself.
pub(super) fn described(agent: &str) -> Option<String> {
    let first =
        |known: &[(&str, &'static str)]| known.iter().find(|(token, _)| agent.contains(token)).map(|(_, name)| *name);
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(browser), None) => Some(browser.to_owned()),
        (None, _) => {
            let program = agent.split(['/', ' ']).next().unwrap_or_default();
            let program: String = program.chars().filter(|c| !c.is_control()).take(MAX_PROGRAM).collect();
            Some(program).filter(|program| !program.is_empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_program_and_system() {
        for (agent, name) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64)", "A browser on Linux"),
            ("curl/8.5.0", "curl"),
            ("PostmanRuntime/7.43.0", "PostmanRuntime"),
            ("python-requests/2.32", "python-requests"),
        ] {
            assert_eq!(described(agent).as_deref(), Some(name), "{agent}");
        }
        assert_eq!(described(""), None);
        assert_eq!(described(&"x".repeat(500)).unwrap().len(), MAX_PROGRAM);
    }
}
