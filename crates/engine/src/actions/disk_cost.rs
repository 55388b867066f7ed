//! The room that an installation needs on each volume (pages `file-costing.md`, `reservecost-table.md`).
//!
//! Files are kept for a rollback where they are, under another name: with rollback an installation needs the room of what it
//! writes, and without it that of what is replaced or removed comes free meanwhile.

use std::collections::{BTreeMap, HashMap};

use reseat_machine::{Machine, WindowsPath};
use reseat_package::ReserveCost;
use reseat_script::Rollback;

use crate::error::EngineError;
use crate::log::service;
use crate::plan::VolumePlan;
use crate::selection::Doing;
use crate::session::Session;

/// Bytes by volume.
#[derive(Debug, Default)]
pub struct DiskCost {
    volumes: BTreeMap<char, VolumeCost>,
}

#[derive(Debug, Default, Clone, Copy)]
struct VolumeCost {
    written: u64,
    /// What is replaced or removed.
    freed: u64,
    /// The largest file of it: it goes only when the new one is there.
    largest: u64,
}

impl VolumeCost {
    fn needed(self, rollback: Rollback) -> u64 {
        match rollback {
            Rollback::Enabled => self.written,
            Rollback::Disabled => {
                self.written.saturating_sub(self.freed).saturating_add(self.largest).min(self.written)
            }
        }
    }
}

impl DiskCost {
    /// What the selected files and reserved room need by the tables, without a look at what is there.
    ///
    /// # Errors
    /// When nothing was costed, or a table cannot be read.
    pub fn of_tables(session: &Session<'_, '_>) -> Result<Self, EngineError> {
        let selection = session.selection()?;
        let mut cost = Self::default();
        let mut drives: HashMap<&str, Option<char>> = HashMap::new();
        for file in selection.files() {
            let drive = drives.entry(&*file.row.component).or_insert_with(|| {
                let folder = selection.component_folder(&file.row.component);
                folder
                    .filter(|_| selection.does(&file.row.component, Doing::Install))
                    .and_then(|it| drive_of(&it))
            });
            if let Some(drive) = drive {
                cost.write(*drive, file.row.bytes());
            }
        }
        cost.reserve(session)?;
        Ok(cost)
    }

    /// Adds what is written.
    pub fn write(&mut self, drive: char, bytes: u64) {
        let volume = self.volumes.entry(drive.to_ascii_uppercase()).or_default();
        volume.written = volume.written.saturating_add(bytes);
    }

    /// Adds a file that is replaced or removed.
    pub fn free(&mut self, drive: char, bytes: u64) {
        let volume = self.volumes.entry(drive.to_ascii_uppercase()).or_default();
        volume.freed = volume.freed.saturating_add(bytes);
        volume.largest = volume.largest.max(bytes);
    }

    /// Adds what the ReserveCost table wants for components that are installed. Nothing here runs from its source.
    ///
    /// # Errors
    /// When nothing was costed, or the table cannot be read.
    pub fn reserve(&mut self, session: &Session<'_, '_>) -> Result<(), EngineError> {
        let selection = session.selection()?;
        for row in session.package.rows::<ReserveCost>()?.iter() {
            if !selection.does(&row.component, Doing::Install) {
                continue;
            }
            let folder = match &row.folder {
                Some(property) => session.property(property).map(str::to_owned),
                None => selection.component_folder(&row.component),
            };
            match folder.as_deref().and_then(drive_of) {
                Some(drive) => self.write(drive, u64::try_from(row.local).unwrap_or(0)),
                None => service!("Nothing is reserved for {}: {folder:?} is no folder", row.key),
            }
        }
        Ok(())
    }

    /// What is needed on a volume.
    pub fn needed(&self, drive: char, rollback: Rollback) -> u64 {
        self.volumes.get(&drive.to_ascii_uppercase()).map_or(0, |cost| cost.needed(rollback))
    }

    /// The first volumes that lack room. Volumes that lie on one file system share it.
    ///
    /// # Errors
    /// When a volume is not there, or cannot be asked.
    pub fn shortage(&self, machine: &Machine, rollback: Rollback) -> Result<Option<VolumePlan>, EngineError> {
        let mut systems: BTreeMap<u64, VolumePlan> = BTreeMap::new();
        for (&drive, cost) in &self.volumes {
            let needed = cost.needed(rollback);
            if needed == 0 {
                continue;
            }
            let space = machine.volume_space(drive)?;
            systems
                .entry(space.file_system)
                .and_modify(|system| {
                    system.volume.push_str(&format!(", {drive}:"));
                    system.needed = system.needed.saturating_add(needed);
                })
                .or_insert_with(|| VolumePlan { volume: format!("{drive}:"), needed, free: space.free });
        }
        Ok(systems.into_values().find(|system| system.needed > system.free))
    }

    /// What is needed and free on each volume that something is written to, and on that of Windows.
    ///
    /// # Errors
    /// When a volume is not there, or cannot be asked.
    pub fn volumes(&self, machine: &Machine, rollback: Rollback) -> Result<Vec<VolumePlan>, EngineError> {
        let mut drives: Vec<char> = self.volumes.keys().copied().collect();
        drives.retain(|&drive| drive == SYSTEM_DRIVE || self.needed(drive, rollback) > 0);
        if !drives.contains(&SYSTEM_DRIVE) {
            drives.insert(0, SYSTEM_DRIVE);
        }
        let volume = |drive: char| {
            let free = machine.volume_space(drive)?.free;
            Ok(VolumePlan { volume: format!("{drive}:"), needed: self.needed(drive, rollback), free })
        };
        drives.into_iter().map(volume).collect()
    }
}

/// The drive that the registry, the journal and the package are on.
const SYSTEM_DRIVE: char = 'C';

fn drive_of(folder: &str) -> Option<char> {
    WindowsPath::parse(folder).ok().map(|path| path.drive())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_rollback_what_is_replaced_comes_free_but_for_one_file() {
        let mut cost = DiskCost::default();
        for _ in 0..4 {
            cost.write('d', 100);
            cost.free('D', 90);
        }
        cost.write('C', 7);
        cost.free('C', 1000);
        assert_eq!(cost.needed('D', Rollback::Enabled), 400);
        assert_eq!(cost.needed('D', Rollback::Disabled), 400 - 360 + 90);
        // Never more than with rollback.
        assert_eq!(cost.needed('C', Rollback::Disabled), 7);
        assert_eq!(cost.needed('E', Rollback::Enabled), 0);
    }
}
