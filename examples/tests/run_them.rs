//! Every example works as described.

use std::path::{Path, PathBuf};
use std::process::Command;
use ticketing_core::domain::code::TicketCode;

#[allow(dead_code, reason = "its `main` is run as a program")]
#[path = "../examples/own_storage.rs"]
mod own_storage;

ticketing_core::storage_conformance!(own_storage_conforms, async || own_storage::OwnStorage::default());

/// Runs an example in a new folder. Returns its output and the folder.
fn run(name: &str) -> (String, PathBuf) {
    let folder = std::env::temp_dir().join(format!("ticketing-example-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    // This is target/debug/deps/run_them-…; cargo puts the examples of the package beside `deps`.
    let this = std::env::current_exe().unwrap();
    let program = this.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    let output = Command::new(program).current_dir(&folder).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {stdout}{stderr}");
    (stdout.into_owned(), folder)
}

#[test]
fn quickstart_writes_a_ticket_that_a_scanner_can_read() {
    let (_, folder) = run("quickstart");
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(folder.join("ticket.png")).unwrap()));
    reader.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = reader.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let image = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(image.color_type, png::ColorType::Grayscale);
    let width = image.width as usize;
    let mut scanner =
        rqrr::PreparedImage::prepare_from_greyscale(width, image.height as usize, |x, y| pixels[y * width + x]);
    let (_, text) = scanner.detect_grids()[0].decode().unwrap();
    assert!(text.parse::<TicketCode>().is_ok(), "{text}");
    assert!(folder.join("quickstart.db").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn own_identities_needs_no_accounts() {
    let (output, folder) = run("own_identities");
    let expected = "Ada has 2 tickets\nThe front row has 0 places left\nAda is in\nAlready used at gate north\n";
    assert_eq!(output, expected);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn own_mailer_is_retried() {
    let (output, folder) = run("own_mailer");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!((lines[0], lines[2]), ("First pass: 1 tried, 1 failed", "An hour later: 1 tried, 0 failed"), "{output}");
    assert!(
        lines[1].starts_with("To ada@example.com: ") && lines[1].contains("Open day") && lines[1].contains(".png"),
        "{output}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_own_storage_keeps_a_sale() {
    let (said, folder) = run("own_storage");
    assert!(said.starts_with("1 of 40 sold\n"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_example_is_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        ["own_identities.rs", "own_mailer.rs", "own_storage.rs", "quickstart.rs"],
        "add a test for the new example"
    );
}
