//! The strings of a database: each is kept once, and tables refer to it by number.
//!
//! The stream `_StringPool` starts with the code page and then has for each string its length and how many
//! values refer to it; `_StringData` has the bytes. The page `string-pool-validation.md` documents the
//! reference counts, and `code-page-handling-windows-installer-.md` the code page.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::bytes::{u16_at, u32_at};
use crate::findings::Findings;
use crate::{DatabaseError, code_page};

/// Set in the header when numbers of strings take three bytes in tables.
const LONG_REFERENCES: u32 = 0x8000_0000;
/// More strings than this need three bytes for their numbers.
const MOST_SHORT: usize = 0xFFFF;
/// Three bytes number so many.
const MOST_LONG: usize = 0xFF_FFFF;

/// So many texts are kept together.
const TEXTS: usize = 64;

/// The strings of a stored database; text is decoded when first asked for, and kept if several values refer to it.
#[derive(Debug, Default)]
pub(crate) struct StringPool {
    code_page: u16,
    long_references: bool,
    data: Vec<u8>,
    /// String `n` at place `n`; string 0 is the absent one.
    places: Vec<Place>,
    /// What was decoded, [`TEXTS`] together.
    texts: Vec<OnceLock<Texts>>,
}

/// Texts that are kept together.
type Texts = Box<[OnceLock<Arc<str>>]>;

/// Where a string ends in the data; the lowest bit is set when several values refer to it.
#[derive(Debug, Clone, Copy, Default)]
struct Place(u64);

impl Place {
    fn new(end: u64, references: u16) -> Self {
        Self(end << 1 | u64::from(references > 1))
    }

    fn end(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn is_shared(self) -> bool {
        self.0 & 1 != 0
    }
}

impl StringPool {
    pub fn read(pool: &[u8], data: Vec<u8>, findings: &Findings) -> Result<Self, DatabaseError> {
        let length = || DatabaseError::StringPool { length: pool.len() };
        let header = u32_at(pool, 0).ok_or_else(length)?;
        if !pool.len().is_multiple_of(4) {
            findings.tolerate(length())?;
        }
        let code_page = (header & 0xFFFF) as u16;
        if !code_page::is_known(code_page) {
            findings.tolerate(DatabaseError::CodePage { code_page })?;
        }
        let mut places = Vec::with_capacity(pool.len() / 4);
        places.push(Place::default());
        let mut end = 0_u64;
        let mut offset = 4;
        while let (Some(size), Some(references)) = (u16_at(pool, offset), u16_at(pool, offset + 2)) {
            offset += 4;
            let (mut size, mut references) = (u64::from(size), references);
            // A string of 64 KiB or more is preceded by an entry of length 0 that holds the upper half of its
            // length.
            if size == 0 && references != 0 {
                let Some(low) = u16_at(pool, offset) else {
                    findings.tolerate(length())?;
                    break;
                };
                size = (u64::from(references) << 16) | u64::from(low);
                references = u16_at(pool, offset + 2).unwrap_or_default();
                offset += 4;
            }
            end += size;
            if end > data.len() as u64 {
                let (string, available) = (places.len(), data.len());
                findings.tolerate(DatabaseError::StringData { string, end, available })?;
                break;
            }
            places.push(Place::new(end, references));
        }
        let texts = places.chunks(TEXTS).map(|_| OnceLock::new()).collect();
        Ok(Self { code_page, long_references: header & LONG_REFERENCES != 0, data, places, texts })
    }

    /// The code page; 0 is neutral.
    pub fn code_page(&self) -> u16 {
        self.code_page
    }

    /// How many bytes the strings take.
    pub fn length(&self) -> usize {
        self.data.len()
    }

    /// How many bytes a reference takes in tables: 2 or 3.
    pub fn reference_size(&self) -> usize {
        if self.long_references { 3 } else { 2 }
    }

    /// The bytes of a string; nothing when there is no such string.
    pub fn bytes(&self, string: u32) -> Option<&[u8]> {
        let number = string as usize;
        let start = self.places.get(number.checked_sub(1)?)?.end();
        self.data.get(start..self.places.get(number)?.end())
    }

    /// The text of a string; nothing when there is no such string.
    pub fn text(&self, string: u32, findings: &Findings) -> Result<Option<Arc<str>>, DatabaseError> {
        let number = string as usize;
        let Some(bytes) = self.bytes(string) else { return Ok(None) };
        let decode = || {
            let (text, whole) = code_page::decode(self.code_page, bytes);
            if !whole {
                findings
                    .tolerate(DatabaseError::Undecodable { string: number, code_page: self.code_page })?;
            }
            Ok(text.into())
        };
        // What one value alone has is kept by that value.
        let cell =
            self.texts.get(number / TEXTS).filter(|_| self.places.get(number).is_some_and(|p| p.is_shared()));
        let Some(cells) = cell else { return decode().map(Some) };
        let cells = cells.get_or_init(|| (0..TEXTS).map(|_| OnceLock::new()).collect());
        let Some(cell) = cells.get(number % TEXTS) else { return decode().map(Some) };
        if let Some(text) = cell.get() {
            return Ok(Some(text.clone()));
        }
        let text = decode()?;
        Ok(Some(cell.get_or_init(|| text).clone()))
    }
}

/// Collects the strings of a database that is being written. They get their final numbers in alphabetical
/// order, so that the same content gives the same file, whatever order it came in.
#[derive(Debug)]
pub(crate) struct StringPoolBuilder {
    code_page: u16,
    numbers: HashMap<Arc<str>, u32>,
    strings: Vec<(Arc<str>, usize)>,
}

impl StringPoolBuilder {
    pub fn new(code_page: u16) -> Self {
        Self { code_page, numbers: HashMap::new(), strings: Vec::new() }
    }

