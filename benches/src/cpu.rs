//! The CPU time and the context switches of processes, as Linux counts them.

use crate::Failure;
use std::fs;
use std::path::PathBuf;

/// What a process, or several, used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// CPU time in microseconds, in user mode and in the kernel.
    pub cpu: f64,
    /// Context switches, because a thread waited or because another had its turn.
    pub switches: f64,
}

impl Used {
    /// What was used since.
    pub fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, switches: self.switches - before.switches }
    }
}

/// Linux reports CPU time in hundredths of a second, on every architecture that Rust has.
const TICK_US: f64 = 10_000.0;

/// What this process used so far.
pub fn of_process(pid: u32) -> Result<Used, Failure> {
    let cpu = ticks(pid, false)? * TICK_US;
    let mut switches = 0.0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end at any time.
        let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        let counts = status.lines().filter(|line| line.contains("ctxt_switches:"));
        switches += counts.filter_map(|line| line.rsplit('\t').next()?.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(Used { cpu, switches })
}

/// What this process and its children used so far, including children that have ended.
pub fn of_family(parent: u32) -> Result<Used, Failure> {
    let mut all = Used { cpu: ticks(parent, true)? * TICK_US, switches: 0.0 };
    for process in fs::read_dir("/proc")? {
        let Some(pid) = process?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if stat(pid).ok().and_then(|fields| fields.get(1)?.parse::<u32>().ok()) == Some(parent) {
            let used = of_process(pid).unwrap_or_default();
            all = Used { cpu: all.cpu + used.cpu, switches: all.switches + used.switches };
        }
    }
    Ok(all)
}

/// The fields of `/proc/<pid>/stat` after the name, which may contain spaces: state, parent and so on (proc(5)).
fn stat(pid: u32) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat")))?;
    let (_, fields) = text.rsplit_once(") ").ok_or("/proc/<pid>/stat has no name")?;
    Ok(fields.split(' ').map(str::to_owned).collect())
}

/// User and system time, and with `children` also that of children that have ended.
fn ticks(pid: u32, children: bool) -> Result<f64, Failure> {
    let fields = stat(pid)?;
    let wanted = if children { 11..15 } else { 11..13 };
    let all = fields.get(wanted).ok_or("/proc/<pid>/stat is too short")?;
    Ok(all.iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum())
}
