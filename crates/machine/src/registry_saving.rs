//! Saving the registry, with what undoes that; and undoing it.
//!
//! What is about to be saved is laid down first: a wineserver is kept out, or is asked what it has now, and from the present
//! content and the changes comes what undoes them ([`RegistrySaving::undo`]), which the caller can bring to the disk before
//! [`RegistrySaving::finish`] saves. Undoing goes through the Wine that runs, or to the files while none does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::MachineError;
use crate::machine::Machine;
use crate::registry::{Part, Parts};
use crate::registry_file::undo::{Fingerprint, KeyUndo};
use crate::registry_store::{Known, Stamp, read, remove_if_there, replace, stamp, sync_names, unfinished};
use crate::wine_registry::{RegistryChange, WineRegistry, differences};
use crate::wine_server::WineServerKeptOut;

/// The name of a file that is kept.
fn kept_name(part: Part, end: &str) -> String {
    format!("{}.{end}.rbf", part.file_name())
}

/// How often undoing is tried while Wine starts and ends.
const MOST_ATTEMPTS: u32 = 4;
/// So many bytes of a journal one [`RegistryUndo`] takes at most, unless it is of one key.
const MOST_BYTES: usize = 8 << 20;

/// What undoes changes of some keys of one part of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryUndo {
    part: Part,
    /// The file before; nothing when it was not there.
    file: Option<FileBefore>,
    /// The name in the prefix under which that stays.
    kept: String,
    keys: Vec<KeyUndo>,
}

/// A file, to be known again when it is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FileBefore {
    text: Fingerprint,
    /// When it was changed: seconds since 1970, and nanoseconds.
    modified: (i64, u32),
}

impl FileBefore {
    fn new(text: Fingerprint, stamp: Stamp) -> Option<Self> {
        let (.., seconds, nanoseconds) = stamp?;
        Some(Self { text, modified: (seconds, u32::try_from(nanoseconds).unwrap_or(0)) })
    }

    fn time(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = self.modified;
        UNIX_EPOCH.checked_add(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
    }
}

impl std::fmt::Display for RegistryUndo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = if self.keys.len() == 1 { "key" } else { "keys" };
        write!(f, "restore {} {keys} of {}", self.keys.len(), self.part.file_name())
    }
}

impl RegistryUndo {
    /// The part of the registry.
    pub fn part(&self) -> Part {
        self.part
    }
}

/// How the registry is saved.
enum Way {
    Files { _kept_out: WineServerKeptOut },
    Wine(Arc<dyn WineRegistry>),
}

/// The registry just before it is saved. Nothing else may ask for the registry as long as this lives. Dropped, it saves
/// nothing, and the changes are kept.
#[must_use = "nothing is saved before it is finished"]
pub struct RegistrySaving<'m> {
    machine: &'m Machine,
    known: MutexGuard<'m, [Known; 3]>,
    parts: MutexGuard<'m, Parts>,
    changed: Vec<Part>,
    /// The end of the names under which the files before stay.
    kept: Option<String>,
    way: Way,
}

impl std::fmt::Debug for RegistrySaving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrySaving").field("changed", &self.changed).finish_non_exhaustive()
    }
}

impl Machine {
    /// Saves the registry without what undoes that, see [`Machine::begin_saving_registry`].
    ///
    /// # Errors
    /// As for [`Machine::begin_saving_registry`] and [`RegistrySaving::finish`].
    pub fn save_registry(&self) -> Result<(), MachineError> {
        self.begin_saving_registry()?.map_or(Ok(()), RegistrySaving::finish)
    }

