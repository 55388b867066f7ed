//! Programs of this machine among the files of a package: ELF files and scripts.
//!
//! Windows keeps no bit that says "may be run", so that a package cannot ask for it. What only this machine can run gets
//! it here; Wine runs Windows programs without.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

/// How many bytes tell.
pub(crate) const BEGINNING: usize = 4;

/// Lets whoever may read a file run it, when its content begins like a program of this machine.
pub(crate) fn make_runnable(file: &File, beginning: &[u8]) -> io::Result<()> {
    if !beginning.starts_with(b"\x7fELF") && !beginning.starts_with(b"#!/") {
        return Ok(());
    }
    let mode = file.metadata()?.permissions().mode();
    file.set_permissions(Permissions::from_mode(mode | (mode & 0o444) >> 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_this_machine_become_runnable() {
        for (content, runnable) in [
            (&b"\x7fELF\x02\x01"[..], true),
            (b"#!/bin/sh\n", true),
            (b"MZ\x90", false),
            (b"", false),
            (b"#!", false),
        ] {
            let file = tempfile::tempfile().unwrap();
            file.set_permissions(Permissions::from_mode(0o640)).unwrap();
            make_runnable(&file, content).unwrap();
            let expected = if runnable { 0o750 } else { 0o640 };
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, expected, "{content:?}");
        }
    }
}
