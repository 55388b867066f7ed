//! Shortcuts: files with the extension `.lnk`.
//!
//! The format is the open specification [MS-SHLLINK]; sections are named in the code. The items of the target's list are
//! those of the shell's file system folder, with long names, so that Windows, Wine and desktop programs that only look at
//! the list find the target. Reading takes what is written here and by others; what is not known is passed over.

mod items;
mod properties;

use std::time::{SystemTime, UNIX_EPOCH};

pub use properties::LinkProperty;

use crate::windows_path::{PathError, WindowsPath};

/// A shortcut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellLink {
    /// What it leads to.
    pub target: WindowsPath,
    /// What is known of the target.
    pub target_facts: TargetFacts,
    /// The text that the shell shows.
    pub description: Option<String>,
    /// The folder in which the target is started.
    pub working_directory: Option<String>,
    /// The command line's arguments.
    pub arguments: Option<String>,
    /// The file with the icon, and the icon's index in it.
    pub icon: Option<(String, i32)>,
    /// The key in the low byte, modifiers in the high one: shift 1, control 2, alt 4; 0 is none.
    pub hotkey: u16,
    /// How the target's window is shown.
    pub show: ShowCommand,
    /// What is to be installed when the shortcut is used, of an advertised one (section 2.5.3).
    pub descriptor: Option<String>,
    /// What taskbar, start menu and jump lists are told.
    pub properties: Vec<LinkProperty>,
}

/// What a shortcut says about its target, of use when the target was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TargetFacts {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its length in bytes; the low 32 bits are kept.
    pub len: u64,
    /// When it last changed.
    pub modified: Option<SystemTime>,
}

/// How a window is shown (section 2.1, ShowCommand; page `shortcut-table.md`, column ShowCmd).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShowCommand {
    /// As usual.
    #[default]
    Normal,
    /// As large as the screen.
    Maximized,
    /// As a symbol, without taking the input.
    Minimized,
}

impl ShowCommand {
    /// The number that stands for it in a package and in a link.
    pub const fn number(self) -> u32 {
        match self {
            Self::Normal => 1,
            Self::Maximized => 3,
            Self::Minimized => 7,
        }
    }

    /// What a number stands for; every other one is normal.
    pub const fn from_number(number: u32) -> Self {
        match number {
            3 => Self::Maximized,
            7 => Self::Minimized,
            _ => Self::Normal,
        }
    }
}

/// Why bytes are not a shortcut that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShellLinkError {
    /// The header is not that of a shortcut.
    #[error("the first 76 bytes are not the header of a shortcut")]
    Header,
    /// A part is longer than what is left.
    #[error("{part} at offset {offset} needs {needed} bytes, {left} are left")]
    CutOff {
        /// The part.
        part: &'static str,
        /// Where it starts.
        offset: usize,
        /// The bytes that it says it has.
        needed: usize,
        /// The bytes that there are.
        left: usize,
    },
    /// The target is not a file or folder on a drive.
    #[error("the shortcut's target is not a path on a drive")]
    NoTarget,
    /// The target's path is not usable.
    #[error("the shortcut's target is not usable")]
    Target(#[from] PathError),
}

