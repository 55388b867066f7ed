//! The names of registry keys: hives, views and paths.

use serde::{Deserialize, Serialize};

use crate::windows_path::fold;

/// A root of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Hive {
    /// `HKEY_CLASSES_ROOT`: read from the user's classes first, then from the machine's; changes go to the machine's. For
    /// changes that are to be undone use [`RegistryKey::in_classes_of`].
    ClassesRoot,
    /// `HKEY_CURRENT_USER`.
    CurrentUser,
    /// `HKEY_LOCAL_MACHINE`.
    LocalMachine,
    /// `HKEY_USERS`: `.Default`, and the user's security identifier.
    Users,
}

/// Whose view of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum View {
    /// That of programs as wide as the machine.
    Native,
    /// That of 32-bit programs; on a 32-bit machine the same.
    Wow32,
}

/// The name of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegistryKey {
    /// The root.
    pub hive: Hive,
    /// The view.
    pub view: View,
    /// The path from the root, with backslashes between names.
    pub path: String,
}

/// Whose classes a key of `HKEY_CLASSES_ROOT` is to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassesOf {
    /// Those of the machine, for an installation for all users.
    Machine,
    /// Those of the user, for an installation for one user.
    User,
}

/// Why a key or value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// A name in the path is empty, too long or has a null in it.
    #[error("'{key}' is not the name of a registry key: {cause}")]
    KeyName {
        /// The key.
        key: RegistryKey,
        /// The rule that it breaks.
        cause: &'static str,
    },
    /// The name of a value is too long or has a null in it.
    #[error("'{name}' cannot be the name of a value of '{key}': {cause}")]
    ValueName {
        /// The key.
        key: RegistryKey,
        /// The value's name.
        name: String,
        /// The rule that it breaks.
        cause: &'static str,
    },
    /// The user of this part of `HKEY_USERS` is not on this machine.
    #[error("'{key}' belongs to a user that this prefix does not have")]
    UnknownUser {
        /// The key.
        key: RegistryKey,
    },
}

impl RegistryKey {
    /// A key in the view of programs as wide as the machine.
    pub fn new(hive: Hive, path: impl Into<String>) -> Self {
        Self { hive, view: View::Native, path: path.into() }
    }

    /// A key in a view.
    pub fn in_view(hive: Hive, view: View, path: impl Into<String>) -> Self {
        Self { hive, view, path: path.into() }
    }

    /// The key of a name, or of several joined by backslashes, below this one.
    pub fn join(&self, names: &str) -> Self {
        let path = if self.path.is_empty() { names.to_owned() } else { format!("{}\\{names}", self.path) };
        Self { path, ..self.clone() }
    }

    /// The key above; nothing for a root.
    pub fn parent(&self) -> Option<Self> {
        let trimmed = self.path.trim_matches('\\');
        if trimmed.is_empty() {
            return None;
        }
        let above = trimmed.rsplit_once('\\').map_or("", |(above, _)| above);
        Some(Self { path: above.to_owned(), ..self.clone() })
    }

    /// For a key of `HKEY_CLASSES_ROOT`, the same in the classes of the machine or the user, which is where an
    /// installation writes it (page `registry-table.md`, column Root); any other key is itself.
    pub fn in_classes_of(&self, whose: ClassesOf) -> Self {
        if self.hive != Hive::ClassesRoot {
            return self.clone();
        }
        let hive = match whose {
            ClassesOf::Machine => Hive::LocalMachine,
            ClassesOf::User => Hive::CurrentUser,
        };
        Self { hive, view: self.view, path: format!("Software\\Classes\\{}", self.path) }
    }
}

impl PartialEq for RegistryKey {
    fn eq(&self, other: &Self) -> bool {
        (self.hive, self.view) == (other.hive, other.view)
            && fold(self.path.trim_matches('\\')) == fold(other.path.trim_matches('\\'))
    }
}

impl Eq for RegistryKey {}

impl std::hash::Hash for RegistryKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.hive, self.view, fold(self.path.trim_matches('\\'))).hash(state);
    }
}

impl std::fmt::Display for RegistryKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hive = match self.hive {
            Hive::ClassesRoot => "HKEY_CLASSES_ROOT",
            Hive::CurrentUser => "HKEY_CURRENT_USER",
            Hive::LocalMachine => "HKEY_LOCAL_MACHINE",
            Hive::Users => "HKEY_USERS",
        };
        write!(out, "{hive}\\{}", self.path)
    }
}
const LONGEST_KEY_NAME: usize = 255;
const LONGEST_VALUE_NAME: usize = 16_383;

/// The limits are those of the page `SysInfo/registry-element-size-limits.md`.
fn wrong_name(name: &str, longest: usize) -> Option<&'static str> {
    if name.contains('\0') {
        return Some("it has a null character");
    }
    (name.len() > longest && name.encode_utf16().count() > longest).then_some("it is too long")
}

pub(crate) fn check_key(key: &RegistryKey) -> Result<(), RegistryError> {
    let wrong = |cause| RegistryError::KeyName { key: key.clone(), cause };
    let path = key.path.trim_matches('\\');
    let mut levels = 0;
    for name in path.split('\\').filter(|_| !path.is_empty()) {
        if name.is_empty() {
            return Err(wrong("a name in it is empty"));
        }
        levels += 1;
        if let Some(cause) = wrong_name(name, LONGEST_KEY_NAME) {
            return Err(wrong(cause));
        }
    }
    if levels > 512 { Err(wrong("it has more than 512 levels")) } else { Ok(()) }
}

/// Whether a value can have this name.
pub(crate) fn check_value_name(key: &RegistryKey, name: &str) -> Result<(), RegistryError> {
    match wrong_name(name, LONGEST_VALUE_NAME) {
        Some(cause) => Err(RegistryError::ValueName { key: key.clone(), name: name.to_owned(), cause }),
        None => Ok(()),
    }
}
