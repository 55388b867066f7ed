//! Whether one file is a copy of another.

use std::io::{BufRead, BufReader};

use crate::error::MachineError;
use crate::machine::Machine;
use crate::metadata::FileKind;
use crate::windows_path::WindowsPath;

/// Bytes that are compared at once.
const PART: usize = 1 << 16;

impl Machine {
    /// Whether `copy` is there with the bytes, time and attributes of `original`: copying would change nothing.
    ///
    /// # Errors
    /// When one of them cannot be looked at or read.
    pub fn is_copy(&self, original: &WindowsPath, copy: &WindowsPath) -> Result<bool, MachineError> {
        let (Some(first), Some(second)) = (self.metadata(original)?, self.metadata(copy)?) else {
            return Ok(false);
        };
        if [first.kind, second.kind] != [FileKind::File; 2]
            || (first.len, first.modified) != (second.len, second.modified)
            || self.attributes(original)? != self.attributes(copy)?
        {
            return Ok(false);
        }
        if first.identity == second.identity {
            return Ok(true);
        }
        let reader = |path| Ok::<_, MachineError>(BufReader::with_capacity(PART, self.open_file(path)?));
        let (mut first, mut second) = (reader(original)?, reader(copy)?);
        let failed = |path: &WindowsPath, error: std::io::Error| {
            let source =
                error.raw_os_error().map_or(rustix::io::Errno::IO, rustix::io::Errno::from_raw_os_error);
            MachineError::file("read", path, source)
        };
        loop {
            let [one, other] = [
                first.fill_buf().map_err(|error| failed(original, error))?,
                second.fill_buf().map_err(|error| failed(copy, error))?,
            ];
            let length = one.len().min(other.len());
            if length == 0 {
                return Ok(one.len() == other.len());
            }
            if one.get(..length) != other.get(..length) {
                return Ok(false);
            }
            first.consume(length);
            second.consume(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use crate::{Bitness, Machine, WindowsPath};

    #[test]
    fn a_copy_has_the_bytes_and_the_time_of_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::create(&folder.path().join("prefix"), Bitness::X64).unwrap();
        let path = |name: &str| WindowsPath::parse(&format!(r"C:\{name}")).unwrap();
        let when = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let long = vec![7; super::PART + 1];
        let mut last = long.clone();
        last[super::PART] = 8;
        for (name, content, later) in [
            ("original", &long, 0),
            ("copy", &long, 0),
            ("later", &long, 1),
            ("other", &last, 0),
            ("short", &vec![7], 0),
        ] {
            let place = machine.unix_path(&path(name)).unwrap();
            std::fs::write(&place, content).unwrap();
            let file = std::fs::File::options().write(true).open(place).unwrap();
            file.set_modified(when + Duration::from_secs(later)).unwrap();
        }
        for (name, expected) in [
            ("original", true),
            ("copy", true),
            ("later", false),
            ("other", false),
            ("short", false),
            ("absent", false),
        ] {
            assert_eq!(machine.is_copy(&path("original"), &path(name)).unwrap(), expected, "{name}");
        }
    }
}
