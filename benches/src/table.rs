//! Results as a table, as JSON, and as a plot for the documentation.

use crate::Failure;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// A table of measurements.
#[derive(Debug, Serialize)]
pub struct Table {
    title: String,
    lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// Its value.
    pub figure: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The ratio to the baseline of the same run.
    pub ratio: Option<f64>,
    /// The median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// The 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
    /// A remark.
    pub note: String,
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: vec![] }
    }

    /// Adds a rate in calls per second.
    pub fn rate(&mut self, what: impl Into<String>, measured: &crate::measure::Measured, baseline: Option<f64>) {
        self.add(Line {
            what: what.into(),
            figure: measured.rate(),
            unit: "/s",
            ratio: baseline.map(|baseline| measured.rate() / baseline),
            p50_ms: Some(ms(measured.percentile(50.0))),
            p99_ms: Some(ms(measured.percentile(99.0))),
            note: if measured.refused > 0 { format!("{} rejected", measured.refused) } else { String::new() },
        });
    }

    /// Adds a value that is not a rate.
    pub fn figure(&mut self, what: impl Into<String>, figure: f64, unit: &'static str) {
        let (what, note) = (what.into(), String::new());
        self.add(Line { what, figure, unit, ratio: None, p50_ms: None, p99_ms: None, note });
    }

    /// Adds a line and prints it.
    pub fn add(&mut self, line: Line) {
        if self.lines.is_empty() {
            println!("\n## {}\n\n| | | × | p50 | p99 | |\n|---|---:|---:|---:|---:|---|", self.title);
        }
        let number = |number: Option<f64>, unit: &str| number.map_or(String::new(), |n| format!("{n:.2}{unit}"));
        let figure = if line.figure < 100.0 { format!("{:.2}", line.figure) } else { format!("{:.0}", line.figure) };
        let (what, unit, note) = (&line.what, line.unit, &line.note);
        let (ratio, p50, p99) = (number(line.ratio, "×"), number(line.p50_ms, " ms"), number(line.p99_ms, " ms"));
        println!("| {what} | {figure} {unit} | {ratio} | {p50} | {p99} | {note} |");
        self.lines.push(line);
    }

    /// Writes the table as JSON and as a plot.
    pub fn save(&self, folder: &Path, name: &str) -> Result<(), Failure> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(folder.join(format!("{name}.svg")), self.plot())?;
        Ok(())
    }

    /// A bar chart; the longest bar has the full width. Readable in dark and light mode.
    fn plot(&self) -> String {
        let most = self.lines.iter().map(|line| line.figure).fold(f64::MIN_POSITIVE, f64::max);
        let height = 44 + 26 * self.lines.len();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
            <rect width=\"820\" height=\"{height}\" fill=\"#fff\"/>\n\
            <text x=\"12\" y=\"24\" font-size=\"15\" font-weight=\"bold\" fill=\"#222\">{}</text>\n",
            escape(&self.title)
        );
        for (index, line) in self.lines.iter().enumerate() {
            let (y, width) = (40 + 26 * index, (line.figure / most * 320.0).max(1.0));
            let colour = if line.ratio.is_some() { "#2a6fdb" } else { "#9aa4b2" };
            let ratio = line.ratio.map_or(String::new(), |ratio| format!(" ({ratio:.1}×)"));
            let _ = writeln!(
                svg,
                "<text x=\"328\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{}</text>\
                <rect x=\"336\" y=\"{y}\" width=\"{width:.0}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\
                <text x=\"{:.0}\" y=\"{}\" fill=\"#222\">{:.0} {}{ratio}</text>",
                y + 14,
                escape(&line.what),
                342.0 + width,
                y + 14,
                line.figure,
                line.unit,
            );
        }
        svg + "</svg>\n"
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
