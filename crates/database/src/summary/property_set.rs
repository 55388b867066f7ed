//! The layout of the summary information's stream: a property set with one section.

use super::{DEFAULT_CODE_PAGE, FileTime, PropertyValue, SummaryInformation, id};
use crate::bytes::{array_at, u16_at, u32_at, u64_at};
use crate::findings::Findings;
use crate::{DatabaseError, code_page};

/// The format identifier {F29F85E0-4FF9-1068-AB91-08002B27B3D9}, in stored order.
const FORMAT: [u8; 16] =
    [0xE0, 0x85, 0x9F, 0xF2, 0xF9, 0x4F, 0x68, 0x10, 0xAB, 0x91, 0x08, 0x00, 0x2B, 0x27, 0xB3, 0xD9];
const BYTE_ORDER: u16 = 0xFFFE;
/// Offset of the section in what is written here: header, format identifier and offset.
const SECTION: u32 = 48;
/// Number of the property that names other properties; it has no type.
const DICTIONARY: u32 = 0;
/// Strings in this code page have two bytes a character.
const UTF_16: u16 = 1200;

mod kind {
    pub const EMPTY: u32 = 0;
    pub const NULL: u32 = 1;
    pub const SHORT: u32 = 2;
    pub const LONG: u32 = 3;
    pub const TEXT: u32 = 30;
    pub const WIDE_TEXT: u32 = 31;
    pub const TIME: u32 = 64;
}

/// Reads the stream.
pub(crate) fn read(stream: &[u8], findings: &Findings) -> Result<SummaryInformation, DatabaseError> {
    let damaged = |reason, offset| DatabaseError::Summary { reason, offset };
    if u16_at(stream, 0) != Some(BYTE_ORDER) {
        return Err(damaged("there is no property set", 0));
    }
    if array_at(stream, 28) != Some(FORMAT) {
        findings.tolerate(damaged("the format identifier is not that of summary information", 28))?;
    }
    let start = u32_at(stream, 44).ok_or(damaged("the header is cut short", 44))? as usize;
    let section = stream.get(start..).ok_or(damaged("the section lies beyond the end", 44))?;
    let (Some(size), Some(count)) = (u32_at(section, 0), u32_at(section, 4)) else {
        return Err(damaged("the section is cut short", start));
    };
    let section = match section.get(..size as usize) {
        Some(section) => section,
        None => {
            findings.tolerate(damaged("the section is longer than the stream", start))?;
            section
        }
    };
    let mut places = Vec::new();
    for index in 0..count as usize {
        let entry = 8 + index * 8;
        let (Some(id), Some(offset)) = (u32_at(section, entry), u32_at(section, entry + 4)) else {
            findings.tolerate(damaged("the list of properties is cut short", start + entry))?;
            break;
        };
        if id != DICTIONARY {
            places.push((id, offset as usize));
        }
    }
    let mut summary = SummaryInformation::default();
    // The code page comes first, whatever its place in the list: the texts depend on it.
    places.sort_by_key(|(id, _)| *id);
    let mut ends: Vec<usize> = places.iter().map(|(_, offset)| *offset).collect();
    ends.sort_unstable();
    for (id, offset) in places {
        let next = ends.partition_point(|&end| end <= offset);
        let end = ends.get(next).copied().unwrap_or(section.len()).min(section.len());
        let code_page = summary.code_page();
        match section.get(offset..end).map(|bytes| value(bytes, code_page)) {
            Some(Ok((value, true))) => summary.set(id, value),
            Some(Ok((value, false))) => {
                findings.tolerate(damaged("a text does not fit its code page", start + offset))?;
                summary.set(id, value);
            }
            Some(Err(reason)) => findings.tolerate(damaged(reason, start + offset))?,
            None => findings.tolerate(damaged("a property lies beyond the end", start + offset))?,
        }
    }
    Ok(summary)
}

/// A value and whether its text was valid.
fn value(bytes: &[u8], code_page: u16) -> Result<(PropertyValue, bool), &'static str> {
    const SHORTER: &str = "a property is cut short";
    let kind = u32_at(bytes, 0).ok_or(SHORTER)?;
    let valid = |value| Ok((value, true));
    match kind {
        kind::EMPTY | kind::NULL => valid(PropertyValue::Empty),
        kind::SHORT => valid(PropertyValue::Short(u16_at(bytes, 4).ok_or(SHORTER)? as i16)),
        kind::LONG => valid(PropertyValue::Long(u32_at(bytes, 4).ok_or(SHORTER)? as i32)),
        kind::TIME => valid(PropertyValue::Time(FileTime(u64_at(bytes, 4).ok_or(SHORTER)?))),
        kind::TEXT | kind::WIDE_TEXT => {
            let length = u32_at(bytes, 4).ok_or(SHORTER)? as usize;
            let wide = kind == kind::WIDE_TEXT;
            let length = if wide { length.checked_mul(2).ok_or(SHORTER)? } else { length };
            let text = bytes.get(8..).and_then(|rest| rest.get(..length)).ok_or(SHORTER)?;
            let (text, valid) = if wide || code_page == UTF_16 {
                let units: Vec<u16> = (0..text.len() / 2).filter_map(|unit| u16_at(text, unit * 2)).collect();
                let text = String::from_utf16(&units);
                let valid = text.is_ok();
                (text.unwrap_or_else(|_| String::from_utf16_lossy(&units)), valid)
            } else {
                let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
                let (text, valid) = code_page::decode(code_page, text.get(..end).unwrap_or(text));
                (text.into_owned(), valid)
            };
            let text = text.split('\0').next().unwrap_or_default().to_owned();
            Ok((PropertyValue::Text(text), valid))
        }
        _ => valid(PropertyValue::Other { kind, data: bytes.get(4..).unwrap_or_default().to_vec() }),
    }
}