const HEADER_SIZE: u32 = 0x4c;
/// {00021401-0000-0000-C000-000000000046} as it lies in memory.
const CLASS: [u8; 16] = [1, 0x14, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

// Section 2.1.1, LinkFlags.
const HAS_ID_LIST: u32 = 0x01;
const HAS_LINK_INFO: u32 = 0x02;
const HAS_NAME: u32 = 0x04;
const HAS_RELATIVE_PATH: u32 = 0x08;
const HAS_WORKING_DIRECTORY: u32 = 0x10;
const HAS_ARGUMENTS: u32 = 0x20;
const HAS_ICON: u32 = 0x40;
const IS_UNICODE: u32 = 0x80;
const HAS_DARWIN_ID: u32 = 0x1000;

/// Section 2.5.3, DarwinDataBlock: its size, signature, and the lengths of its two texts in bytes.
const DARWIN_SIZE: u32 = 0x314;
const DARWIN_SIGNATURE: u32 = 0xa000_0006;
const DARWIN_NARROW: usize = 260;
const DARWIN_WIDE: usize = 520;

// Section 2.1.2, FileAttributesFlags.
const ATTRIBUTE_DIRECTORY: u32 = 0x10;
const ATTRIBUTE_ARCHIVE: u32 = 0x20;

const DRIVE_FIXED: u32 = 3;

impl ShellLink {
    /// A shortcut to a target, with nothing else said.
    pub fn new(target: WindowsPath) -> Self {
        Self {
            target,
            target_facts: TargetFacts::default(),
            description: None,
            working_directory: None,
            arguments: None,
            icon: None,
            hotkey: 0,
            show: ShowCommand::Normal,
            descriptor: None,
            properties: Vec::new(),
        }
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let icon = self.icon.as_ref();
        let texts = [
            (HAS_NAME, self.description.as_deref()),
            (HAS_WORKING_DIRECTORY, self.working_directory.as_deref()),
            (HAS_ARGUMENTS, self.arguments.as_deref()),
            (HAS_ICON, icon.map(|(file, _)| file.as_str())),
        ];
        let present = texts.iter().filter_map(|(flag, text)| Some((*flag, (*text)?)));
        let items = items::write(&self.target, &self.target_facts);
        let mut flags = present.clone().fold(HAS_LINK_INFO | IS_UNICODE, |flags, (flag, _)| flags | flag);
        // The list's length has 16 bits; of a path too long for that, the link information says it.
        let items = items.filter(|items| u16::try_from(items.len()).is_ok());
        if items.is_some() {
            flags |= HAS_ID_LIST;
        }
        let mut out = Vec::with_capacity(512);
        // One that is too long for the block is left out: the shortcut leads to its target then.
        let descriptor = self.descriptor.as_deref().filter(|text| text.len() < DARWIN_NARROW);
        if descriptor.is_some() {
            flags |= HAS_DARWIN_ID;
        }
        out.extend_from_slice(&HEADER_SIZE.to_le_bytes());
        out.extend_from_slice(&CLASS);
        out.extend_from_slice(&flags.to_le_bytes());
        let attributes = if self.target_facts.is_folder { ATTRIBUTE_DIRECTORY } else { ATTRIBUTE_ARCHIVE };
        out.extend_from_slice(&attributes.to_le_bytes());
        // When the target was created, last read, and last written.
        let written = self.target_facts.modified.map_or(0, file_time);
        for time in [0, 0, written] {
            out.extend_from_slice(&time.to_le_bytes());
        }
        out.extend_from_slice(&(self.target_facts.len as u32).to_le_bytes());
        out.extend_from_slice(&icon.map_or(0, |(_, index)| *index).to_le_bytes());
        out.extend_from_slice(&self.show.number().to_le_bytes());
        out.extend_from_slice(&self.hotkey.to_le_bytes());
        out.resize(HEADER_SIZE as usize, 0);
        if let Some(items) = items {
            out.extend_from_slice(&(items.len() as u16).to_le_bytes());
            out.extend_from_slice(&items);
        }
        write_link_info(&mut out, self.target.as_str());
        for (_, text) in present {
            write_text(&mut out, text);
        }
        if let Some(descriptor) = descriptor {
            write_descriptor(&mut out, descriptor);
        }
        out.extend_from_slice(&properties::write(&self.properties));
        // The terminal block.
        out.extend_from_slice(&[0; 4]);
        out
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// When it is no shortcut, is cut off, or leads to something that is not on a drive.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShellLinkError> {
        let mut reader = Reader { bytes, offset: 0 };
        let header = reader.take("the header", HEADER_SIZE as usize).map_err(|_| ShellLinkError::Header)?;
        if long(header, 0) != Some(HEADER_SIZE) || header.get(4..20) != Some(&CLASS) {
            return Err(ShellLinkError::Header);
        }
        let number = |at| long(header, at).unwrap_or(0);
        let flags = number(20);
        let mut from_items = None;
        if flags & HAS_ID_LIST != 0 {
            let length = reader.short("the length of the target's list")?;
            from_items = items::read(reader.take("the target's list", length.into())?);
        }
        let mut from_info = None;
        if flags & HAS_LINK_INFO != 0 {
            let length = long(reader.rest(), 0).unwrap_or(0).max(4);
            from_info = read_link_info(reader.take("the link information", length as usize)?);
        }
        let mut text = |flag: u32, part| {
            if flags & flag == 0 { Ok(None) } else { reader.text(part, flags & IS_UNICODE != 0).map(Some) }
        };
        let description = text(HAS_NAME, "the description")?;
        text(HAS_RELATIVE_PATH, "the relative path")?;
        let working_directory = text(HAS_WORKING_DIRECTORY, "the working directory")?;
        let arguments = text(HAS_ARGUMENTS, "the arguments")?;
        let icon = text(HAS_ICON, "the icon's location")?;
        let descriptor = read_descriptor(reader.rest());
        let properties = properties::read(reader.rest());
        // The link information without UTF-16 may have lost characters, the items have not.
        let target = match (from_info, from_items) {
            (Some((path, Certainty::Exact)), _)
            | (_, Some(path))
            | (Some((path, Certainty::Lossy)), None) => path,
            (None, None) => return Err(ShellLinkError::NoTarget),
        };
        Ok(Self {
            target: WindowsPath::parse(&target)?,
            target_facts: TargetFacts {
                is_folder: number(24) & ATTRIBUTE_DIRECTORY != 0,
                len: number(52).into(),
                modified: system_time(u64::from(number(48)) << 32 | u64::from(number(44))),
            },
            description,
            working_directory,
            arguments,
            icon: icon.map(|file| (file, number(56) as i32)),
            hotkey: short(header, 64).unwrap_or(0),
            show: ShowCommand::from_number(number(60)),
            descriptor,
            properties,
        })
    }
}

/// Section 2.3, LinkInfo.
fn write_link_info(out: &mut Vec<u8>, path: &str) {
    const VOLUME: [u32; 4] = [17, DRIVE_FIXED, 0, 16];
    let header: u32 = if path.is_ascii() { 0x1c } else { 0x24 };
    let volume_size = 17;
    let local_path = header + volume_size;
    let narrow: Vec<u8> =
        path.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).chain([0]).collect();
    let suffix = local_path + narrow.len() as u32;
    let mut body = Vec::new();
    let mut fields = vec![header, 1, header, local_path, 0, suffix];
    let wide_start = suffix + 1;
    let wide: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    if !path.is_ascii() {
        fields.push(wide_start);
        fields.push(wide_start + wide.len() as u32);
    }
    body.extend(fields.iter().chain(&VOLUME).flat_map(|field| field.to_le_bytes()));
    // The volume's label is empty.
    body.push(0);
    body.extend_from_slice(&narrow);
    body.push(0);
    if !path.is_ascii() {
        body.extend_from_slice(&wide);
        body.extend_from_slice(&[0; 2]);
    }
    out.extend_from_slice(&(body.len() as u32 + 4).to_le_bytes());
    out.extend_from_slice(&body);
}

