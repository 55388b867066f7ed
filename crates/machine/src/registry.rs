//! The registry of the machine: hives and views, and the files of the prefix that hold them.
//!
//! `system.reg` is HKEY_LOCAL_MACHINE, `user.reg` HKEY_CURRENT_USER, and `userdef.reg` HKEY_USERS\.Default.
//! HKEY_CLASSES_ROOT is a view of `Software\Classes` of the user and the machine (page `SysInfo/hkey-classes-root-key.md`).
//! What a 32-bit program sees on a 64-bit machine follows the page `WinProg64/shared-registry-keys.md`; a prefix that has
//! links for the shared keys, as Wine makes them, is followed instead, so that its own programs agree with us.
//!
//! Changes are made in memory; [`Machine::save_registry`](crate::Machine::save_registry) writes them. They are remembered
//! until then, so that a file that another program changed meanwhile can be read again without losing them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::Bitness;
use crate::registry_file::RegistryFile;
use crate::registry_key::{ClassesOf, Hive, RegistryError, RegistryKey, View, check_key, check_value_name};
use crate::registry_value::RegistryValue;
use crate::registry_view::{wow32_machine_path, wow32_user_path};
use crate::windows_path::fold;
/// One of the files that hold the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// `system.reg`.
    Machine,
    /// `user.reg`.
    User,
    /// `userdef.reg`.
    Default,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Machine, Self::User, Self::Default];

    /// The name of its file in the prefix.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Machine => "system.reg",
            Self::User => "user.reg",
            Self::Default => "userdef.reg",
        }
    }

    pub(crate) const fn position(self) -> usize {
        match self {
            Self::Machine => 0,
            Self::User => 1,
            Self::Default => 2,
        }
    }
}

/// A change that is not on disk yet. Paths are from the part's root.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    SetValue { path: String, name: String, value: RegistryValue },
    RemoveValue { path: String, name: String },
    CreateKey { path: String },
    RemoveKey { path: String },
}

impl Change {
    fn apply(self, file: &mut RegistryFile) -> bool {
        match self {
            Self::SetValue { path, name, value } => {
                file.set_value(&path, &name, value);
                true
            }
            Self::RemoveValue { path, name } => file.remove_value(&path, &name),
            Self::CreateKey { path } => file.create_key(&path),
            Self::RemoveKey { path } => file.remove_key(&path),
        }
    }
}

/// The parts in memory, with what was changed since they were read.
#[derive(Debug)]
pub(crate) struct Parts {
    files: [RegistryFile; 3],
    changes: [Vec<Change>; 3],
}

impl Parts {
    pub(crate) fn new(files: [RegistryFile; 3]) -> Self {
        Self { files, changes: Default::default() }
    }

    pub(crate) fn file(&self, part: Part) -> &RegistryFile {
        let [machine, user, default] = &self.files;
        match part {
            Part::Machine => machine,
            Part::User => user,
            Part::Default => default,
        }
    }

    pub(crate) fn file_mut(&mut self, part: Part) -> &mut RegistryFile {
        let [machine, user, default] = &mut self.files;
        match part {
            Part::Machine => machine,
            Part::User => user,
            Part::Default => default,
        }
    }

    /// Puts a newly read file in the place of a part, with the changes that are not on disk yet made to it again.
    pub(crate) fn replace(&mut self, part: Part, mut file: RegistryFile) {
        for change in self.changes.get(part.position()).into_iter().flatten() {
            change.clone().apply(&mut file);
        }
        if !file.is_changed() {
            // Somebody else made the same changes; from now on they are theirs.
            self.forget_changes(part);
        }
        *self.file_mut(part) = file;
    }

    /// Says that the changes of a part are on disk, in this text.
    pub(crate) fn saved(&mut self, part: Part, text: &str) {
        self.file_mut(part).saved(text);
        self.forget_changes(part);
    }

    /// The parts with changes that are not on disk.
    pub(crate) fn changed(&self) -> Vec<Part> {
        Part::ALL.into_iter().filter(|part| self.file(*part).is_changed()).collect()
    }

    /// The changes of a part that are not on disk.
    pub(crate) fn changes(&self, part: Part) -> &[Change] {
        self.changes.get(part.position()).map_or(&[], Vec::as_slice)
    }

    /// Drops the changes of a part that are not on disk. They go with the next [`Parts::replace`].
    pub(crate) fn forget_changes(&mut self, part: Part) {
        if let Some(changes) = self.changes.get_mut(part.position()) {
            changes.clear();
        }
    }

    fn change(&mut self, part: Part, change: Change) -> bool {
        let was_changed = self.file(part).is_changed();
        let result = change.clone().apply(self.file_mut(part));
        // What changed nothing here may change something in a newer file, once there are changes at all.
        if (was_changed || self.file(part).is_changed())
            && let Some(changes) = self.changes.get_mut(part.position())
        {
            changes.push(change);
        }
        result
    }
}

/// The registry of a machine. Every function takes its turn for itself, so a reference is all that is needed to change.
#[derive(Debug)]
pub struct Registry {
    bitness: Bitness,
    parts: Mutex<Parts>,
}

impl Registry {
    pub(crate) fn new(bitness: Bitness, parts: Parts) -> Self {
        Self { bitness, parts: Mutex::new(parts) }
    }

    pub(crate) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The security identifier of the prefix's user, as the registry names it.
    pub fn user_sid(&self) -> Option<String> {
        let parts = self.parts();
        let root = parts.file(Part::User).root();
        root.rsplit_once('\\').map(|(_, sid)| sid.to_owned()).filter(|sid| sid.starts_with("S-"))
    }

