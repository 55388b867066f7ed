//! Strings: those of the caller, names in fields of a fixed size, and command lines.

#![allow(unsafe_code, reason = "reads the caller's strings")]

/// No path, name or key is longer; a string without an end is refused there.
const LENGTH_LIMIT: usize = 32 << 10;

/// Reads a string of the caller. `None` for a null pointer, for one that is not UTF-16, and for one without an
/// end.
///
/// # Safety
/// The pointer is null, or leads to UTF-16 units that end with a zero.
pub(crate) unsafe fn read(text: *const u16) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller promises a zero at the end; nothing after the first is read.
    let length = (0..LENGTH_LIMIT).find(|&at| unsafe { text.add(at).read_unaligned() } == 0)?;
    // SAFETY: these units have just been read.
    let units = (0..length).map(|at| unsafe { text.add(at).read_unaligned() });
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

/// A text in a field of a fixed size, cut between characters where it is longer, and filled with zeros.
pub(crate) fn fixed<const SIZE: usize>(text: &str) -> [u16; SIZE] {
    let mut field = [0_u16; SIZE];
    let mut at = 0;
    for character in text.chars() {
        let mut units = [0_u16; 2];
        let units = character.encode_utf16(&mut units);
        // One is left for the zero at the end.
        match field.get_mut(at..at + units.len()).filter(|_| at + units.len() < SIZE) {
            Some(place) => place.copy_from_slice(units),
            None => break,
        }
        at += units.len();
    }
    field
}

/// The arguments in a command line without the program's name, as the page CommandLineToArgvW tells it: blanks
/// separate, quotation marks hold together, and a backslash counts only before a quotation mark.
pub(crate) fn arguments(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quoted = false;
    let mut backslashes = 0;
    for character in line.chars() {
        if character == '\\' {
            backslashes += 1;
            continue;
        }
        let pending = std::mem::take(&mut backslashes);
        let kept = if character == '"' { pending / 2 } else { pending };
        if kept > 0 || pending > 0 {
            current.get_or_insert_default().extend(std::iter::repeat_n('\\', kept));
        }
        match character {
            '"' if pending % 2 == 1 => current.get_or_insert_default().push('"'),
            '"' => {
                quoted = !quoted;
                current.get_or_insert_default();
            }
            ' ' | '\t' if !quoted => arguments.extend(current.take()),
            _ => current.get_or_insert_default().push(character),
        }
    }
    if backslashes > 0 {
        current.get_or_insert_default().extend(std::iter::repeat_n('\\', backslashes));
    }
    arguments.extend(current);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_taken_apart_as_documented() {
        for (line, expected) in [
            ("", &[][..]),
            ("  a\tb ", &["a", "b"]),
            (r#""a b" c"#, &["a b", "c"]),
            (r#"a\"b \\"c d" e\f"#, &["a\"b", "\\c d", r"e\f"]),
            (r#"--empty "" /x\"#, &["--empty", "", r"/x\"]),
            (r#""never closed x"#, &["never closed x"]),
        ] {
            assert_eq!(arguments(line), expected, "{line}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(fixed::<4>("ab"), [97, 98, 0, 0]);
        assert_eq!(fixed::<4>("abcd"), [97, 98, 99, 0]);
        assert_eq!(fixed::<4>("ab𝄞"), [97, 98, 0, 0]);
        assert_eq!(fixed::<4>("a𝄞"), [97, 0xD834, 0xDD1E, 0]);
    }

    #[test]
    fn a_string_that_is_no_text_is_refused() {
        let read = |units: &[u16]| unsafe { read(units.as_ptr()) };
        assert_eq!(read(&[0x2F, 0xFC, 0]).as_deref(), Some("/ü"));
        assert_eq!(read(&[0xD834, 0x2F, 0]), None, "half a pair");
        assert_eq!(read(&vec![0x2F; LENGTH_LIMIT]), None, "no end");
        assert_eq!(unsafe { super::read(std::ptr::null()) }, None);
    }
}