    /// Prepares to save the parts of the registry that changed; nothing when none did. When another program changed a part
    /// since it was read, it is read again first and the changes are made to it. A Wine that starts meanwhile waits.
    ///
    /// # Errors
    /// [`MachineError::WineServerRuns`] when a wineserver has the registry, which would write over the changes, and there is
    /// no [`WineRegistry`]. Also when a part cannot be read, or its file is a link.
    pub fn begin_saving_registry(&self) -> Result<Option<RegistrySaving<'_>>, MachineError> {
        let Some(registry) = self.store.get() else { return Ok(None) };
        let mut known = self.store.known();
        if registry.parts().changed().is_empty() {
            return Ok(None);
        }
        let way = match self.keep_wine_out() {
            Ok(kept_out) => Way::Files { _kept_out: kept_out },
            Err(pid) => Way::Wine(self.wine_registry().ok_or(MachineError::WineServerRuns { pid })?),
        };
        let mut parts = registry.parts();
        for (part, known) in Part::ALL.into_iter().zip(known.iter_mut()) {
            if !parts.file(part).is_changed() {
                continue;
            }
            let path = self.registry_path(part);
            if path.is_symlink() {
                return Err(MachineError::NotOurs { path });
            }
            let found = stamp(&path);
            match &way {
                Way::Files { .. } if found == known.stamp && !known.is_wrong => continue,
                Way::Files { .. } => {
                    tracing::debug!(path = %path.display(), "another program changed the registry; reading it again");
                    parts.replace(part, read(self.prefix(), part, self.bitness())?);
                    (known.stamp, known.is_wrong) = (found, false);
                }
                Way::Wine(running) => {
                    let file = self.parse_part(part, self.ask_wine(&**running, part)?)?;
                    parts.replace(part, file);
                    (known.stamp, known.is_wrong) = (None, false);
                }
            }
        }
        let changed = parts.changed();
        Ok(Some(RegistrySaving { machine: self, known, parts, changed, kept: None, way }))
    }

    /// Undoes changes of the registry that were saved, whether or not they are undone already: only what they changed, and what
    /// programs wrote meanwhile stays. It is on disk afterwards. Changes that are not saved are to be discarded before.
    ///
    /// # Errors
    /// [`MachineError::WineServerRuns`] when a wineserver has the registry and cannot be asked. Also when a part cannot be
    /// read or written.
    pub fn undo_registry(&self, undo: &RegistryUndo) -> Result<(), MachineError> {
        let _known = self.store.known();
        self.store.is_stale.store(true, std::sync::atomic::Ordering::Release);
        for _ in 0..MOST_ATTEMPTS {
            if let Ok(_kept_out) = self.keep_wine_out() {
                return self.undo_in_file(undo);
            }
            let Some(running) = self.wine_registry() else { break };
            if self.wine_server().is_some() {
                return self.undo_through_wine(&*running, undo);
            }
        }
        Err(MachineError::WineServerRuns { pid: self.wine_server().unwrap_or_default() })
    }

    fn undo_in_file(&self, undo: &RegistryUndo) -> Result<(), MachineError> {
        let path = self.registry_path(undo.part);
        // What a process that was killed while it saved has left goes, also where nothing else is to be done.
        let failed = |error| MachineError::unix("remove", unfinished(&path), error);
        remove_if_there(&unfinished(&path)).map_err(failed)?;
        let is_there = path.exists();
        let mut file = read(self.prefix(), undo.part, self.bitness())?;
        let now = file.fingerprint();
        file.undo(&undo.keys);
        if undo.file.is_none() && file.is_empty() {
            if is_there {
                std::fs::remove_file(&path).map_err(|error| MachineError::unix("remove", &path, error))?;
                sync_names(self.prefix())?;
            }
            return Ok(());
        }
        let text = file.to_text();
        let fingerprint = Fingerprint::of(&text);
        if fingerprint == now {
            return Ok(());
        }
        let before = undo.file.filter(|before| before.text == fingerprint);
        let kept = self.kept_registry_file(undo)?;
        let is_kept = |kept: &Path| {
            std::fs::read_to_string(kept).is_ok_and(|text| Fingerprint::of(&text) == fingerprint)
        };
        if before.is_some() && is_kept(&kept) {
            std::fs::rename(&kept, &path).map_err(|error| MachineError::unix("restore", &path, error))?;
            return sync_names(self.prefix());
        }
        let time = before.and_then(|before| before.time());
        replace(&path, text.as_bytes(), time).or_else(|error| {
            // On a full disk the old file makes room for the new one.
            std::fs::remove_file(&kept).map_err(|_| error)?;
            replace(&path, text.as_bytes(), time)
        })?;
        sync_names(self.prefix())
    }

    /// Where the file is that was replaced when these changes were saved.
    fn kept_registry_file(&self, undo: &RegistryUndo) -> Result<PathBuf, MachineError> {
        let name = &undo.kept;
        let path = self.prefix().join(name);
        // It is from a journal: the name of a file, not a path.
        let is_name = name.starts_with(undo.part.file_name()) && !name.contains('/');
        if is_name && name != undo.part.file_name() { Ok(path) } else { Err(MachineError::NotOurs { path }) }
    }

    /// Removes what was kept for undoing changes of the registry. That they can be undone does not depend on it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard_registry_undo(&self, undo: &RegistryUndo) -> Result<(), MachineError> {
        let kept = self.kept_registry_file(undo)?;
        remove_if_there(&kept).map_err(|error| MachineError::unix("remove", &kept, error))
    }

    fn undo_through_wine(&self, running: &dyn WineRegistry, undo: &RegistryUndo) -> Result<(), MachineError> {
        let now = self.parse_part(undo.part, self.ask_wine(running, undo.part)?)?;
        let mut wanted = now.clone();
        wanted.undo(&undo.keys);
        let changes = differences(&now, &wanted);
        self.change_through_wine(running, &[(undo.part, changes)])
    }
}

