//! The text of scripts: where it is, and in which encoding.

use std::fs::File;
use std::io::Read;

use reseat_engine::{HostError, ScriptSource};

use crate::binary;

/// The longest script in bytes.
const MOST_SCRIPT: u64 = 16 << 20;

/// The text of a script, wherever it is.
pub(super) fn text(source: &ScriptSource) -> Result<String, HostError> {
    let mut bytes = Vec::new();
    match source {
        ScriptSource::Text(text) => return Ok(text.clone()),
        ScriptSource::File(path) => {
            let start = |source| HostError::Start { program: path.clone(), source };
            File::open(path)
                .and_then(|file| file.take(MOST_SCRIPT).read_to_end(&mut bytes))
                .map_err(start)?;
        }
        ScriptSource::Binary { package, name } => {
            let stream = binary::open(package, name)?;
            stream
                .take(MOST_SCRIPT)
                .read_to_end(&mut bytes)
                .map_err(|error| binary::failed(package, name, error))?;
        }
    }
    Ok(decode(&bytes))
}

/// A script is UTF-16 or UTF-8 where it says so or can be nothing else; else each byte is a letter of its own.
fn decode(bytes: &[u8]) -> String {
    if let Some(wide) = bytes.strip_prefix(&[0xff, 0xfe]) {
        let units: Vec<u16> = wide
            .chunks_exact(2)
            .filter_map(<[u8]>::first_chunk::<2>)
            .map(|unit| u16::from_le_bytes(*unit))
            .collect();
        return String::from_utf16_lossy(&units);
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_in_every_encoding() {
        assert_eq!(decode("é ☺".as_bytes()), "é ☺");
        assert_eq!(decode(b"\xef\xbb\xbfa"), "a");
        assert_eq!(decode(b"\xff\xfea\0\x3a\x26"), "a☺");
        assert_eq!(decode(b"caf\xe9"), "café");
    }
}
