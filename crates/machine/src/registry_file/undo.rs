//! What undoes changes of a part of the registry, key by key, and undoing them.
//!
//! A key that is changed is remembered as its section was before, with the names of the values that are changed. Undoing
//! gives these values what they were and leaves all others alone: what programs wrote meanwhile stays. A key that is then as it
//! was gets its section back to the letter, with its time.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RegistryFile;
use crate::registry_path::Folded;
use crate::registry_section::{Content, Section};
use crate::windows_path::fold;

/// What a text was, to know it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Bytes.
    length: u64,
    crc: u32,
}

impl Fingerprint {
    pub fn of(text: &str) -> Self {
        Self { length: text.len() as u64, crc: crc32fast::hash(text.as_bytes()) }
    }
}

/// What undoes the changes of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUndo {
    /// The key, from the part's root and without links.
    path: String,
    /// Its section; nothing when it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    /// The values that are changed, of a key that is removed all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    /// Whether the section goes with the changes: the key, or all that it had besides sub-keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    goes: bool,
    /// How many names of the path were there.
    existing: usize,
}

impl KeyUndo {
    /// About how many bytes it takes in a journal.
    pub fn size(&self) -> usize {
        let names: usize = self.values.iter().map(|name| name.len() + 4).sum();
        self.path.len() + self.old.as_ref().map_or(0, String::len) + names + 64
    }
}

impl RegistryFile {
    /// Remembers a section that is about to be changed or removed, unless it was changed before.
    pub(super) fn remember(&mut self, key: &Folded) {
        if self.before.contains_key(key) {
            return;
        }
        let old = self.sections.get(key).map(|section| match &section.changed {
            Some(content) => {
                let mut text = String::new();
                content.write(&mut text);
                text
            }
            // Empty lines between sections belong to none.
            None => {
                let text = self.text.get(section.text.clone()).unwrap_or_default();
                format!("{}\n", text.trim_end_matches('\n'))
            }
        });
        self.before.insert(key.clone(), old);
    }

    /// What the part was when it was read or saved last.
    pub fn fingerprint(&self) -> Fingerprint {
        self.saved.unwrap_or_else(|| Fingerprint::of(&self.text))
    }

    /// What undoes all that was changed since the part was read or saved.
    pub fn undoing(&self) -> Vec<KeyUndo> {
        let mut known = HashMap::new();
        let undo = self.before.iter().filter_map(|(key, old)| {
            let section = self.sections.get(key).map(|section| section.content(&self.text));
            let parsed = old.as_deref().map(Content::parse);
            let path = parsed.as_ref().or(section)?.path.clone();
            let value = |content: Option<&Content>, name: &str| content.and_then(|it| it.get(name).cloned());
            let is_changed = |name: &str| value(parsed.as_ref(), name) != value(section, name);
            let old_names = parsed.iter().flat_map(|content| &content.values);
            let is_new = |name: &str| parsed.as_ref().is_none_or(|content| content.get(name).is_none());
            let new_names = section.into_iter().flat_map(|content| &content.values);
            let new_names = new_names.filter(|(_, name, _)| is_new(name));
            let names = old_names.chain(new_names).map(|(_, name, _)| name);
            let values = names.filter(|name| is_changed(name)).cloned().collect();
            let existing = self.existing(&path, &mut known);
            Some(KeyUndo { path, old: old.clone(), values, goes: section.is_none(), existing })
        });
        undo.collect()
    }

    /// How many names of a path were there before the changes.
    fn existing(&self, path: &str, known: &mut HashMap<String, bool>) -> usize {
        let folded = fold(path);
        let ends: Vec<usize> = folded.match_indices('\\').map(|(end, _)| end).chain([folded.len()]).collect();
        for (above, end) in ends.iter().enumerate().rev() {
            let Some(name) = folded.get(..*end) else { continue };
            let existed = match known.get(name) {
                Some(existed) => *existed,
                None => {
                    let existed = self.existed(&Folded::ready(name));
                    known.insert(name.to_owned(), existed);
                    existed
                }
            };
            if existed {
                return above + 1;
            }
        }
        0
    }

    fn existed(&self, key: &Folded) -> bool {
        let was_there = |key: &Folded| !matches!(self.before.get(key), Some(None));
        let removed = |key: &Folded| matches!(self.before.get(key), Some(Some(_)));
        let behind = (Bound::Excluded(key), Bound::Unbounded);
        (self.sections.contains_key(key) && was_there(key))
            || removed(key)
            || self.below(key, None).any(|(below, _)| was_there(below))
            || self
                .before
                .range(behind)
                .take_while(|(below, _)| below.is_below(key))
                .any(|(_, old)| old.is_some())
    }

