//! One registry file of a Wine prefix: a part of the registry as text.
//!
//! The file has a line that names the format, a comment that names the part, `#arch=`, and then sections: `[path] seconds`,
//! `#time=` (100-ns ticks since 1601, hexadecimal), perhaps `#class="…"` and `#link`, and the values. Only keys that have
//! values, or no sub-keys, have a section; the others exist because something is below them.
//!
//! Sections stay text until one of their values is asked for, and a section that was not changed is written back byte for
//! byte. Which file holds which part of the registry is not known here, see `registry.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, Range};
use std::sync::Arc;

use crate::machine::Bitness;
use crate::registry_path::Folded;
use crate::registry_section::{Content, Section};
use crate::registry_text::escape;
use crate::registry_value::RegistryValue;
use crate::windows_path::fold;

const FORMAT: &str = "WINE REGISTRY Version 2";
/// The name of the value that holds the target of a link.
const LINK_VALUE: &str = "SymbolicLinkValue";
/// So many links are followed in one path.
const MOST_LINKS: usize = 32;

/// Why a registry file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryFileError {
    /// It cannot be read from disk.
    #[error("it cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The first line is not the one of this format.
    #[error("the first line is '{got}', not 'WINE REGISTRY Version 2'")]
    Format {
        /// The line.
        got: String,
    },
    /// There are bytes that are no text.
    #[error("the bytes at offset {offset} are not UTF-8")]
    NotText {
        /// Where they are.
        offset: usize,
    },
    /// The file is larger than any registry.
    #[error("it has {got} bytes, at most {most} are read")]
    TooLarge {
        /// Its size.
        got: u64,
        /// The limit.
        most: u64,
    },
    /// A line that starts a section does not name a key.
    #[error("line {line} starts a section but names no key: '{text}'")]
    Section {
        /// The line's number, from 1.
        line: usize,
        /// The line's beginning.
        text: String,
    },
}

/// The offsets of lines that begin with a bracket or a number sign.
fn line_marks(text: &[u8]) -> impl Iterator<Item = usize> {
    const STEP: usize = 32;
    let marked = |byte: u8| byte == b'[' || byte == b'#';
    text.chunks(STEP)
        .enumerate()
        .filter(move |(_, chunk)| {
            // Without an early end, so that the processor takes the chunk as a whole.
            chunk.iter().fold(false, |found, byte| found | marked(*byte))
        })
        .flat_map(move |(number, chunk)| {
            let start = number * STEP;
            let marks = chunk.iter().enumerate().filter(move |(_, byte)| marked(**byte));
            marks.map(move |(at, _)| start + at)
        })
        .filter(|offset| offset.checked_sub(1).is_none_or(|before| text.get(before) == Some(&b'\n')))
}

/// A part of the registry, as one file holds it. Paths are those of keys from the part's root, without links.
#[derive(Debug, Clone)]
pub struct RegistryFile {
    text: Arc<String>,
    /// Everything before the first section.
    preamble: Range<usize>,
    root: String,
    sections: BTreeMap<Folded, Section>,
    /// Folded paths of links, with their targets in this file.
    links: HashMap<Box<str>, String>,
    changed: bool,
    /// The sections that were changed since the part was read or saved, as they were before; nothing for a new one.
    before: BTreeMap<Folded, Option<String>>,
    /// What was saved last; before that it is the text that was read.
    saved: Option<Fingerprint>,
}