/// The stream.
pub(crate) fn write(summary: &SummaryInformation) -> Result<Vec<u8>, DatabaseError> {
    let mut properties = summary.properties().clone();
    properties.remove(&DICTIONARY);
    properties.entry(id::CODE_PAGE).or_insert(PropertyValue::Short(DEFAULT_CODE_PAGE as i16));
    let code_page = summary.code_page();

    let mut list = Vec::new();
    let mut values = Vec::new();
    let base = 8 + 8 * properties.len();
    for (id, value) in &properties {
        list.extend(id.to_le_bytes());
        list.extend(((base + values.len()) as u32).to_le_bytes());
        put(&mut values, value, code_page)?;
        values.resize(values.len().next_multiple_of(4), 0);
    }
    let size = (base + values.len()) as u32;

    let mut stream = Vec::new();
    stream.extend(BYTE_ORDER.to_le_bytes());
    stream.extend(0_u16.to_le_bytes());
    // The system that wrote it: Windows (2), version 10.0.
    stream.extend(0x0002_000A_u32.to_le_bytes());
    stream.extend([0; 16]);
    stream.extend(1_u32.to_le_bytes());
    stream.extend(FORMAT);
    stream.extend(SECTION.to_le_bytes());
    stream.extend(size.to_le_bytes());
    stream.extend((properties.len() as u32).to_le_bytes());
    stream.extend(list);
    stream.extend(values);
    Ok(stream)
}

fn put(out: &mut Vec<u8>, value: &PropertyValue, code_page: u16) -> Result<(), DatabaseError> {
    match value {
        PropertyValue::Empty => out.extend(kind::EMPTY.to_le_bytes()),
        PropertyValue::Short(number) => {
            out.extend(kind::SHORT.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        PropertyValue::Long(number) => {
            out.extend(kind::LONG.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        PropertyValue::Time(time) => {
            out.extend(kind::TIME.to_le_bytes());
            out.extend(time.0.to_le_bytes());
        }
        PropertyValue::Text(text) => {
            out.extend(kind::TEXT.to_le_bytes());
            let mut bytes = if code_page == UTF_16 {
                text.encode_utf16().flat_map(u16::to_le_bytes).chain([0]).collect()
            } else {
                let bytes = code_page::encode(code_page, text);
                bytes
                    .ok_or_else(|| DatabaseError::Unencodable { text: text.clone(), code_page })?
                    .into_owned()
            };
            bytes.push(0);
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(bytes);
        }
        PropertyValue::Other { kind, data } => {
            out.extend(kind.to_le_bytes());
            out.extend(data);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reading;

    fn example(code_page: u16, text: &str) -> SummaryInformation {
        let mut summary = SummaryInformation::default();
        summary.set(id::CODE_PAGE, PropertyValue::Short(code_page as i16));
        summary.set(id::TITLE, PropertyValue::Text(text.to_owned()));
        summary.set(id::CREATED, PropertyValue::Time(FileTime(125_000_000_000_000_000)));
        summary.set(id::PAGE_COUNT, PropertyValue::Long(500));
        summary.set(21, PropertyValue::Other { kind: 20, data: vec![1, 2, 3, 4, 5, 6, 7, 8] });
        summary.set(22, PropertyValue::Empty);
        summary
    }

    #[test]
    fn properties_come_back() {
        for (code_page, text) in [(1252, "Größe"), (932, "日本"), (65001, "x😀"), (1200, "żółw")] {
            let summary = example(code_page, text);
            let stream = write(&summary).unwrap();
            assert_eq!(read(&stream, &Findings::new(Reading::Strict)).unwrap(), summary);
        }
    }

    #[test]
    fn every_cut_is_an_error_or_a_warning() {
        let stream = write(&example(1252, "title")).unwrap();
        for length in 0..stream.len() - 1 {
            assert!(read(&stream[..length], &Findings::new(Reading::Strict)).is_err(), "{length}");
            let findings = Findings::new(Reading::Permissive);
            assert!(
                read(&stream[..length], &findings).is_err() || !findings.warnings().is_empty(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_text_outside_the_code_page_is_refused() {
        assert!(matches!(
            write(&example(1252, "日本")),
            Err(DatabaseError::Unencodable { code_page: 1252, .. })
        ));
    }
}
