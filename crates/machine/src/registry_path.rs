//! The paths of keys as they are compared and sorted: by letters without regard to case.
//!
//! A Wine-made registry has some nine thousand keys, and a command looks at few of them. So a path in a file is left where
//! it is, and folded byte by byte as it is compared.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::registry_text::key_path;
use crate::windows_path::fold;

/// A path of key names in upper case. The order puts a key before its sub-keys, and these before its next sibling.
#[derive(Debug, Clone)]
pub struct Folded(Form);

#[derive(Debug, Clone)]
enum Form {
    /// In upper case.
    Ready(Box<str>),
    /// As it is in a file: ASCII in any case, with two backslashes for one.
    Header { file: Arc<String>, start: u32, end: u32 },
}

/// Wine sorts by lower case, which matters for what is between the two cases, such as the underscore.
fn rank(byte: u8) -> u16 {
    if byte == b'\\' { 0 } else { u16::from(byte.to_ascii_lowercase()) + 1 }
}

/// The order of two folded texts.
pub fn compare(left: &str, right: &str) -> Ordering {
    compare_bytes(left.as_bytes(), right.as_bytes())
}

/// The order of two texts that are both folded or both as in a file: there both backslashes of a pair are passed at once,
/// and letters of the two cases have one rank.
fn compare_bytes(left: &[u8], right: &[u8]) -> Ordering {
    const STEP: usize = 16;
    // Neighbours have most of their path in common.
    let chunks = left.chunks_exact(STEP).zip(right.chunks_exact(STEP));
    let same = chunks.take_while(|(left, right)| left == right).count() * STEP;
    let (left, right) = (left.get(same..).unwrap_or_default(), right.get(same..).unwrap_or_default());
    let ranks = left.iter().zip(right).map(|(a, b)| rank(*a).cmp(&rank(*b)));
    ranks.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}

impl Folded {
    /// A text that is in upper case.
    pub fn ready(folded: impl Into<Box<str>>) -> Self {
        Self(Form::Ready(folded.into()))
    }

    /// The path in the line `[path] seconds` at an offset of a file.
    pub fn header(file: &Arc<String>, offset: usize) -> Option<Self> {
        let start = offset.checked_add(1)?;
        let rest = file.as_bytes().get(start..)?;
        // Nearly all are ASCII without other escapes than that of the backslash.
        let mut bytes = rest.iter().enumerate();
        loop {
            match bytes.next()? {
                (_, b'\\') if matches!(bytes.next()?, (_, b'\\')) => {}
                (length, b']') => {
                    let (start, end) = (u32::try_from(start).ok()?, u32::try_from(start + length).ok()?);
                    return Some(Self(Form::Header { file: Arc::clone(file), start, end }));
                }
                (_, b'\\' | b'\n' | 0x80..) => break,
                _ => {}
            }
        }
        let line = file.get(offset..)?.lines().next()?;
        Some(Self::ready(fold(&key_path(line)?.0)))
    }

    fn raw(&self) -> &[u8] {
        match &self.0 {
            Form::Ready(folded) => folded.as_bytes(),
            Form::Header { file, start, end } => {
                file.as_bytes().get(*start as usize..*end as usize).unwrap_or_default()
            }
        }
    }

    /// The bytes in upper case, with single backslashes.
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let doubled = matches!(self.0, Form::Header { .. });
        let mut bytes = self.raw().iter();
        std::iter::from_fn(move || {
            let byte = *bytes.next()?;
            if doubled {
                if byte == b'\\' {
                    bytes.next();
                }
                return Some(byte.to_ascii_uppercase());
            }
            Some(byte)
        })
    }

    /// The text in upper case.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Ready(folded) => Cow::Borrowed(folded),
            Form::Header { .. } => Cow::Owned(self.bytes().map(char::from).collect()),
        }
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.raw().is_empty()
    }

    /// Whether this lies below `above`, at whatever depth.
    pub fn is_below(&self, above: &Self) -> bool {
        let mut bytes = self.bytes();
        if above.is_root() {
            return bytes.next().is_some();
        }
        above.bytes().all(|byte| bytes.next() == Some(byte)) && bytes.next() == Some(b'\\')
    }
}

impl Ord for Folded {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Ready(_), Form::Ready(_)) | (Form::Header { .. }, Form::Header { .. }) => {
                compare_bytes(self.raw(), other.raw())
            }
            _ => self.bytes().map(rank).cmp(other.bytes().map(rank)),
        }
    }
}

impl PartialOrd for Folded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Folded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_in_a_file_and_folded() {
        let file =
            Arc::new(String::from("[Software\\\\a_B\\\\[x] 5\n[Gr\u{f6}\u{df}e\\\\\\xe9\\]] 1\n[cut\n[x\\"));
        let offsets = file.match_indices('[').filter(|(at, _)| *at == 0 || file.as_bytes()[at - 1] == b'\n');
        let read: Vec<Option<Folded>> = offsets.map(|(at, _)| Folded::header(&file, at)).collect();
        let ready = [Folded::ready("SOFTWARE\\A_B\\[X"), Folded::ready("GR\u{d6}\u{df}E\\\u{c9}]")];
        for (read, ready) in read.iter().zip(&ready) {
            let read = read.as_ref().unwrap();
            assert_eq!((read, read.text()), (ready, ready.text()));
        }
        assert_eq!(read[2..], [None, None]);
        let above = Folded::ready("SOFTWARE\\A_B");
        assert!(read[0].as_ref().unwrap().is_below(&above) && !above.is_below(&above));
        assert!(above.is_below(&Folded::ready("")) && !above.is_below(&Folded::ready("SOFT")));
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_the_same_in_a_file_and_folded(left in "[A-Za-c_ \\\\.]{0,40}", right in "[A-Za-c_ \\\\.]{0,40}") {
            let file = |text: &str| {
                let file = Arc::new(format!("[{}] 1\n", text.replace('\\', "\\\\")));
                Folded::header(&file, 0).unwrap()
            };
            let expected = compare(&fold(&left), &fold(&right));
            proptest::prop_assert_eq!(file(&left).cmp(&file(&right)), expected);
            proptest::prop_assert_eq!(file(&left).cmp(&Folded::ready(fold(&right))), expected);
            proptest::prop_assert_eq!(Folded::ready(fold(&left)).cmp(&file(&right)), expected);
        }
    }
}