/// Whether a path was kept in characters that can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Exact,
    Lossy,
}

fn read_link_info(info: &[u8]) -> Option<(String, Certainty)> {
    let header = long(info, 4)?;
    // Only the flag for a path on a drive; network paths are not used.
    if long(info, 8)? & 1 == 0 {
        return None;
    }
    if header >= 0x24 {
        let wide = |at: usize| {
            let start = usize::try_from(long(info, at)?).ok()?;
            Some(wide_text(info.get(start..)?))
        };
        return Some((format!("{}{}", wide(0x1c)?, wide(0x20).unwrap_or_default()), Certainty::Exact));
    }
    let narrow = |at: usize| {
        let start = usize::try_from(long(info, at)?).ok()?;
        let text = info.get(start..)?;
        Some(text.iter().take_while(|byte| **byte != 0).copied().collect::<Vec<u8>>())
    };
    let mut path = narrow(16)?;
    path.extend(narrow(24).unwrap_or_default());
    let certainty = if path.is_ascii() { Certainty::Exact } else { Certainty::Lossy };
    Some((path.into_iter().map(char::from).collect(), certainty))
}

fn write_descriptor(out: &mut Vec<u8>, descriptor: &str) {
    out.extend_from_slice(&DARWIN_SIZE.to_le_bytes());
    out.extend_from_slice(&DARWIN_SIGNATURE.to_le_bytes());
    let mut narrow: Vec<u8> = descriptor.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect();
    narrow.resize(DARWIN_NARROW, 0);
    let mut wide: Vec<u8> = descriptor.encode_utf16().flat_map(u16::to_le_bytes).collect();
    wide.resize(DARWIN_WIDE, 0);
    out.extend_from_slice(&narrow);
    out.extend_from_slice(&wide);
}

/// Section 2.5, ExtraData.
fn read_descriptor(extra: &[u8]) -> Option<String> {
    let block = blocks(extra).find(|block| long(block, 0) == Some(DARWIN_SIGNATURE))?;
    let text = wide_text(block.get(4 + DARWIN_NARROW..)?);
    Some(text).filter(|text| !text.is_empty())
}

