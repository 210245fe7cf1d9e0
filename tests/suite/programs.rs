//! `tests/programs.txt` lists every external program that the tests start: `tests/setup.sh` installs those. Here the list is compared with the
//! sources, so that a program that a new test starts is not forgotten, and one that nobody starts any more is not installed.
//!
//! Sources are read as text. A program whose name is put together at run time is not seen, and neither is one that another
//! program starts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Words that begin a command and are no external program: of the shell itself.
const SHELL: &[&str] = &[
    "bash", ":", "[", "[[", "break", "builtin", "case", "cd", "command", "compgen", "continue", "declare", "do",
    "done", "echo", "elif", "else", "env", "esac", "eval", "exec", "exit", "export", "false", "fi", "for", "function",
    "if", "in", "local", "mapfile", "nice", "printf", "read", "return", "set", "shift", "source", "then", "time",
    "trap", "true", "unset", "until", "wait", "while",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The programs of the list, by package.
fn listed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("tests/programs.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut listed = BTreeMap::new();
    for line in lines {
        let (package, programs) = line.split_once(':').unwrap();
        let programs = programs.split('#').next().unwrap().split_whitespace().map(str::to_owned).collect();
        assert_eq!(listed.insert(package.to_owned(), programs), None, "{package} is listed twice");
    }
    listed
}

fn files(folder: &str, ends_with: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![], vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ends_with) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder}: no {ends_with}");
    found
}

fn is_program(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter))
}

/// What stands in quotation marks right behind any of these.
fn quoted_behind(text: &str, marks: &[&str]) -> Vec<String> {
    let behind = |mark| text.split(mark).skip(1).filter_map(|rest: &str| rest.split('"').next()).map(str::to_owned);
    marks.iter().flat_map(|mark| behind(*mark)).filter(|word| is_program(word)).collect()
}

/// What Rust sources start: by name, as a tool of PostgreSQL, or as a file in its folder.
fn of_rust(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( \"", "(\"");
    let mut found = quoted_behind(&text, &["Command::new(\"", "tool(\""]);
    found.extend(text.split("{bin}/").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    found
}

/// What Python sources start.
fn of_python(text: &str) -> Vec<String> {
    quoted_behind(text, &["subprocess.run([\"", "subprocess.Popen([\"", "bin_ / \""])
}

/// What a shell script starts: the first word of every command. Here-documents and texts in quotation marks are left out; what is in
/// `$(…)` is not.
fn of_shell(text: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let mut plain = String::new();
    let mut here: Option<String> = None;
    for line in text.lines() {
        match &here {
            Some(end) if line.trim() == end => here = None,
            Some(_) => {}
            None => {
                let word = line.split_once("<<'").and_then(|(_, rest)| rest.split_once('\'')).map(|(word, _)| word);
                here = word.map(str::to_owned);
                plain.push_str(
                    line.split(" #").next().filter(|_| !line.trim_start().starts_with('#')).unwrap_or_default(),
                );
                plain.push('\n');
            }
        }
    }
    let plain = without_texts(&plain.replace("\\\n", " "));
    let mut found = vec![];
    for command in plain.split(['\n', ';', '|', '&', '(', ')', '{', '}', '`']) {
        let mut words = command.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let leads_on = [
                "!", "if", "then", "else", "elif", "do", "while", "until", "exec", "env", "time", "nice", "step", "-n",
                "15",
            ];
            // `name=value` before a command, and what begins one.
            if word.contains('=') || leads_on.contains(&word) {
                continue;
            }
            if word == "command" && words.peek().is_some_and(|word| *word == "-v") {
                found.extend(words.nth(1).map(str::to_owned));
            } else if word == "have" || word == "is_there" {
                found.extend(words.by_ref().take_while(|word| is_program(word)).map(str::to_owned));
            } else if is_program(word) && !SHELL.contains(&word) && !functions.contains(word) {
                found.push(word.to_owned());
            }
            break;
        }
    }
    found.retain(|word| is_program(word) && !functions.contains(word));
    found
}

