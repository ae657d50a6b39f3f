//! What the operating system says of this process, under the names that all Prometheus clients use.
//!
//! Read from Linux' `/proc` when it is asked for; elsewhere these series are missing.

use std::fs;

/// Sets the gauges.
pub(super) fn observe() {
    if let Some(resident) = resident() {
        metrics::gauge!("process_resident_memory_bytes").set(resident);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(files.count() as f64);
    }
}

/// `VmRSS` of `status` (proc(5)), in bytes; it is told in kilobytes of 1,024.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}
