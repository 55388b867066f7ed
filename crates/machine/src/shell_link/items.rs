//! The list of items that leads from the desktop to a target: this computer, a drive, and a name for each component.
//!
//! [MS-SHLLINK] section 2.2 has the list; the items themselves are the shell's own. An item of the file system is a size,
//! a kind (0x31 folder, 0x32 file), the length, the DOS time, the attributes, the name in 8-bit characters, and an
//! extension block with the name in UTF-16, whose offset is the item's last 16 bits.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{TargetFacts, long, short, wide_text};
use crate::windows_path::WindowsPath;

/// {20D04FE0-3AEA-1069-A2D8-08002B30309D}, this computer, as it lies in memory, after the item's kind and place.
const COMPUTER: [u8; 18] = [
    0x1f, 0x50, 0xe0, 0x4f, 0xd0, 0x20, 0xea, 0x3a, 0x69, 0x10, 0xa2, 0xd8, 0x08, 0x00, 0x2b, 0x30, 0x30,
    0x9d,
];
const DRIVE: u8 = 0x2f;
const FOLDER: u8 = 0x31;
const FILE: u8 = 0x32;
/// The mark of the extension block with the long name, and its version.
const EXTENSION: u32 = 0xbeef_0004;
const EXTENSION_VERSION: u16 = 3;
/// Where the long name is in the extension block.
const LONG_NAME: usize = 20;

fn push(items: &mut Vec<u8>, item: &[u8]) -> Option<()> {
    let size = u16::try_from(item.len() + 2).ok()?;
    items.extend_from_slice(&size.to_le_bytes());
    items.extend_from_slice(item);
    Some(())
}

/// The list for a target, with its end mark; nothing when an item is too long.
pub fn write(target: &WindowsPath, facts: &TargetFacts) -> Option<Vec<u8>> {
    let mut items = Vec::new();
    push(&mut items, &COMPUTER)?;
    let mut drive = vec![DRIVE];
    drive.extend_from_slice(format!("{}:\\", target.drive()).as_bytes());
    drive.resize(23, 0);
    push(&mut items, &drive)?;
    let count = target.components().count();
    for (position, name) in target.components().enumerate() {
        let is_target = position + 1 == count;
        let (kind, attributes) = if is_target && !facts.is_folder { (FILE, 0x20) } else { (FOLDER, 0x10) };
        let facts = if is_target { *facts } else { TargetFacts::default() };
        push(&mut items, &file_item(kind, attributes, name, &facts)?)?;
    }
    items.extend_from_slice(&[0; 2]);
    Some(items)
}

/// One item without its size, which counts in the offset of the extension block.
fn file_item(kind: u8, attributes: u16, name: &str, facts: &TargetFacts) -> Option<Vec<u8>> {
    let time = facts.modified.map_or([0; 4], dos_time);
    let mut item = vec![kind, 0];
    item.extend_from_slice(&(facts.len as u32).to_le_bytes());
    item.extend_from_slice(&time);
    item.extend_from_slice(&attributes.to_le_bytes());
    item.extend(name.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }));
    item.push(0);
    if !item.len().is_multiple_of(2) {
        item.push(0);
    }
    let extension = u16::try_from(item.len() + 2).ok()?;
    let wide: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let size = u16::try_from(LONG_NAME + wide.len() + 2).ok()?;
    item.extend_from_slice(&size.to_le_bytes());
    item.extend_from_slice(&EXTENSION_VERSION.to_le_bytes());
    item.extend_from_slice(&EXTENSION.to_le_bytes());
    // When it was created and last read, then a mark of the version and the length of a localized name.
    item.extend_from_slice(&time);
    item.extend_from_slice(&time);
    item.extend_from_slice(&[0x14, 0, 0, 0]);
    item.extend_from_slice(&wide);
    item.extend_from_slice(&extension.to_le_bytes());
    Some(item)
}

/// The path that a list leads to; nothing when it does not lead to a drive.
pub fn read(list: &[u8]) -> Option<String> {
    let mut path = String::new();
    let mut rest = list;
    loop {
        let size = usize::from(short(rest, 0)?);
        if size < 3 {
            return (!path.is_empty()).then_some(path);
        }
        let item = rest.get(..size)?;
        rest = rest.get(size..)?;
        match item.get(2)? & 0x70 {
            0x20 if path.is_empty() => {
                let text = item.get(3..)?;
                path = text.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
            }
            0x30 if !path.is_empty() => {
                if !path.ends_with('\\') {
                    path.push('\\');
                }
                path.push_str(&name(item)?);
            }
            _ if path.is_empty() => {}
            _ => return None,
        }
    }
}

/// The long name of an item, or else its short one.
fn name(item: &[u8]) -> Option<String> {
    let extension = usize::from(short(item, item.len().checked_sub(2)?)?);
    let long_name = item.get(extension..item.len() - 2).filter(|block| {
        // Wine leaves out the block's mark.
        extension >= 14 && block.len() > LONG_NAME && matches!(long(block, 4), Some(EXTENSION | 0))
    });
    if let Some(text) = long_name.and_then(|block| block.get(LONG_NAME..)).map(wide_text)
        && !text.is_empty()
    {
        return Some(text);
    }
    let short_name = item.get(14..)?;
    Some(short_name.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect())
}

/// The date and the time of day, 16 bits each, in UTC; nothing before 1980 can be said.
fn dos_time(time: SystemTime) -> [u8; 4] {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // From days to a date by years of 400-year cycles that start in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    if !(1980..2108).contains(&year) {
        return [0; 4];
    }
    let date = ((year - 1980) << 9 | month << 5 | day) as u16;
    let time = ((second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2)) as u16;
    let [a, b] = date.to_le_bytes();
    let [c, d] = time.to_le_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_as_dos_does() {
        // 29 February 2024, 23:59:58.
        let time = UNIX_EPOCH + Duration::from_secs(1_709_251_198);
        let [a, b, c, d] = dos_time(time);
        assert_eq!(u16::from_le_bytes([a, b]), 44 << 9 | 2 << 5 | 29);
        assert_eq!(u16::from_le_bytes([c, d]), 23 << 11 | 59 << 5 | 29);
        assert_eq!(dos_time(UNIX_EPOCH), [0; 4]);
    }
}
