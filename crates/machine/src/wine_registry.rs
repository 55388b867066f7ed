//! The registry while a wineserver runs on the prefix: the wineserver owns it, and its files are old.
//!
//! A program within Wine then reads and changes the registry for us. What is changed is written to the files at once, as the
//! wineserver will do itself later, so that it is on disk when we say so.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError};

use crate::error::MachineError;
use crate::machine::Machine;
use crate::registry::{Change, Part};
use crate::registry_file::RegistryFile;
use crate::registry_store::{replace_seen, stamp, sync_names};
use crate::registry_value::RegistryValue;

/// How often changes are made again because another wineserver runs now.
const MOST_ATTEMPTS: u32 = 4;

/// A change of a key or value. Paths are from the root of the part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryChange {
    /// Sets a value, creating the key.
    SetValue {
        /// The key.
        path: String,
        /// The value's name, empty for the default value.
        name: String,
        /// The value.
        value: RegistryValue,
    },
    /// Removes a value.
    RemoveValue {
        /// The key.
        path: String,
        /// The value's name.
        name: String,
    },
    /// Creates a key.
    CreateKey {
        /// The key.
        path: String,
    },
    /// Removes a key with everything below it.
    RemoveKey {
        /// The key.
        path: String,
    },
    /// Removes a key that has neither values nor sub-keys; any other stays.
    RemoveEmptyKey {
        /// The key.
        path: String,
    },
}

/// Reads and changes the registry within a running Wine.
pub trait WineRegistry: std::fmt::Debug + Send + Sync {
    /// A part of the registry as Wine would write it to its file.
    ///
    /// # Errors
    /// When no program can be started under Wine, or it fails.
    fn text(&self, part: Part) -> io::Result<Vec<u8>>;

    /// Makes changes, in their order. What is to be removed and is not there is no error.
    ///
    /// # Errors
    /// When no program can be started under Wine, or it fails.
    fn change(&self, part: Part, changes: &[RegistryChange]) -> io::Result<()>;

    /// The process id of a wineserver, or of what it lives in, that only this works with: it has the prefix's registry, and
    /// its lock is where nobody else looks.
    fn own_server(&self) -> Option<u32> {
        None
    }
}

impl Machine {
    /// Has the registry read and changed in this way while a wineserver runs, and no longer in the way that was set before.
    pub fn set_wine_registry(&self, registry: Box<dyn WineRegistry>) {
        *self.wine_registry.write().unwrap_or_else(PoisonError::into_inner) = Some(registry.into());
    }

    /// Whether the registry can be changed while a wineserver runs.
    pub fn has_wine_registry(&self) -> bool {
        self.wine_registry().is_some()
    }

