//! One section of a registry file: a key with its values, as text until it is asked for.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::registry_path::compare;
use crate::registry_text::{escape, key_path, parse_value, quoted, write_value};
use crate::registry_value::RegistryValue;
use crate::windows_path::fold;

/// A section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Where its text is in the file, as long as it was not changed.
    pub text: Range<usize>,
    read: OnceLock<Box<Content>>,
    pub changed: Option<Box<Content>>,
}

/// A section that was read.
#[derive(Debug, Clone, Default)]
pub struct Content {
    pub path: String,
    pub class: Option<String>,
    pub link: bool,
    /// 100-ns ticks since 1601.
    pub time: u64,
    /// Folded name, name and value, in the order of the folded names.
    pub values: Vec<(String, String, RegistryValue)>,
    /// Lines that could not be understood; they are written back.
    pub unread: Vec<String>,
}

impl Section {
    pub fn unread(text: Range<usize>) -> Self {
        Self { text, read: OnceLock::new(), changed: None }
    }

    pub fn empty(path: String) -> Self {
        let content = Content { path, time: now(), ..Content::default() };
        Self { text: 0..0, read: OnceLock::new(), changed: Some(Box::new(content)) }
    }

    pub fn content(&self, text: &str) -> &Content {
        match &self.changed {
            Some(content) => content,
            None => self.read.get_or_init(|| Box::new(self.parse(text))),
        }
    }

    /// Whether another section, in its own text, is the same to the letter. False for one that was changed.
    pub fn is_written_as(&self, text: &str, other: &Self, other_text: &str) -> bool {
        let is_unchanged = self.changed.is_none() && other.changed.is_none();
        is_unchanged && text.get(self.text.clone()) == other_text.get(other.text.clone())
    }

    fn parse(&self, text: &str) -> Content {
        Content::parse(text.get(self.text.clone()).unwrap_or_default())
    }

    pub fn path(&self, text: &str) -> String {
        if let Some(content) = self.changed.as_ref().or_else(|| self.read.get()) {
            return content.path.clone();
        }
        let line = text.get(self.text.clone()).and_then(|text| text.lines().next()).unwrap_or_default();
        key_path(line).map(|(path, _)| path).unwrap_or_default()
    }

    pub fn change(&mut self, text: &str) -> &mut Content {
        if self.changed.is_none() {
            let read = self.read.take().unwrap_or_else(|| Box::new(self.parse(text)));
            self.changed = Some(read);
        }
        let content = self.changed.get_or_insert_default();
        content.time = now();
        content
    }
}

/// 100-ns ticks from 1601 to 1970.
const TICKS_TO_1970: u64 = 116_444_736_000_000_000;

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TICKS_TO_1970 + u64::try_from(since.as_nanos() / 100).unwrap_or(0)
}

impl Content {
    pub fn parse(section: &str) -> Self {
        let mut content = Self::default();
        let (header, mut rest) = section.split_once('\n').unwrap_or((section, ""));
        if let Some((path, seconds)) = key_path(header) {
            content.path = path;
            let seconds: u64 = seconds.trim().parse().unwrap_or(0);
            content.time = seconds.saturating_mul(10_000_000).saturating_add(TICKS_TO_1970);
        }
        while !rest.is_empty() {
            let mut end = 0;
            // Bytes go on over lines that end with a backslash.
            loop {
                let remaining = rest.get(end..).unwrap_or_default();
                let line = remaining.split_inclusive('\n').next().unwrap_or_default();
                end += line.len();
                if line.is_empty() || !line.trim_end().ends_with('\\') {
                    break;
                }
            }
            let (lines, following) = rest.split_at_checked(end).unwrap_or((rest, ""));
            rest = following;
            let lines = lines.trim_end_matches(['\r', '\n']);
            if lines.is_empty() {
                continue;
            }
            if let Some(time) = lines.strip_prefix("#time=") {
                content.time = u64::from_str_radix(time.trim(), 16).unwrap_or(content.time);
            } else if let Some(class) = lines.strip_prefix("#class=") {
                content.class = quoted(class);
            } else if lines.trim() == "#link" {
                content.link = true;
            } else if let Some((name, value)) = parse_value(lines) {
                content.set(fold(&name), &name, value);
            } else {
                tracing::debug!(key = %content.path, line = lines, "a line of the registry is not understood");
                content.unread.push(lines.to_owned());
            }
        }
        content
    }

    /// Whether another section of the key differs in its time at most.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let form = |content: &Self| (content.link, content.class.clone(), content.unread.clone());
        self.values == other.values && form(self) == form(other)
    }

    /// Takes what is no value from an earlier state of the key, where there is nothing of it: that was lost with the key.
    pub fn take_form_of(&mut self, old: &Self) {
        self.link |= old.link;
        if self.class.is_none() {
            self.class.clone_from(&old.class);
        }
        if self.unread.is_empty() {
            self.unread.clone_from(&old.unread);
        }
    }

    pub fn get(&self, name: &str) -> Option<&RegistryValue> {
        let folded = fold(name);
        let position = self.values.binary_search_by(|(known, ..)| compare(known, &folded)).ok()?;
        self.values.get(position).map(|(_, _, value)| value)
    }

    /// Removes a value if it is there.
    pub fn remove(&mut self, name: &str) {
        let folded = fold(name);
        if let Ok(position) = self.values.binary_search_by(|(known, ..)| compare(known, &folded)) {
            self.values.remove(position);
        }
    }

    pub fn set(&mut self, folded: String, name: &str, value: RegistryValue) {
        match self.values.binary_search_by(|(known, ..)| compare(known, &folded)) {
            Ok(position) => {
                if let Some((_, _, old)) = self.values.get_mut(position) {
                    *old = value;
                }
            }
            Err(position) => {
                if self.values.is_empty() {
                    // Most keys that are made have one value: those of components.
                    self.values.reserve_exact(1);
                }
                self.values.insert(position, (folded, name.to_owned(), value));
            }
        }
    }

    pub fn write(&self, out: &mut String) {
        out.push('[');
        escape(out, &self.path, "[]");
        let seconds = self.time.saturating_sub(TICKS_TO_1970) / 10_000_000;
        out.push_str(&format!("] {seconds}\n#time={:x}\n", self.time));
        if let Some(class) = &self.class {
            out.push_str("#class=\"");
            escape(out, class, "\"");
            out.push_str("\"\n");
        }
        if self.link {
            out.push_str("#link\n");
        }
        for (_, name, value) in &self.values {
            write_value(out, name, value);
        }
        for line in &self.unread {
            out.push_str(line);
            out.push('\n');
        }
    }
}