    /// A value of a key; the empty name is the default value.
    pub fn value(&self, key: &RegistryKey, name: &str) -> Option<RegistryValue> {
        let parts = self.parts();
        let places = self.places(&parts, key);
        places.into_iter().find_map(|(part, path)| parts.file(part).value(&path, name).cloned())
    }

    /// Whether a key exists.
    pub fn exists(&self, key: &RegistryKey) -> bool {
        let parts = self.parts();
        self.places(&parts, key).into_iter().any(|(part, path)| parts.file(part).exists(&path))
    }

    /// Whether a key has neither values nor sub-keys, or does not exist. None of them is read for that.
    pub fn is_empty(&self, key: &RegistryKey) -> bool {
        let parts = self.parts();
        self.places(&parts, key).into_iter().all(|(part, path)| parts.file(part).is_empty_key(&path))
    }

    /// The names of a key's direct sub-keys; none when it does not exist.
    pub fn sub_keys(&self, key: &RegistryKey) -> Vec<String> {
        let parts = self.parts();
        let mut names: Vec<String> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for (part, path) in self.places(&parts, key) {
            names
                .extend(parts.file(part).sub_keys(&path).into_iter().filter(|name| known.insert(fold(name))));
        }
        names
    }

    /// The names and values of a key; none when it does not exist.
    pub fn values(&self, key: &RegistryKey) -> Vec<(String, RegistryValue)> {
        let parts = self.parts();
        let mut values: Vec<(String, RegistryValue)> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for (part, path) in self.places(&parts, key) {
            values.extend(
                parts.file(part).values(&path).into_iter().filter(|(name, _)| known.insert(fold(name))),
            );
        }
        values
    }

    /// Creates a key and what is missing above it. False when it was there.
    ///
    /// # Errors
    /// When the key can have no such name, or belongs to an unknown user.
    pub fn create_key(&self, key: &RegistryKey) -> Result<bool, RegistryError> {
        check_key(key)?;
        let mut parts = self.parts();
        let (part, path) = self.place_to_change(&parts, key)?;
        Ok(parts.change(part, Change::CreateKey { path }))
    }

    /// Sets a value, creating the key and what is missing above it.
    ///
    /// # Errors
    /// When the key or value can have no such name, or the key belongs to an unknown user.
    pub fn set_value(
        &self,
        key: &RegistryKey,
        name: &str,
        value: RegistryValue,
    ) -> Result<(), RegistryError> {
        check_key(key)?;
        check_value_name(key, name)?;
        let mut parts = self.parts();
        let (part, path) = self.place_to_change(&parts, key)?;
        parts.change(part, Change::SetValue { path, name: name.to_owned(), value });
        Ok(())
    }

    /// Removes a value. False when there was none.
    pub fn remove_value(&self, key: &RegistryKey, name: &str) -> bool {
        let mut parts = self.parts();
        let Ok((part, path)) = self.place_to_change(&parts, key) else { return false };
        parts.change(part, Change::RemoveValue { path, name: name.to_owned() })
    }

    /// Removes a key with everything below it. False when there was none; a root is never removed.
    pub fn remove_key(&self, key: &RegistryKey) -> bool {
        let mut parts = self.parts();
        let Ok((part, path)) = self.place_to_change(&parts, key) else { return false };
        if path.trim_matches('\\').is_empty() || fold(&path) == "SOFTWARE\\CLASSES" {
            return false;
        }
        parts.change(part, Change::RemoveKey { path })
    }

    /// Where a key is read, the first place first.
    fn places(&self, parts: &Parts, key: &RegistryKey) -> Vec<(Part, String)> {
        if key.hive == Hive::ClassesRoot {
            let both = [ClassesOf::User, ClassesOf::Machine].map(|whose| key.in_classes_of(whose));
            return both.iter().filter_map(|key| self.place_to_change(parts, key).ok()).collect();
        }
        self.place_to_change(parts, key).into_iter().collect()
    }

    /// Where a key is written.
    fn place_to_change(&self, parts: &Parts, key: &RegistryKey) -> Result<(Part, String), RegistryError> {
        let key = &key.in_classes_of(ClassesOf::Machine);
        let path = key.path.trim_matches('\\');
        let wow = key.view == View::Wow32 && self.bitness == Bitness::X64;
        match key.hive {
            Hive::LocalMachine | Hive::ClassesRoot => {
                let path =
                    if wow { wow32_machine_path(parts.file(Part::Machine), path) } else { path.to_owned() };
                Ok((Part::Machine, path))
            }
            Hive::CurrentUser => Ok((Part::User, user_path(path, wow))),
            Hive::Users => {
                let (user, rest) = path.split_once('\\').unwrap_or((path, ""));
                let root = parts.file(Part::User).root();
                let sid = root.rsplit_once('\\').map_or("", |(_, sid)| sid);
                if user.eq_ignore_ascii_case(".Default") || user.eq_ignore_ascii_case("S-1-5-18") {
                    Ok((Part::Default, user_path(rest, wow)))
                } else if !sid.is_empty() && user.eq_ignore_ascii_case(sid) {
                    Ok((Part::User, user_path(rest, wow)))
                } else if !sid.is_empty() && fold(user) == format!("{}_CLASSES", fold(sid)) {
                    Ok((Part::User, user_path(&format!("Software\\Classes\\{rest}"), wow)))
                } else {
                    Err(RegistryError::UnknownUser { key: key.clone() })
                }
            }
        }
    }
}

fn user_path(path: &str, wow: bool) -> String {
    if wow { wow32_user_path(path) } else { path.to_owned() }
}