impl RegistrySaving<'_> {
    /// What undoes what is going to be saved. The files that are replaced stay meanwhile, under names that end in this one: so
    /// the disk has room for undoing.
    pub fn undo(&mut self, name: &str) -> Vec<RegistryUndo> {
        self.kept = Some(name.to_owned());
        let mut all = Vec::new();
        for part in self.changed.iter().copied() {
            let file = self.parts.file(part);
            let before = FileBefore::new(file.fingerprint(), stamp(&self.machine.registry_path(part)));
            let mut size = MOST_BYTES;
            for key in file.undoing() {
                size += key.size();
                if size > MOST_BYTES {
                    size = key.size();
                    let kept = kept_name(part, name);
                    all.push(RegistryUndo { part, file: before, kept, keys: Vec::new() });
                }
                if let Some(last) = all.last_mut() {
                    last.keys.push(key);
                }
            }
        }
        all
    }

    /// Saves what changed, each part whole or not at all.
    ///
    /// # Errors
    /// When a part cannot be written; the changes of parts that were not written are kept.
    pub fn finish(mut self) -> Result<(), MachineError> {
        match &self.way {
            Way::Files { .. } => self.finish_files(),
            Way::Wine(running) => {
                let running = Arc::clone(running);
                self.finish_through_wine(&*running)
            }
        }
    }

    fn finish_files(&mut self) -> Result<(), MachineError> {
        let mut replaced = false;
        let saved = self.changed.iter().copied().try_for_each(|part| {
            let path = self.machine.registry_path(part);
            let text = self.parts.file(part).to_text();
            if let Some(kept) = &self.kept {
                // Not all file systems can do that. While Wine is kept out nobody writes a file that has two names.
                let kept = self.machine.prefix().join(kept_name(part, kept));
                let _ = std::fs::hard_link(&path, &kept);
            }
            replace(&path, text.as_bytes(), None)?;
            replaced = true;
            if let Some(known) = self.known.get_mut(part.position()) {
                known.stamp = stamp(&path);
            }
            self.parts.saved(part, &text);
            Ok(())
        });
        // Once for all parts: each by itself is whole before and after.
        let synced = if replaced { sync_names(self.machine.prefix()) } else { Ok(()) };
        saved.and(synced)
    }

    fn finish_through_wine(&mut self, running: &dyn WineRegistry) -> Result<(), MachineError> {
        let changes = |part: &Part| self.parts.changes(*part).iter().map(RegistryChange::from).collect();
        let changes: Vec<_> = self.changed.iter().map(|part| (*part, changes(part))).collect();
        self.machine.change_through_wine(running, &changes)?;
        for part in self.changed.iter().copied() {
            let text = self.parts.file(part).to_text();
            self.parts.saved(part, &text);
            if let Some(known) = self.known.get_mut(part.position()) {
                known.is_ahead = false;
            }
        }
        Ok(())
    }
}