    /// Undoes changes, whether or not they were made or are undone already.
    pub fn undo(&mut self, keys: &[KeyUndo]) {
        let mut made = Vec::new();
        for key in keys {
            let folded = Folded::ready(fold(&key.path));
            let now = self.sections.get(&folded).map(|section| section.content(&self.text).clone());
            let old = key.old.as_deref().map(Content::parse);
            if now.is_none() && old.is_some() && !key.goes {
                // Somebody else removed it, or it is undone that it was made.
                continue;
            }
            let Some(content) = undone(key, old.as_ref(), now.clone()) else {
                let was_there = self.sections.remove(&folded).is_some();
                self.links.remove(&*folded.text());
                self.changed |= was_there;
                made.push((key, was_there));
                continue;
            };
            match (&key.old, &old) {
                (Some(text), Some(old)) if old.says_the_same(&content) => {
                    let all = Arc::make_mut(&mut self.text);
                    let start = all.len();
                    all.push_str(text);
                    let section = Section::unread(start..all.len());
                    self.sections.insert(folded.clone(), section);
                }
                _ if now.as_ref().is_some_and(|now| now.says_the_same(&content)) => continue,
                _ => {
                    let section = self.section(&key.path, folded.clone());
                    *section = Content { time: section.time, ..content };
                }
            }
            self.changed = true;
            if old.is_some_and(|old| old.link) {
                self.note_link(&folded);
            }
        }
        for (key, was_there) in made {
            self.undo_path(key, was_there);
        }
    }

    /// What is above a key that was made: what was made with it goes, and what was there before stays.
    fn undo_path(&mut self, key: &KeyUndo, was_there: bool) {
        let names: Vec<&str> = key.path.split('\\').collect();
        let existing = key.existing.min(names.len());
        for above in (existing + 1..names.len()).rev() {
            let folded = Folded::ready(fold(&names.get(..above).unwrap_or_default().join("\\")));
            let section = self.sections.get(&folded).map(|section| section.content(&self.text));
            if section.is_some_and(|content| content.values.is_empty())
                && self.below(&folded, None).next().is_none()
            {
                self.sections.remove(&folded);
                self.changed = true;
            }
        }
        let path = names.get(..existing).unwrap_or_default().join("\\");
        let folded = Folded::ready(fold(&path));
        if was_there && !self.has(&folded) {
            self.section(&path, folded);
        }
    }
}