impl RegistryFile {
    /// An empty part; `root` is the name of its root, such as `REGISTRY\Machine`.
    pub fn new(root: &str, bitness: Bitness) -> Self {
        let arch = match bitness {
            Bitness::X64 => "win64",
            Bitness::X86 => "win32",
        };
        let mut text = format!("{FORMAT}\n;; All keys relative to ");
        escape(&mut text, root, "");
        text.push_str(&format!("\n\n#arch={arch}\n"));
        Self {
            preamble: 0..text.len(),
            text: Arc::new(text),
            root: root.to_owned(),
            sections: BTreeMap::new(),
            links: HashMap::new(),
            changed: true,
            before: BTreeMap::new(),
            saved: None,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is not text of this format.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, RegistryFileError> {
        let text = String::from_utf8(bytes)
            .map_err(|error| RegistryFileError::NotText { offset: error.utf8_error().valid_up_to() })?;
        let first = text.lines().next().unwrap_or_default();
        if first.trim_end() != FORMAT {
            return Err(RegistryFileError::Format { got: first.chars().take(60).collect() });
        }
        let text = Arc::new(text);
        let mut file = Self {
            preamble: 0..text.len(),
            text: Arc::clone(&text),
            root: String::new(),
            sections: BTreeMap::new(),
            links: HashMap::new(),
            changed: false,
            before: BTreeMap::new(),
            saved: None,
        };
        let mut found: Vec<(Folded, Range<usize>)> = Vec::with_capacity(text.len() / 128);
        let mut links = Vec::new();
        for offset in line_marks(text.as_bytes()) {
            let line = text.get(offset..).unwrap_or_default();
            if line.starts_with('[') {
                let folded = Folded::header(&text, offset).ok_or_else(|| RegistryFileError::Section {
                    line: text.get(..offset).map_or(0, |before| before.matches('\n').count()) + 1,
                    text: line.lines().next().unwrap_or_default().chars().take(60).collect(),
                })?;
                match found.last_mut() {
                    Some((_, range)) => range.end = offset,
                    None => file.preamble.end = offset,
                }
                found.push((folded, offset..text.len()));
            } else if line.starts_with("#link")
                && line.lines().next().is_some_and(|line| line.trim_end() == "#link")
            {
                links.extend(found.last().map(|(key, _)| key.clone()));
            }
        }
        for line in text.get(file.preamble.clone()).unwrap_or_default().lines() {
            if let Some(root) = line.trim_end().strip_prefix(";; All keys relative to ") {
                file.root = root.replace("\\\\", "\\");
            }
        }
        if !found.is_sorted_by(|(left, _), (right, _)| left < right) {
            file.insert_unsorted(found);
        } else {
            let sections = found.into_iter().map(|(key, text)| (key, Section::unread(text)));
            file.sections = sections.collect();
        }
        for key in links {
            file.note_link(&key);
        }
        Ok(file)
    }

    /// Sections in an order that is not ours, or twice: a later one adds to an earlier one.
    fn insert_unsorted(&mut self, found: Vec<(Folded, Range<usize>)>) {
        for (key, range) in found {
            let section = Section::unread(range);
            let Some(earlier) = self.sections.get_mut(&key) else {
                self.sections.insert(key, section);
                continue;
            };
            let later = section.content(&self.text).clone();
            let content = earlier.change(&self.text);
            for (folded, name, value) in later.values {
                content.set(folded, &name, value);
            }
        }
    }

    fn note_link(&mut self, key: &Folded) {
        let Some(content) = self.sections.get(key).map(|section| section.content(&self.text)) else { return };
        let Some(RegistryValue::Other { data, .. }) = content.get(LINK_VALUE) else { return };
        let units: Vec<u16> =
            data.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?))).collect();
        let target = String::from_utf16_lossy(&units);
        let target = target.trim_end_matches('\0').trim_start_matches('\\');
        let inside = target.split_at_checked(self.root.len());
        let Some((root, path)) = inside else { return };
        if root.eq_ignore_ascii_case(&self.root) && path.starts_with('\\') {
            self.links.insert(key.text().into(), path.trim_start_matches('\\').to_owned());
        } else {
            tracing::debug!(key = %content.path, target, "a link leads to another part of the registry");
        }
    }

    /// The name of the root, such as `REGISTRY\Machine`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Whether there are changes that [`RegistryFile::to_text`] was not asked for since.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Says that the changes are on disk, in this text.
    pub fn saved(&mut self, text: &str) {
        self.changed = false;
        self.before.clear();
        self.saved = Some(Fingerprint::of(text));
    }

    /// Whether nothing was changed since it was read from this text.
    pub fn is_read_from(&self, text: &[u8]) -> bool {
        !self.changed && self.saved.is_none() && self.text.as_bytes() == text
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// The whole file.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 1024);
        out.push_str(self.text.get(self.preamble.clone()).unwrap_or_default());
        for section in self.sections.values() {
            if !out.ends_with("\n\n") {
                out.push('\n');
            }
            match &section.changed {
                Some(content) => content.write(&mut out),
                None => out.push_str(self.text.get(section.text.clone()).unwrap_or_default()),
            }
        }
        // What is the last section now had another one behind it.
        if out.ends_with("\n\n") && !self.text.ends_with("\n\n") {
            out.pop();
        }
        out
    }

    /// The path without links in it; nothing when links lead round in circles or out of the file.
    fn resolve(&self, path: &str) -> Option<String> {
        let mut path = path.trim_matches('\\').to_owned();
        if self.links.is_empty() {
            return Some(path);
        }
        'again: for _ in 0..MOST_LINKS {
            let folded = fold(&path);
            // Folding may change the number of bytes, so the path is cut by the number of components.
            let ends = folded.match_indices('\\').map(|(end, _)| end).chain([folded.len()]);
            for (components, end) in ends.enumerate() {
                let Some(target) = folded.get(..end).and_then(|prefix| self.links.get(prefix)) else {
                    continue;
                };
                let rest: Vec<&str> = path.split('\\').skip(components + 1).collect();
                path =
                    if rest.is_empty() { target.clone() } else { format!("{target}\\{}", rest.join("\\")) };
                continue 'again;
            }
            return Some(path);
        }
        tracing::warn!(key = %path, "links of the registry lead round in circles");
        None
    }

    /// Whether a key is itself a link.
    pub fn is_link(&self, path: &str) -> bool {
        self.links.contains_key(&*fold(path))
    }

    fn key(&self, path: &str) -> Option<Folded> {
        Some(Folded::ready(fold(&self.resolve(path)?)))
    }

    fn content(&self, key: &Folded) -> Option<&Content> {
        Some(self.sections.get(key)?.content(&self.text))
    }

    /// Whether a key exists.
    pub fn exists(&self, path: &str) -> bool {
        self.key(path).is_some_and(|key| self.has(&key))
    }

    /// Whether a key has neither values nor sub-keys, or does not exist.
    pub fn is_empty_key(&self, path: &str) -> bool {
        self.key(path).is_none_or(|key| {
            self.content(&key).is_none_or(|content| content.values.is_empty())
                && self.below(&key, None).next().is_none()
        })
    }

    fn has(&self, key: &Folded) -> bool {
        key.is_root() || self.sections.contains_key(key) || self.below(key, None).next().is_some()
    }

    /// The sections below a key, after a place among them.
    fn below<'f>(
        &'f self,
        key: &'f Folded,
        after: Option<Folded>,
    ) -> impl Iterator<Item = (&'f Folded, &'f Section)> + use<'f> {
        let start = after.unwrap_or_else(|| key.clone());
        self.sections
            .range((Bound::Excluded(start), Bound::Unbounded))
            .take_while(move |(below, _)| below.is_below(key))
    }

    /// The keys that are not written alike in this and another state of the part, in either; but links.
    pub(crate) fn differing(&self, other: &Self) -> BTreeSet<String> {
        let only_in = |one: &Self, other: &Self| -> Vec<String> {
            let differs = |key: &Folded, section: &Section| match other.sections.get(key) {
                Some(theirs) => !section.is_written_as(&one.text, theirs, &other.text),
                None => true,
            };
            let differing = one.sections.iter().filter(|(key, section)| differs(key, section));
            let differing = differing.filter(|(key, _)| !one.links.contains_key(&*key.text()));
            differing.map(|(_, section)| section.path(&one.text)).collect()
        };
        only_in(self, other).into_iter().chain(only_in(other, self)).collect()
    }

    /// The names of a key's direct sub-keys.
    pub fn sub_keys(&self, path: &str) -> Vec<String> {
        let Some(key) = self.key(path) else { return Vec::new() };
        let depth = if key.is_root() { 0 } else { key.text().split('\\').count() };
        let mut names = Vec::new();
        let mut after = None;
        loop {
            let Some((below, section)) = self.below(&key, after.take()).next() else { return names };
            let path = section.path(&self.text);
            names.extend(path.split('\\').nth(depth).map(str::to_owned));
            // What comes after everything below this sub-key: a null is next after a separator.
            let below = below.text();
            let sub_key: Vec<&str> = below.split('\\').take(depth + 1).collect();
            after = Some(Folded::ready(format!("{}\0", sub_key.join("\\"))));
        }
    }

    /// A value of a key; the empty name is the default value.
    pub fn value(&self, path: &str, name: &str) -> Option<&RegistryValue> {
        self.content(&self.key(path)?)?.get(name)
    }

    /// The names and values of a key, in the order of names.
    pub fn values(&self, path: &str) -> Vec<(String, RegistryValue)> {
        let content = self.key(path).and_then(|key| self.content(&key));
        let values = content.into_iter().flat_map(|content| &content.values);
        values.map(|(_, name, value)| (name.clone(), value.clone())).collect()
    }

    /// Creates a key and what is missing above it. False when it was there.
    pub fn create_key(&mut self, path: &str) -> bool {
        let Some(path) = self.resolve(path) else { return false };
        let key = Folded::ready(fold(&path));
        let was_there = self.has(&key);
        if !was_there {
            self.section(&path, key);
        }
        !was_there
    }

    /// Marks a section as changed and gives its content, creating it when there is none.
    fn section(&mut self, path: &str, key: Folded) -> &mut Content {
        self.changed = true;
        self.remember(&key);
        let spelled = if self.sections.contains_key(&key) { String::new() } else { self.spelling(path) };
        let section = self.sections.entry(key).or_insert_with(|| Section::empty(spelled));
        section.change(&self.text)
    }

    /// The path with the part that exists spelled as it exists.
    fn spelling(&self, path: &str) -> String {
        let mut end = path.len();
        while let Some((start, _)) = path.get(..end).and_then(|part| part.rmatch_indices('\\').next()) {
            end = start;
            let above = path.get(..end).unwrap_or_default();
            let key = Folded::ready(fold(above));
            let section =
                self.sections.get(&key).or_else(|| self.below(&key, None).next().map(|(_, section)| section));
            let Some(section) = section else { continue };
            let spelled = section.path(&self.text);
            let depth = above.split('\\').count();
            let known: Vec<&str> = spelled.split('\\').take(depth).collect();
            return format!("{}{}", known.join("\\"), path.get(end..).unwrap_or_default());
        }
        path.to_owned()
    }

    /// Sets a value, creating the key when it is missing.
    pub fn set_value(&mut self, path: &str, name: &str, value: RegistryValue) {
        let Some(path) = self.resolve(path) else { return };
        let key = Folded::ready(fold(&path));
        if self.content(&key).and_then(|content| content.get(name)) == Some(&value) {
            return;
        }
        self.section(&path, key).set(fold(name), name, value);
    }

    /// Makes a key a link to another, both from this part's root.
    pub fn set_link(&mut self, path: &str, target: &str) {
        let whole = format!("\\{}\\{target}", self.root);
        let data = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let value = RegistryValue::Other { kind: crate::registry_value::REG_LINK, data };
        let key = Folded::ready(fold(path));
        let content = self.section(path, key.clone());
        content.link = true;
        content.set(fold(LINK_VALUE), LINK_VALUE, value);
        self.note_link(&key);
    }

    /// Removes a value. False when there was none.
    pub fn remove_value(&mut self, path: &str, name: &str) -> bool {
        let Some(path) = self.resolve(path) else { return false };
        let key = Folded::ready(fold(&path));
        if self.content(&key).is_none_or(|content| content.get(name).is_none()) {
            return false;
        }
        self.section(&path, key).remove(name);
        true
    }

    /// Removes a key with everything below it. False when there was none.
    pub fn remove_key(&mut self, path: &str) -> bool {
        let Some(path) = self.resolve(path) else { return false };
        let key = Folded::ready(fold(&path));
        if key.is_root() || !self.has(&key) {
            return false;
        }
        let mut doomed: Vec<Folded> = self.below(&key, None).map(|(below, _)| below.clone()).collect();
        doomed.push(key);
        let above = path.rsplit_once('\\').map(|(above, _)| self.spelling_of_existing(above));
        for key in doomed {
            self.remember(&key);
            self.sections.remove(&key);
            self.links.remove(&*key.text());
        }
        self.changed = true;
        // A key that existed only because of this one still exists.
        if let Some(above) = above {
            let key = Folded::ready(fold(&above));
            if !self.has(&key) {
                self.section(&above, key);
            }
        }
        true
    }

    fn spelling_of_existing(&self, path: &str) -> String {
        // With a component added, the whole path is what exists.
        let spelled = self.spelling(&format!("{path}\\x"));
        spelled.rsplit_once('\\').map_or_else(|| path.to_owned(), |(above, _)| above.to_owned())
    }
}

#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod undo;

use undo::Fingerprint;
