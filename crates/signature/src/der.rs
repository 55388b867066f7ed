//! DER, the encoding of signatures and certificates (X.690): elements of tag, length and content. Lengths are checked against
//! what is left; nothing is copied.

use crate::error::SignatureError;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The constructed element with a tag of its context.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// An element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub tag: u8,
    /// All its bytes.
    pub raw: &'a [u8],
    /// The bytes after tag and length.
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements within it.
    pub fn elements(&self) -> Reader<'a> {
        Reader(self.content)
    }
}

/// Reads one element after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// True when nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub fn next(&mut self, what: &'static str) -> Result<Element<'a>, SignatureError> {
        let error = SignatureError::Encoding { what, left: self.0.len() };
        let element = read(self.0).ok_or(error)?;
        self.0 = self.0.get(element.raw.len()..).unwrap_or_default();
        Ok(element)
    }

    /// The next element, which has to have this tag.
    pub fn expect(&mut self, tag: u8, what: &'static str) -> Result<Element<'a>, SignatureError> {
        let error = SignatureError::Encoding { what, left: self.0.len() };
        self.optional(tag, what)?.ok_or(error)
    }

    /// The next element if it has this tag.
    pub fn optional(&mut self, tag: u8, what: &'static str) -> Result<Option<Element<'a>>, SignatureError> {
        if self.0.first() == Some(&tag) { self.next(what).map(Some) } else { Ok(None) }
    }
}

fn read(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    // Tags of several bytes and indefinite lengths do not occur.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let head = bytes.len() - content.len();
    let content = content.get(..length)?;
    Some(Element { tag, raw: bytes.get(..head + length)?, content })
}

/// An object identifier as people write it.
pub(crate) fn dotted(content: &[u8]) -> String {
    let mut text = String::new();
    let mut arc = 0u64;
    for byte in content {
        arc = arc.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            text = format!("{first}.{}", arc - first * 40);
        } else {
            text.push_str(&format!(".{arc}"));
        }
        arc = 0;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_within_their_bounds() {
        let bytes = [0x30, 0x06, 0x02, 0x01, 0x05, 0x04, 0x01, 0xaa, 0x05, 0x00];
        let mut reader = Reader(&bytes);
        let sequence = reader.expect(SEQUENCE, "a sequence").unwrap();
        assert_eq!(sequence.raw, &bytes[..8]);
        let mut within = sequence.elements();
        assert_eq!(within.expect(INTEGER, "a number").unwrap().content, [5]);
        assert_eq!(within.optional(INTEGER, "a number").unwrap(), None);
        assert_eq!(within.next("bytes").unwrap().content, [0xaa]);
        assert!(within.is_empty());
        assert_eq!(reader.next("null").unwrap().raw, [5, 0]);
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128]].concat();
        let element = Reader(&long).next("bytes").unwrap();
        assert_eq!((element.content.len(), element.raw.len()), (128, 131));
    }

    #[test]
    fn damaged_elements_are_errors() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x05, 1],
            &[0x30, 0x80, 0, 0],
            &[0x1f, 1, 1],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0x85, 0, 0, 0, 0, 0],
        ] {
            assert!(Reader(bytes).next("anything").is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn object_identifiers_are_written_with_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]), "1.2.840.113549.1.7.2");
        assert_eq!(dotted(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]), "2.16.840.1.101.3.4.2.1");
        assert_eq!(dotted(&[0xff; 20]), "");
    }
}