/// What a key has to be, from what it is now; nothing when it is to go.
fn undone(key: &KeyUndo, old: Option<&Content>, now: Option<Content>) -> Option<Content> {
    let changed: HashSet<String> = key.values.iter().map(|name| fold(name)).collect();
    let Some(old) = old else {
        let mut content = now?;
        content.values.retain(|(folded, ..)| !changed.contains(folded));
        return (!content.values.is_empty()).then_some(content);
    };
    let mut content = match now {
        Some(mut content) => {
            content.take_form_of(old);
            content.values.retain(|(folded, ..)| !changed.contains(folded));
            content
        }
        None => Content { values: Vec::new(), ..old.clone() },
    };
    for (folded, name, value) in old.values.iter().filter(|(folded, ..)| changed.contains(folded)) {
        content.set(folded.clone(), name, value.clone());
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A change of a key by its number, by us or by others.
    #[derive(Debug, Clone)]
    enum Step {
        Set(usize, usize, u32),
        Remove(usize, usize),
        Create(usize),
        Drop(usize),
    }

    const KEYS: [&str; 8] =
        ["S\\A", "S\\A\\B", "S\\A\\B\\C", "S\\D", "S\\D\\Ä[x]\\E", "S\\New\\F", "S\\New\\G", "T"];
    const NAMES: [&str; 3] = ["", "One", "two"];

    fn take(file: &mut RegistryFile, step: &Step, keys: &[&str]) {
        match *step {
            Step::Set(key, name, value) => file.set_value(keys[key], NAMES[name], value.into()),
            Step::Remove(key, name) => drop(file.remove_value(keys[key], NAMES[name])),
            Step::Create(key) => drop(file.create_key(keys[key])),
            Step::Drop(key) => drop(file.remove_key(keys[key])),
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..KEYS.len(), 0..NAMES.len(), 0..3u32).prop_map(|(key, name, value)| Step::Set(key, name, value)),
            2 => (0..KEYS.len(), 0..NAMES.len()).prop_map(|(key, name)| Step::Remove(key, name)),
            1 => (0..KEYS.len()).prop_map(Step::Create),
            2 => (0..KEYS.len()).prop_map(Step::Drop),
        ]
    }

    const START: &str = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n\n\
        [S\\\\A] 1\n#time=1da17e2b5e2e000\n\"One\"=dword:00000000\n\n\
        [S\\\\A\\\\B\\\\C] 1\n#time=1da17e2b5e2e001\n#class=\"k\"\n@=\"x\"\n\"odd\"=hex(2a):01\nwhat is this\n\n\
        [S\\\\D] 1\n#time=1da17e2b5e2e002\n";

    fn parse(text: &str) -> RegistryFile {
        RegistryFile::parse(text.as_bytes().to_vec()).unwrap()
    }

    /// The values of all keys.
    fn content(text: &str) -> Vec<(String, Vec<(String, crate::registry_value::RegistryValue)>)> {
        let file = parse(text);
        let keys = KEYS.iter().chain(["S", "S\\New", "S\\Others", "S\\A\\Others", "S\\New\\Others"].iter());
        keys.filter(|key| file.exists(key)).map(|key| ((*key).to_owned(), file.values(key))).collect()
    }

    #[test]
    fn undoing_all_of_it_twice_makes_no_key_again() {
        let mut file = parse(START);
        let mut undo = Vec::new();
        for (key, name) in [(5, 0), (6, 0), (6, 1)] {
            take(&mut file, &Step::Set(key, name, 0), &KEYS);
            undo.push(file.undoing());
            let text = file.to_text();
            file.saved(&text);
        }
        for keys in undo.iter().rev().chain(undo.iter().rev()) {
            file = parse(&file.to_text());
            file.undo(keys);
        }
        assert_eq!(file.to_text(), START);
    }

    #[test]
    fn a_key_that_somebody_else_removed_is_not_made_again() {
        let mut file = parse(START);
        file.set_value("S\\D", "One", 1.into());
        let undo = file.undoing();
        let mut file = parse(&file.to_text());
        file.remove_key("S\\D");
        file.undo(&undo);
        assert!(!file.exists("S\\D"));
    }

    proptest! {
        #[test]
        fn what_nobody_else_changed_is_to_the_letter_what_it_was(
            batches in prop::collection::vec(prop::collection::vec(step(), 0..8), 1..4),
            cut_off_after in 0..5usize,
            reads in any::<bool>(),
        ) {
            let mut file = parse(START);
            let mut undo = Vec::new();
            let mut texts = vec![START.to_owned()];
            for batch in &batches {
                batch.iter().for_each(|step| take(&mut file, step, &KEYS));
                undo.push(file.undoing());
                let text = file.to_text();
                file.saved(&text);
                if reads {
                    file = parse(&text);
                }
                texts.push(text);
            }
            let mut text = texts.pop().unwrap();
            // Cut off after some, and begun again.
            for most in [cut_off_after, undo.len()] {
                for keys in undo.iter().rev().take(most) {
                    let mut file = parse(&text);
                    file.undo(keys);
                    text = file.to_text();
                    if let Some(before) = texts.pop() {
                        prop_assert_eq!(&text, &before);
                    }
                }
                texts.clear();
            }
            prop_assert_eq!(text, START);
        }

        #[test]
        fn what_others_wrote_meanwhile_stays(
            ours in prop::collection::vec(step(), 0..8),
            theirs in prop::collection::vec((0..3usize, 0..NAMES.len(), 5..8u32), 0..5),
        ) {
            const THEIRS: [&str; 3] = ["S\\Others", "S\\A\\Others", "S\\New\\Others"];
            let meddle = |file: &mut RegistryFile| {
                for (key, name, value) in &theirs {
                    file.set_value(THEIRS[*key], NAMES[*name], (*value).into());
                }
                // A value of their own beside ours.
                file.set_value("S\\D", "theirs", 1.into());
            };
            let mut file = parse(START);
            ours.iter().for_each(|step| take(&mut file, step, &KEYS));
            let undo = file.undoing();
            let mut file = parse(&file.to_text());
            meddle(&mut file);
            let mut file = parse(&file.to_text());
            file.undo(&undo);
            let mut expected = parse(START);
            meddle(&mut expected);
            prop_assert_eq!(content(&file.to_text()), content(&expected.to_text()));
        }
    }
}