    pub(crate) fn wine_registry(&self) -> Option<Arc<dyn WineRegistry>> {
        self.wine_registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A wineserver that has the registry and whose lock is not where others look.
    pub(crate) fn own_wine_server(&self) -> Option<u32> {
        self.wine_registry()?.own_server()
    }

    /// What reads and changes the registry just now, if that is Wine.
    pub(crate) fn running_registry(&self) -> Option<Arc<dyn WineRegistry>> {
        let registry = self.wine_registry()?;
        self.wine_server().map(|_| registry)
    }

    /// A part of the registry from Wine.
    pub(crate) fn ask_wine(&self, running: &dyn WineRegistry, part: Part) -> Result<Vec<u8>, MachineError> {
        let asked = running.text(part);
        asked.map_err(|error| MachineError::unix("ask Wine for", self.registry_path(part), error))
    }

    pub(crate) fn parse_part(&self, part: Part, text: Vec<u8>) -> Result<RegistryFile, MachineError> {
        let path = || self.registry_path(part);
        RegistryFile::parse(text).map_err(|source| MachineError::RegistryFile { path: path(), source })
    }

    /// Has on disk what these parts of the registry of the running Wine are when this is called, or something newer; does
    /// nothing while none runs. The wineserver writes its files too, some seconds after a change and when it ends: what it
    /// writes from now on is newer than what it is asked for here, and is not replaced.
    pub(crate) fn flush_registry(&self, parts: &[Part]) -> Result<(), MachineError> {
        let Some(running) = self.running_registry() else { return Ok(()) };
        for part in parts.iter().copied() {
            let path = self.registry_path(part);
            let seen = stamp(&path);
            let text = self.ask_wine(&*running, part)?;
            let is_same = std::fs::read(&path).is_ok_and(|old| old == text);
            if !is_same {
                // What cannot be read again must not be written.
                self.parse_part(part, text.clone())?;
                replace_seen(&path, &text, seen)?;
            }
            // The wineserver, whose file it may be, does not wait for the disk.
            let synced = File::open(&path).and_then(|file| file.sync_data());
            synced.map_err(|error| MachineError::unix("sync", &path, error))?;
        }
        sync_names(self.prefix())
    }

    /// Makes changes through Wine, and brings them to the disk. A server that is killed between a change and its way to the
    /// file takes the change with it: then they are made again, as they are made in their order.
    pub(crate) fn change_through_wine(
        &self,
        running: &dyn WineRegistry,
        changes: &[(Part, Vec<RegistryChange>)],
    ) -> Result<(), MachineError> {
        let parts: Vec<Part> = changes.iter().map(|(part, _)| *part).collect();
        for attempt in 1.. {
            let server = self.wine_server();
            for (part, changes) in changes {
                let done = running.change(*part, changes);
                done.map_err(|error| {
                    MachineError::unix("change through Wine", self.registry_path(*part), error)
                })?;
            }
            self.flush_registry(&parts)?;
            if attempt == MOST_ATTEMPTS || self.wine_server() == server {
                break;
            }
            tracing::debug!("Wine's server is another one now; the registry is changed again");
        }
        Ok(())
    }
}

/// What makes of one state of the part the other. Keys that are the same to the letter are not read. A key goes only once it is
/// empty: a program may have written into it since.
pub(crate) fn differences(now: &RegistryFile, wanted: &RegistryFile) -> Vec<RegistryChange> {
    let mut changes = Vec::new();
    let mut unwanted = BTreeSet::new();
    for path in now.differing(wanted) {
        let is_wanted = wanted.exists(&path);
        if !is_wanted {
            let ends = path.match_indices('\\').map(|(end, _)| end).chain([path.len()]);
            let above = ends.filter_map(|end| path.get(..end));
            unwanted.extend(above.filter(|above| !wanted.exists(above)).map(str::to_owned));
        } else if !now.exists(&path) {
            changes.push(RegistryChange::CreateKey { path: path.clone() });
        }
        for (name, value) in wanted.values(&path) {
            if now.value(&path, &name) != Some(&value) {
                changes.push(RegistryChange::SetValue { path: path.clone(), name, value });
            }
        }
        for (name, _) in now.values(&path) {
            if wanted.value(&path, &name).is_none() {
                changes.push(RegistryChange::RemoveValue { path: path.clone(), name });
            }
        }
    }
    // Those below before those above.
    changes.extend(unwanted.into_iter().rev().map(|path| RegistryChange::RemoveEmptyKey { path }));
    changes
}

impl From<&Change> for RegistryChange {
    fn from(change: &Change) -> Self {
        match change.clone() {
            Change::SetValue { path, name, value } => Self::SetValue { path, name, value },
            Change::RemoveValue { path, name } => Self::RemoveValue { path, name },
            Change::CreateKey { path } => Self::CreateKey { path },
            Change::RemoveKey { path } => Self::RemoveKey { path },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Bitness;

    #[test]
    fn differences_are_what_has_to_be_done() {
        let mut now = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
        let mut wanted = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
        let text = |text: &str| RegistryValue::String(text.to_owned());
        for file in [&mut now, &mut wanted] {
            file.set_value(r"Software\Same", "a", text("1"));
        }
        now.set_value(r"Software\Same", "b", text("gone"));
        now.set_value(r"Software\New\Deep", "x", text("gone"));
        wanted.set_value(r"Software\Old", "", text("back"));
        let changes = differences(&now, &wanted);
        let expected = [
            RegistryChange::RemoveValue { path: r"Software\Same".to_owned(), name: "b".to_owned() },
            RegistryChange::CreateKey { path: r"Software\Old".to_owned() },
            RegistryChange::SetValue {
                path: r"Software\Old".to_owned(),
                name: String::new(),
                value: text("back"),
            },
            RegistryChange::RemoveValue { path: r"Software\New\Deep".to_owned(), name: "x".to_owned() },
            RegistryChange::RemoveEmptyKey { path: r"Software\New\Deep".to_owned() },
            RegistryChange::RemoveEmptyKey { path: r"Software\New".to_owned() },
        ];
        assert_eq!(changes.len(), expected.len(), "{changes:?}");
        assert!(expected.iter().all(|change| changes.contains(change)), "{changes:?}");
        assert_eq!(changes[4..], expected[4..]);
        assert_eq!(differences(&wanted, &wanted), []);
    }
}
