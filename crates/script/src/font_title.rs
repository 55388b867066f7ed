//! The title of a font, from the font itself.
//!
//! A TrueType or OpenType file is a directory of tables; the table `name` has the full name under number 4. A collection is
//! several such directories in one file. Only these parts are read.

use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::MACINTOSH;

/// More fonts in one collection than any has.
const MOST_FONTS: u32 = 256;
/// More tables than there are kinds of them.
const MOST_TABLES: u16 = 512;
/// A longer table of names is none.
const LONGEST_NAMES: u32 = 1 << 20;

const FULL_NAME: u16 = 4;
const UNICODE: u16 = 0;
const MACINTOSH_PLATFORM: u16 = 1;
const WINDOWS: u16 = 3;
const ENGLISH: u16 = 0x409;

/// The title under which a font is registered: its full name and its kind; those of a collection joined by `&`. Nothing for
/// a file that is no font of these kinds or has no name.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(mut file: impl Read + Seek) -> io::Result<Option<String>> {
    match find(&mut file) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn find(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    let kind: [u8; 4] = bytes(file)?;
    if &kind != b"ttcf" {
        return Ok(match &kind {
            [0, 1, 0, 0] | b"true" => full_name(file, 0)?.map(|name| format!("{name} (TrueType)")),
            b"OTTO" => full_name(file, 0)?.map(|name| format!("{name} (OpenType)")),
            _ => None,
        });
    }
    let _version = long(file)?;
    let offsets: Vec<u32> =
        (0..long(file)?.min(MOST_FONTS)).map(|_| long(file)).collect::<io::Result<_>>()?;
    let mut names = Vec::new();
    for offset in offsets {
        names.extend(full_name(file, offset.into())?);
    }
    Ok((!names.is_empty()).then(|| format!("{} (TrueType)", names.join(" & "))))
}

fn full_name(file: &mut (impl Read + Seek), directory: u64) -> io::Result<Option<String>> {
    file.seek(SeekFrom::Start(directory.saturating_add(4)))?;
    let tables = short(file)?.min(MOST_TABLES);
    let _search: [u8; 6] = bytes(file)?;
    for _ in 0..tables {
        let tag: [u8; 4] = bytes(file)?;
        let (_sum, offset, length) = (long(file)?, long(file)?, long(file)?);
        if &tag == b"name" {
            file.seek(SeekFrom::Start(offset.into()))?;
            let mut table = Vec::new();
            file.take(length.min(LONGEST_NAMES).into()).read_to_end(&mut table)?;
            return Ok(best_name(&table));
        }
    }
    Ok(None)
}

/// The full name in the table of names: for Windows and in English if there is one.
fn best_name(table: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u16::from_be_bytes(table.get(at..at + 2)?.try_into().ok()?));
    let (count, texts) = (number(2)?, usize::from(number(4)?));
    let mut best: Option<(u8, String)> = None;
    for record in 0..usize::from(count) {
        let at = 6 + record * 12;
        let (Some(platform), Some(language), Some(name), Some(length), Some(offset)) =
            (number(at), number(at + 4), number(at + 6), number(at + 8), number(at + 10))
        else {
            break;
        };
        let rank = match platform {
            _ if name != FULL_NAME => continue,
            WINDOWS if language == ENGLISH => 4,
            WINDOWS => 3,
            UNICODE => 2,
            MACINTOSH_PLATFORM => 1,
            _ => continue,
        };
        let begin = texts + usize::from(offset);
        let Some(text) = table.get(begin..begin + usize::from(length)) else { continue };
        let text = if platform == MACINTOSH_PLATFORM {
            MACINTOSH.decode_without_bom_handling(text).0.into_owned()
        } else {
            let units: Vec<u16> =
                text.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16_lossy(&units)
        };
        let text: String = text.trim().chars().filter(|character| !character.is_control()).collect();
        if !text.is_empty() && best.as_ref().is_none_or(|(known, _)| rank > *known) {
            best = Some((rank, text));
        }
    }
    best.map(|(_, text)| text)
}

fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn short(file: &mut impl Read) -> io::Result<u16> {
    bytes(file).map(u16::from_be_bytes)
}

fn long(file: &mut impl Read) -> io::Result<u32> {
    bytes(file).map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A font with nothing but these names: platform, language, text in bytes.
    fn font(kind: &[u8; 4], names: &[(u16, u16, Vec<u8>)], at: u32) -> Vec<u8> {
        let mut table =
            [0u16, names.len() as u16, 6 + 12 * names.len() as u16].map(u16::to_be_bytes).concat();
        let mut offset = 0;
        for (platform, language, text) in names {
            let length = text.len() as u16;
            table.extend([*platform, 1, *language, 4, length, offset].map(u16::to_be_bytes).concat());
            offset += length;
        }
        for (_, _, text) in names {
            table.extend(text);
        }
        let mut font = kind.to_vec();
        font.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        font.extend(b"name");
        font.extend([0, at + 28, table.len() as u32].map(u32::to_be_bytes).concat());
        font.extend(table);
        font
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn the_best_full_name_is_the_title() {
        let names = [
            (1, 0, b"Mac".to_vec()),
            (3, 0x407, wide("Schrift")),
            (3, 0x409, wide("Font Bold")),
            (0, 0, wide("Unicode")),
        ];
        let title = |font: Vec<u8>| read(Cursor::new(font)).unwrap();
        assert_eq!(title(font(&[0, 1, 0, 0], &names, 0)).unwrap(), "Font Bold (TrueType)");
        assert_eq!(title(font(b"OTTO", &names[..2], 0)).unwrap(), "Schrift (OpenType)");
        assert_eq!(title(font(b"true", &names[..1], 0)).unwrap(), "Mac (TrueType)");
        assert_eq!(title(font(b"true", &[], 0)), None);
        assert_eq!(title(b"MZ no font".to_vec()), None);
    }

    #[test]
    fn a_collection_has_the_names_of_its_fonts() {
        let mut collection = b"ttcf".to_vec();
        let one = font(&[0, 1, 0, 0], &[(3, 0x409, wide("One"))], 20);
        let two_at = 20 + one.len() as u32;
        collection.extend([0x10000, 2, 20, two_at].map(u32::to_be_bytes).concat());
        collection.extend(one);
        collection.extend(font(&[0, 1, 0, 0], &[(3, 0x409, wide("Two"))], two_at));
        assert_eq!(read(Cursor::new(collection)).unwrap().unwrap(), "One & Two (TrueType)");
    }

    proptest::proptest! {
        #[test]
        fn damaged_fonts_have_a_title_or_none(
            place in 0usize..80, byte: u8, length in 0usize..100,
        ) {
            let mut bytes = font(&[0, 1, 0, 0], &[(3, 0x409, wide("Font Bold"))], 0);
            if let Some(there) = bytes.get_mut(place) {
                *there = byte;
            }
            bytes.truncate(length);
            proptest::prop_assert!(read(Cursor::new(bytes)).is_ok());
        }
    }
}
