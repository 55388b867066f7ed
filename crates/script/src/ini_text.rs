//! The text of an .ini file: lines of `[section]`, `key=value` and anything else, which stays as it is.
//!
//! Names are compared without regard to letter case, and the first section or key with a name is the one, as the functions
//! GetPrivateProfileString and WritePrivateProfileString have it. A file that begins with a byte order mark is in
//! UTF-16 or UTF-8; any other is in code page 1252, in which every byte is a character, so that nothing is lost.

use encoding_rs::WINDOWS_1252;

use crate::edit_ini_file::{IniChange, IniEdit};

/// A line without an end in an otherwise empty file gets this one.
const LINE_END: &str = "\r\n";
/// Separates the tags of a value (page `inifile-table.md`).
const TAG_SEPARATOR: char = ',';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Windows1252,
    Utf8,
    Utf16LittleEndian,
    Utf16BigEndian,
}

/// A text that can be changed. Characters are UTF-16 units, so that damaged ones survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IniText {
    encoding: Encoding,
    /// Each with its end; the last may have none.
    lines: Vec<Vec<u16>>,
    /// Half a character at the end of a damaged file.
    rest: Vec<u8>,
}

impl IniText {
    /// A file that is not there yet. It is made in code page 1252 when that has all characters of these texts.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let fits = texts.into_iter().all(|text| !WINDOWS_1252.encode(text).2);
        let encoding = if fits { Encoding::Windows1252 } else { Encoding::Utf16LittleEndian };
        Self { encoding, lines: Vec::new(), rest: Vec::new() }
    }

    /// Reads a file's bytes.
    pub fn read(bytes: &[u8]) -> Self {
        let utf8 = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).and_then(|rest| std::str::from_utf8(rest).ok());
        let (encoding, units, rest): (_, Vec<u16>, &[u8]) = if let Some(text) = utf8 {
            (Encoding::Utf8, text.encode_utf16().collect(), &[])
        } else if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
            let (pairs, rest) = rest.as_chunks::<2>();
            (Encoding::Utf16LittleEndian, pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect(), rest)
        } else if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
            let (pairs, rest) = rest.as_chunks::<2>();
            (Encoding::Utf16BigEndian, pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect(), rest)
        } else {
            let text = WINDOWS_1252.decode_without_bom_handling(bytes).0;
            (Encoding::Windows1252, text.encode_utf16().collect(), &[])
        };
        let lines = units.split_inclusive(|unit| *unit == u16::from(b'\n')).map(<[u16]>::to_vec).collect();
        Self { encoding, lines, rest: rest.to_vec() }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.rest.is_empty()
    }

    /// The file's bytes. What its encoding does not have becomes a question mark, as on Windows.
    pub fn to_bytes(&self) -> Vec<u8> {
        let units = self.lines.iter().flatten().copied();
        let mut bytes = match self.encoding {
            Encoding::Windows1252 => {
                let mut bytes = Vec::new();
                for character in char::decode_utf16(units) {
                    let mut buffer = [0; 4];
                    let text = character.unwrap_or('?').encode_utf8(&mut buffer);
                    match WINDOWS_1252.encode(text) {
                        (encoded, _, false) => bytes.extend_from_slice(&encoded),
                        _ => bytes.push(b'?'),
                    }
                }
                bytes
            }
            Encoding::Utf8 => {
                let text: String =
                    char::decode_utf16(units).map(|character| character.unwrap_or('?')).collect();
                [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat()
            }
            Encoding::Utf16LittleEndian => {
                [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect()
            }
            Encoding::Utf16BigEndian => {
                [0xfe, 0xff].into_iter().chain(units.flat_map(u16::to_be_bytes)).collect()
            }
        };
        bytes.extend(&self.rest);
        bytes
    }

    /// Makes a change.
    pub fn edit(&mut self, edit: &IniEdit) {
        let (section, key) = (plain(&edit.section), plain(&edit.key));
        let old = self.value(&section, &key);
        let new = match &edit.change {
            IniChange::Set(value) => Some(plain(value)),
            IniChange::Create(value) => Some(old.clone().unwrap_or_else(|| plain(value))),
            IniChange::AddTag(tag) => Some(with_tag(old.as_deref(), &plain(tag))),
            IniChange::Remove => None,
            IniChange::RemoveValue(value) => old.clone().filter(|old| !same(old, &plain(value))),
            IniChange::RemoveTag(tag) => old.as_deref().and_then(|old| without_tag(old, &plain(tag))),
        };
        match new {
            Some(new) if old.as_deref() != Some(&*new) => self.set(&section, &key, &new),
            None if old.is_some() => self.remove(&section, &key),
            _ => {}
        }
    }

    fn value(&self, section: &str, key: &str) -> Option<String> {
        let line = self.line_of(self.section(section)?, key)?;
        Some(entry(self.lines.get(line)?)?.1.trim().to_owned())
    }

    /// The lines of a section, its title first.
    fn section(&self, name: &str) -> Option<(usize, usize)> {
        let begin = self.lines.iter().position(|line| title(line).is_some_and(|found| same(&found, name)))?;
        let after = self.lines.iter().skip(begin + 1).position(|line| title(line).is_some());
        Some((begin, after.map_or(self.lines.len(), |after| begin + 1 + after)))
    }

    fn line_of(&self, (begin, end): (usize, usize), key: &str) -> Option<usize> {
        (begin + 1..end).find(|line| {
            self.lines
                .get(*line)
                .and_then(|line| entry(line))
                .is_some_and(|(found, _)| same(found.trim(), key))
        })
    }

    fn set(&mut self, section: &str, key: &str, value: &str) {
        let lines = self.section(section);
        if let Some(at) = lines.and_then(|lines| self.line_of(lines, key))
            && let Some(line) = self.lines.get_mut(at)
        {
            // Key, equals sign and the space after it stay as they are.
            let (text, end) = split_end(line);
            let text = String::from_utf16_lossy(text);
            let equals = text.find('=').map_or(text.len(), |at| at + 1);
            let (before, after) = text.split_at(equals);
            let space: String = after.chars().take_while(|character| character.is_whitespace()).collect();
            let equals = if before.ends_with('=') { "" } else { "=" };
            let end = end.to_vec();
            *line = format!("{before}{equals}{space}{value}").encode_utf16().chain(end).collect();
            return;
        }
        let end = self.line_end();
        let mut new = vec![format!("{key}={value}")];
        let at = match lines {
            Some((begin, after)) => {
                // Behind the last line that is not blank.
                let last = self.lines.iter().take(after).rposition(|line| !is_blank(line)).unwrap_or(begin);
                last + 1
            }
            None => {
                new.insert(0, format!("[{section}]"));
                self.lines.len()
            }
        };
        if let Some(before) = at.checked_sub(1).and_then(|before| self.lines.get_mut(before))
            && split_end(before).1.is_empty()
        {
            before.extend(&end);
        }
        let new = new.into_iter().map(|text| text.encode_utf16().chain(end.iter().copied()).collect());
        self.lines.splice(at..at, new);
    }

    /// Removes an entry, and its section when that was the last one (page `removeinifile-table.md`).
    fn remove(&mut self, section: &str, key: &str) {
        let Some((begin, end)) = self.section(section) else { return };
        let Some(line) = self.line_of((begin, end), key) else { return };
        self.lines.remove(line);
        let rest = begin + 1..end - 1;
        if rest.clone().any(|line| self.lines.get(line).is_some_and(|line| entry(line).is_some())) {
            return;
        }
        let mut number = 0;
        self.lines.retain(|line| {
            let inside = number == begin || rest.contains(&number);
            number += 1;
            // A remark is nobody's entry and stays.
            !inside || !(title(line).is_some() || is_blank(line))
        });
    }

    /// How lines of this file end.
    fn line_end(&self) -> Vec<u16> {
        let ends = self.lines.iter().map(|line| split_end(line).1);
        ends.into_iter()
            .find(|end| !end.is_empty())
            .map_or_else(|| LINE_END.encode_utf16().collect(), <[u16]>::to_vec)
    }
}

/// The value of an entry in the bytes of an .ini file.
pub fn ini_value(bytes: &[u8], section: &str, key: &str) -> Option<String> {
    IniText::read(bytes).value(&plain(section), &plain(key))
}

/// A text in one line.
fn plain(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ").trim().to_owned()
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn split_end(line: &[u16]) -> (&[u16], &[u16]) {
    let is_end = |unit: &u16| *unit == u16::from(b'\n') || *unit == u16::from(b'\r');
    let length = line.iter().rposition(|unit| !is_end(unit)).map_or(0, |last| last + 1);
    line.split_at(length)
}

fn is_blank(line: &[u16]) -> bool {
    String::from_utf16_lossy(line).trim().is_empty()
}

/// The name of the section that begins with a line.
fn title(line: &[u16]) -> Option<String> {
    let text = String::from_utf16_lossy(line);
    let (name, _) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    Some(name.trim().to_owned())
}

/// The key and the value in a line, with the spaces around them.
fn entry(line: &[u16]) -> Option<(String, String)> {
    let text = String::from_utf16_lossy(split_end(line).0);
    let trimmed = text.trim_start();
    if trimmed.is_empty() || trimmed.starts_with([';', '[']) {
        return None;
    }
    let (key, value) = text.split_once('=').unwrap_or((&text, ""));
    Some((key.to_owned(), value.to_owned()))
}

fn tags(value: &str) -> impl Iterator<Item = &str> {
    value.split(TAG_SEPARATOR).map(str::trim).filter(|tag| !tag.is_empty())
}

fn with_tag(value: Option<&str>, tag: &str) -> String {
    match value.map(str::trim).filter(|value| !value.is_empty()) {
        None => tag.to_owned(),
        Some(value) if tags(value).any(|found| same(found, tag)) => value.to_owned(),
        Some(value) => format!("{value}{TAG_SEPARATOR}{tag}"),
    }
}

/// What stays of a value; nothing when no tag does.
fn without_tag(value: &str, tag: &str) -> Option<String> {
    if !tags(value).any(|found| same(found, tag)) {
        return Some(value.to_owned());
    }
    let rest: Vec<&str> = tags(value).filter(|found| !same(found, tag)).collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use IniChange::*;

    fn edited(text: &[u8], edits: &[(&str, &str, IniChange)]) -> Vec<u8> {
        let mut text = IniText::read(text);
        for (section, key, change) in edits {
            let (section, key) = ((*section).to_owned(), (*key).to_owned());
            text.edit(&IniEdit { section, key, change: change.clone() });
        }
        text.to_bytes()
    }

    #[test]
    fn each_change_touches_its_own_line_and_no_other() {
        let set = |value: &str| Set(value.to_owned());
        let text = "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\nlist=p\n";
        let text: Vec<u8> = WINDOWS_1252.encode(text).0.into_owned();
        let cases: &[(&str, &str, IniChange, &str)] = &[
            ("ONE", "a", set("2"), "; caf\u{e9}\n[One]\nA = 2\n\n[two]\nb=x,y\nlist=p\n"),
            ("one", "C", set("3"), "; caf\u{e9}\n[One]\nA = 1 \nC=3\n\n[two]\nb=x,y\nlist=p\n"),
            ("New", "C", set("3"), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\nlist=p\n[New]\nC=3\n"),
            ("two", "b", AddTag("z".to_owned()), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y,z\nlist=p\n"),
            ("two", "b", AddTag("Y".to_owned()), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\nlist=p\n"),
            ("two", "b", RemoveTag("X".to_owned()), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=y\nlist=p\n"),
            ("two", "list", RemoveTag("p".to_owned()), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\n"),
            ("two", "b", Create("n".to_owned()), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\nlist=p\n"),
            ("two", "b", RemoveValue("n".to_owned()), "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\nlist=p\n"),
            ("one", "a", Remove, "; caf\u{e9}\n[two]\nb=x,y\nlist=p\n"),
            ("one", "none", Remove, "; caf\u{e9}\n[One]\nA = 1 \n\n[two]\nb=x,y\nlist=p\n"),
        ];
        for (section, key, change, expected) in cases {
            let got = edited(&text, &[(section, key, change.clone())]);
            let got = WINDOWS_1252.decode_without_bom_handling(&got).0.into_owned();
            assert_eq!(got, *expected, "{section} {key} {change:?}");
        }
    }

    #[test]
    fn a_new_file_ends_its_lines_as_windows_does_and_goes_with_its_last_entry() {
        let set = Set("1".to_owned());
        assert_eq!(edited(b"", &[("s", "k", set.clone())]), b"[s]\r\nk=1\r\n");
        assert_eq!(edited(b"[s]\r\nk=1\r\n", &[("s", "k", Remove)]), b"");
        assert_eq!(edited(b"[s]\nk=1", &[("s", "j", set)]), b"[s]\nk=1\nj=1\n");
    }

    #[test]
    fn line_breaks_cannot_be_smuggled_in() {
        let value = Set("1\r\n[evil]\nx=2".to_owned());
        assert_eq!(edited(b"", &[("s", "k", value)]), b"[s]\r\nk=1  [evil] x=2\r\n");
    }

    #[test]
    fn texts_with_a_byte_order_mark_keep_their_encoding() {
        let text = "\u{feff}[s]\r\nk=\u{416}\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big, text.as_bytes().to_vec()] {
            let edited = edited(&bytes, &[("s", "k", AddTag("\u{65e5}".to_owned()))]);
            let again = IniText::read(&edited);
            assert_eq!(again.value("S", "K").unwrap(), "\u{416},\u{65e5}");
            assert_eq!(edited.get(..2), bytes.get(..2));
        }
        assert_eq!(edited(b"[s]\n", &[("s", "k", Set("\u{65e5}".to_owned()))]), b"[s]\nk=?\n");
        let mut new = IniText::new(["\u{65e5}"]);
        new.edit(&IniEdit { section: "s".into(), key: "k".into(), change: Set("\u{65e5}".into()) });
        assert!(new.to_bytes().starts_with(&[0xff, 0xfe, b'[', 0]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(IniText::read(&bytes).to_bytes(), bytes);
        }

        #[test]
        fn what_was_added_to_a_section_of_its_own_is_taken_back(text in "(\\[[a-c]\\]\r\n|[x-z]=[0-9]?\r\n|;\r\n|\r\n){0,8}") {
            let added = edited(text.as_bytes(), &[("own", "k", Set("v".to_owned()))]);
            let back = edited(&added, &[("own", "K", Remove)]);
            proptest::prop_assert_eq!(back, text.as_bytes());
        }
    }
}