/// The script without what stands in quotation marks, but with the commands that are in there.
fn without_texts(text: &str) -> String {
    let (mut plain, mut letters) = (String::new(), text.chars().peekable());
    let (mut single, mut double, mut inside) = (false, false, 0_u32);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '\'' if !double || inside > 0 => single = !single,
            '"' if !single => {
                double = !double;
                plain.push_str(" \"\" ");
            }
            '$' | '=' if !single && letters.peek() == Some(&'(') => {
                letters.next();
                // Arithmetic, and the words of an array, are no commands.
                let is_arithmetic = letter == '$' && letters.peek() == Some(&'(');
                if is_arithmetic || (letter == '=' && !double) {
                    let end = if is_arithmetic { 2 } else { 1 };
                    (0..end).for_each(|_| letters.by_ref().take_while(|letter| *letter != ')').for_each(drop));
                    plain.push_str(if is_arithmetic { "_" } else { "=_" });
                    continue;
                }
                inside += 1;
                plain.push_str("_ (");
            }
            ')' if inside > 0 && !single => {
                inside -= 1;
                plain.push(')');
            }
            _ if single || (double && inside == 0) => {}
            _ => plain.push(letter),
        }
    }
    plain
}

/// The functions that a script defines: others may have them too, by `source`.
fn functions_of(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.trim().strip_suffix("() {")).map(str::to_owned).collect()
}

fn started() -> BTreeMap<String, String> {
    let scripts = [files("tests", ".sh"), files(".ci", "run"), files("ticketing-py/tests", "run.sh")].concat();
    let mut functions = BTreeSet::new();
    for script in &scripts {
        functions.extend(functions_of(&std::fs::read_to_string(script).unwrap()));
    }
    let mut started = BTreeMap::new();
    let mut read = |paths: Vec<PathBuf>, programs: &dyn Fn(&str) -> Vec<String>| {
        for path in paths {
            // This very file is about programs, and starts none.
            if path.ends_with("suite/programs.rs") {
                continue;
            }
            for program in programs(&std::fs::read_to_string(&path).unwrap()) {
                started.entry(program).or_insert_with(|| path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    };
    for folder in ["tests/src", "tests/suite", "ticketing-core/tests", "ticketing-http/tests", "examples/tests"] {
        read(files(folder, ".rs"), &of_rust);
    }
    read(files("ticketing-py/tests", ".py"), &of_python);
    read(scripts, &|text| of_shell(text, &functions));
    started
}

#[test]
fn every_program_that_a_test_starts_is_listed() {
    let listed: BTreeSet<String> = listed().into_values().flatten().collect();
    let started = started();
    for program in
        ["initdb", "pgbouncer", "strace", "node", "curl", "nginx", "caddy", "systemd-analyze", "createdb", "kill"]
    {
        assert!(
            started.contains_key(program),
            "the sources are not read as they should be: {program} is not seen in them"
        );
    }
    let missing: Vec<_> = started.iter().filter(|(program, _)| !listed.contains(*program)).collect();
    assert!(missing.is_empty(), "started and not in tests/programs.txt: {missing:?}");
}

#[test]
fn every_listed_program_is_started_by_a_test() {
    let started = started();
    let scripts: String = files("tests", ".sh").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let is_started = |program: &String| {
        // What others of them need, and modules, which only scripts name.
        ["bash", "rustc", "cargo"].contains(&program.as_str())
            || started.contains_key(program)
            || (program.contains(':') && scripts.contains(program.as_str()))
    };
    let idle: Vec<String> = listed().into_values().flatten().filter(|program| !is_started(program)).collect();
    assert_eq!(idle, Vec::<String>::new(), "listed, and nobody starts them");
}

#[test]
fn a_new_program_is_seen_in_each_language() {
    assert_eq!(
        of_rust("Command::new(\"pgbouncer\").arg(\"x\"); cluster.tool(\"createdb\"); format!(\"{bin}/initdb\")"),
        ["pgbouncer", "createdb", "initdb"]
    );
    assert_eq!(
        of_python("subprocess.run([\"createdb\", x]); subprocess.run([*user, bin_ / \"initdb\"])"),
        ["createdb", "initdb"]
    );
    let script = "# text\nfirst() {\n    one --flag \"two (three)\" | four\n}\nif ! five; then first; fi\nx=$(six 'seven') y=$((eight + 1))\nall=(nine ten)\n\
        \"$bin/nine\" <<'END'\nten\nEND\ncommand -v eleven >/dev/null || have twelve thirteen || die \"no $(fourteen)\"\n";
    let found: BTreeSet<String> = of_shell(script, &functions_of(script)).into_iter().collect();
    let wanted = ["one", "four", "five", "six", "eleven", "twelve", "thirteen", "fourteen"].map(str::to_owned);
    assert!(wanted.iter().all(|word| found.contains(word)), "{found:?}");
    assert!(
        ["two", "three", "seven", "eight", "nine", "ten", "first"].iter().all(|word| !found.contains(*word)),
        "{found:?}"
    );
}