/// The blocks of a list in which each begins with its size, that included, which is left out here; a size below that of
/// any block ends the list.
fn blocks(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let size = usize::try_from(long(bytes, 0)?).ok().filter(|size| *size >= 8)?;
        let block = bytes.get(4..size)?;
        bytes = bytes.get(size..)?;
        Some(block)
    })
}

/// Section 2.4, StringData: at most 65535 UTF-16 units, without an end mark.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().take(usize::from(u16::MAX)).collect();
    out.extend_from_slice(&(units.len() as u16).to_le_bytes());
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

fn wide_text(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// 100-ns ticks from 1601 to 1970.
const TICKS_TO_1970: u64 = 116_444_736_000_000_000;

fn file_time(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    TICKS_TO_1970.saturating_add(u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX))
}

fn system_time(ticks: u64) -> Option<SystemTime> {
    let since = ticks.checked_sub(TICKS_TO_1970)?;
    UNIX_EPOCH.checked_add(std::time::Duration::new(since / 10_000_000, (since % 10_000_000) as u32 * 100))
}

/// The bytes that are not read yet.
struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Reader<'b> {
    fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    fn take(&mut self, part: &'static str, needed: usize) -> Result<&'b [u8], ShellLinkError> {
        let rest = self.rest();
        let taken = rest.get(..needed).ok_or(ShellLinkError::CutOff {
            part,
            offset: self.offset,
            needed,
            left: rest.len(),
        })?;
        self.offset += needed;
        Ok(taken)
    }

    fn short(&mut self, part: &'static str) -> Result<u16, ShellLinkError> {
        let bytes = self.take(part, 2)?;
        Ok(short(bytes, 0).unwrap_or(0))
    }

    fn text(&mut self, part: &'static str, unicode: bool) -> Result<String, ShellLinkError> {
        let length = usize::from(self.short(part)?);
        let bytes = self.take(part, if unicode { length * 2 } else { length })?;
        if !unicode {
            return Ok(bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect());
        }
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
            .collect();
        Ok(String::from_utf16_lossy(&units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> ShellLink {
        ShellLink {
            target: WindowsPath::parse(r"C:\Program Files\Größe ☺\a.exe").unwrap(),
            target_facts: TargetFacts {
                is_folder: false,
                len: 12345,
                modified: Some(UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000)),
            },
            description: Some("Beschreibung ü".to_owned()),
            working_directory: Some(r"C:\Program Files".to_owned()),
            arguments: Some("/x \"y\"".to_owned()),
            icon: Some((r"C:\icon.ico".to_owned(), -3)),
            hotkey: 0x0641,
            show: ShowCommand::Minimized,
            descriptor: Some("91Swkev*C?S@5Rqys,uxMain>91Swkev*C?S@5Rqys,ux".to_owned()),
            properties: [
                ("System.AppUserModel.ID", "Reseat.Test"),
                ("System.AppUserModel.PreventPinning", "1"),
            ]
            .iter()
            .filter_map(|(name, value)| LinkProperty::parse(name, value))
            .collect(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let plain = ShellLink::new(WindowsPath::parse(r"C:\a").unwrap());
        let folder = ShellLink {
            target_facts: TargetFacts { is_folder: true, ..TargetFacts::default() },
            ..ShellLink::new(WindowsPath::parse("D:\\").unwrap())
        };
        for link in [full(), plain, folder] {
            assert_eq!(ShellLink::from_bytes(&link.to_bytes()).unwrap(), link);
        }
    }

    #[test]
    fn the_list_of_items_alone_gives_the_target() {
        let link = full();
        let items = items::write(&link.target, &link.target_facts).unwrap();
        assert_eq!(items::read(&items).as_deref(), Some(link.target.as_str()));
    }

    #[test]
    fn every_cut_and_change_is_an_error_or_another_link() {
        let bytes = full().to_bytes();
        for length in 0..bytes.len() {
            let _ = ShellLink::from_bytes(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[position] = value;
                let _ = ShellLink::from_bytes(&changed);
            }
        }
        assert_eq!(ShellLink::from_bytes(b""), Err(ShellLinkError::Header));
        let error = ShellLink::from_bytes(&bytes[..100]).unwrap_err();
        assert!(matches!(error, ShellLinkError::CutOff { part: "the target's list", .. }), "{error}");
    }
}
