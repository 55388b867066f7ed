//! Whether somebody has changed a file since it was made (page `file-versioning-rules.md`).

use std::fs::File;
use std::time::Duration;

use rustix::fs::{AtFlags, StatxFlags, StatxTimestamp, statx};

/// How much later than made a file may be changed and still count as not modified: making a file takes a moment.
const TOLERANCE: Duration = Duration::from_secs(2);

/// Whether the file was changed after it was made. A file system that does not know when a file was made leaves it
/// unmodified. The kernel is asked and not the standard library, which with musl does not know either.
pub fn is_modified(file: &File) -> bool {
    let times = StatxFlags::BTIME | StatxFlags::MTIME;
    let Ok(facts) = statx(file, "", AtFlags::EMPTY_PATH, times) else { return false };
    facts.stx_mask & times.bits() == times.bits()
        && since_1970(facts.stx_mtime) > since_1970(facts.stx_btime) + TOLERANCE
}

fn since_1970(time: StatxTimestamp) -> Duration {
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_file_is_modified_when_it_was_changed_well_after_it_was_made() {
        // Beside the program: a file system in memory may not know when a file was made.
        let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
        let file = tempfile::tempfile_in(folder).unwrap();
        if file.metadata().unwrap().created().is_err() {
            println!("SKIPPED: this file system does not keep when a file was made");
            return;
        }
        let made = SystemTime::now();
        for (later, expected) in [(0, false), (1, false), (60, true)] {
            file.set_modified(made + Duration::from_secs(later)).unwrap();
            assert_eq!(is_modified(&file), expected, "{later} seconds later");
        }
    }
}