    /// The provisional number of a text, counted once more; 0 is for the empty text.
    pub fn refer(&mut self, text: &Arc<str>) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let next = self.strings.len() as u32 + 1;
        let number = *self.numbers.entry(text.clone()).or_insert(next);
        if number == next {
            self.strings.push((text.clone(), 0));
        }
        if let Some((_, references)) = self.strings.get_mut(number as usize - 1) {
            *references += 1;
        }
        number
    }

    /// How many bytes a reference takes in tables, now that all strings are known: 2 or 3.
    pub fn reference_size(&self) -> usize {
        if self.strings.len() > MOST_SHORT { 3 } else { 2 }
    }

    /// The final number of each string, by its provisional one; the first is for the absent string.
    pub fn final_numbers(&self) -> Vec<u32> {
        let mut numbers = vec![0; self.strings.len() + 1];
        for (last, provisional) in (1..).zip(self.alphabetical()) {
            if let Some(number) = numbers.get_mut(provisional + 1) {
                *number = last;
            }
        }
        numbers
    }

    /// The streams `_StringPool` and `_StringData`.
    pub fn write(&self) -> Result<(Vec<u8>, Vec<u8>), DatabaseError> {
        let code_page = self.code_page;
        if !code_page::is_known(code_page) {
            return Err(DatabaseError::CodePage { code_page });
        }
        if self.strings.len() > MOST_LONG {
            return Err(DatabaseError::StringPool { length: self.strings.len().saturating_mul(4) });
        }
        let flag = if self.reference_size() == 3 { LONG_REFERENCES } else { 0 };
        let mut pool = Vec::with_capacity(4 + 4 * self.strings.len());
        let mut data = Vec::new();
        pool.extend((u32::from(code_page) | flag).to_le_bytes());
        for place in self.alphabetical() {
            let Some((text, references)) = self.strings.get(place) else { continue };
            let bytes = code_page::encode(code_page, text)
                .ok_or_else(|| DatabaseError::Unencodable { text: text.to_string(), code_page })?;
            if bytes.len() > 0xFFFF {
                pool.extend([0, 0]);
                pool.extend(((bytes.len() >> 16) as u16).to_le_bytes());
            }
            pool.extend((bytes.len() as u16).to_le_bytes());
            // The count stays at its maximum once it is reached.
            pool.extend(((*references).min(0xFFFF) as u16).to_le_bytes());
            data.extend_from_slice(&bytes);
        }
        Ok((pool, data))
    }

    /// The places of the strings in alphabetical order.
    fn alphabetical(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.strings.len()).collect();
        places.sort_by_key(|place| self.strings.get(*place).map(|(text, _)| text));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reading;

    fn strict() -> Findings {
        Findings::new(Reading::Strict)
    }

    #[test]
    fn strings_come_back_under_their_numbers() {
        let mut builder = StringPoolBuilder::new(1252);
        let texts: Vec<Arc<str>> = vec![
            "a".into(),
            "ü".into(),
            "y".repeat(0x10000).into(),
            "z".repeat(200_003).into(),
            "end".into(),
        ];
        for text in &texts {
            builder.refer(text);
        }
        assert_eq!(builder.refer(&texts[1]), 2);
        let (pool, data) = builder.write().unwrap();
        let read = StringPool::read(&pool, data, &strict()).unwrap();
        assert_eq!(read.code_page(), 1252);
        let numbers = builder.final_numbers();
        assert_eq!(numbers, [0, 1, 5, 3, 4, 2]);
        for (number, text) in numbers.iter().skip(1).zip(&texts) {
            assert_eq!(read.text(*number, &strict()).unwrap().as_ref(), Some(text));
        }
        assert_eq!(read.text(0, &strict()).unwrap(), None);
        assert_eq!(read.text(6, &strict()).unwrap(), None);
    }

    #[test]
    fn more_than_65535_strings_take_three_bytes() {
        let mut builder = StringPoolBuilder::new(0);
        for number in 0..0x10000 {
            builder.refer(&number.to_string().into());
        }
        let (pool, data) = builder.write().unwrap();
        let read = StringPool::read(&pool, data, &strict()).unwrap();
        assert_eq!(read.reference_size(), 3);
        assert_eq!(read.text(0x10000, &strict()).unwrap().as_deref(), Some("9999"));
    }

    #[test]
    fn a_length_beyond_the_data_is_an_error_or_a_warning() {
        let pool = [0xE4, 4, 0, 0, 1, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0];
        assert!(matches!(
            StringPool::read(&pool, b"a".to_vec(), &strict()),
            Err(DatabaseError::StringData { string: 2, available: 1, .. })
        ));
        let findings = Findings::new(Reading::Permissive);
        let read = StringPool::read(&pool, b"a".to_vec(), &findings).unwrap();
        assert_eq!(read.text(1, &findings).unwrap().as_deref(), Some("a"));
        assert_eq!(read.text(2, &findings).unwrap(), None);
        assert_eq!(findings.warnings().len(), 1);
    }

    #[test]
    fn a_pool_without_a_header_is_refused() {
        assert!(StringPool::read(&[1, 2], Vec::new(), &Findings::new(Reading::Permissive)).is_err());
    }
}
