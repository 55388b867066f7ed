//! Code pages: numbers that Windows gives to the ways of writing text in bytes.
//!
//! Documented on the page `code-page-handling-windows-installer-.md`. Code page 0 is neutral: it should hold
//! ASCII only, and what packages hold beyond that is Windows-1252 in practice.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The code page of a database whose text is ASCII.
pub(crate) const NEUTRAL: u16 = 0;

/// Whether texts in this code page can be read and written.
pub(crate) fn is_known(code_page: u16) -> bool {
    encoding(code_page).is_some()
}

/// The text and whether all bytes were valid; an unknown code page is read as Windows-1252.
pub(crate) fn decode(code_page: u16, bytes: &[u8]) -> (Cow<'_, str>, bool) {
    if bytes.is_ascii() {
        return (String::from_utf8_lossy(bytes), true);
    }
    let (text, damaged) = encoding(code_page).unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes);
    (text, !damaged)
}

/// The bytes; nothing when the code page is unknown or has no such character.
pub(crate) fn encode(code_page: u16, text: &str) -> Option<Cow<'_, [u8]>> {
    if text.is_ascii() {
        return Some(text.as_bytes().into());
    }
    let (bytes, _, damaged) = encoding(code_page)?.encode(text);
    (!damaged).then_some(bytes)
}

fn encoding(code_page: u16) -> Option<&'static Encoding> {
    match code_page {
        NEUTRAL | 20127 | 28591 => Some(WINDOWS_1252),
        65001 => Some(UTF_8),
        // UTF-16 is no way of writing strings that are measured in bytes.
        1200 | 1201 => None,
        _ => codepage::to_encoding_no_replacement(code_page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_in_the_code_pages_of_real_packages() {
        for (code_page, text) in [
            (0, "plain"),
            (1252, "Größe"),
            (1250, "Příliš"),
            (1251, "Привет"),
            (932, "日本語"),
            (936, "简体"),
            (65001, "Zażółć 😀"),
        ] {
            let bytes = encode(code_page, text).unwrap();
            assert_eq!(decode(code_page, &bytes), (text.into(), true));
        }
    }

    #[test]
    fn what_a_code_page_lacks_is_refused() {
        assert_eq!(encode(1252, "日本語"), None);
        assert_eq!(encode(9999, "é"), None);
        assert!(!is_known(9999));
    }
}
