//! Applying a patch to a package in memory.

use super::renumber::Renumbering;
use super::{Patch, PatchError, Target};
use crate::transform::property;
use crate::{Database, DatabaseError, Transform, TransformError};

/// What applying a patch did.
#[derive(Debug)]
pub struct Applied {
    /// The transforms that were applied.
    pub target: Target,
    /// The numbers of the disks that were added for the patch's cabinets, as they are in the package now.
    pub disks: Vec<i32>,
    /// The streams of the patch's cabinets, as they are named in the package now.
    pub cabinets: Vec<String>,
    /// Conditions that were met and, as the transforms ask, are no errors.
    pub overlooked: Vec<TransformError>,
}

impl Patch {
    /// The transforms for a database: the first pair that fits.
    ///
    /// # Errors
    /// When the database is of another product, no transform fits, or one cannot be read.
    pub fn target(&self, database: &Database) -> Result<(Target, Transform), PatchError> {
        let product = property(database, "ProductCode")?;
        let listed = self.products();
        if !listed.is_empty() && !product.parse().is_ok_and(|code| listed.contains(&code)) {
            return Err(PatchError::OtherProduct { product });
        }
        let mut reasons = Vec::new();
        let mut read = 0_u64;
        for target in self.targets() {
            let transform = self.transform(&target.transform)?;
            // Transforms do not share their data. Without this, a small file with many storages for the same sectors
            // could take long.
            read = read.saturating_add(transform.length());
            if read > self.database().file_length() {
                return Err(DatabaseError::SharedData { table: target.transform }.into());
            }
            match transform.check(database) {
                Ok(()) => return Ok((target, transform)),
                Err(reason) => reasons.push((target.transform, reason)),
            }
        }
        Err(PatchError::NotApplicable { reasons })
    }

    /// Applies the patch: the transforms for the database, and the patch's cabinets that they refer to. Disk and sequence
    /// numbers that other patches have taken, and names of cabinets, are changed; see `docs/transforms.md`. Where an error
    /// is met, nothing is changed.
    ///
    /// # Errors
    /// As for [`Patch::target`], or when a transform cannot be applied.
    pub fn apply(&self, database: &mut Database) -> Result<Applied, PatchError> {
        let (target, transform) = self.target(database)?;
        let before = database.snapshot();
        let applied = self.apply_target(database, target, &transform);
        if applied.is_err() {
            database.restore(before);
        }
        applied
    }

    fn apply_target(
        &self,
        database: &mut Database,
        target: Target,
        transform: &Transform,
    ) -> Result<Applied, PatchError> {
        let failed = |name: &str| {
            let transform = name.to_owned();
            |source| PatchError::Transform { transform, source }
        };
        let mut overlooked =
            database.apply_transform(transform, transform.conditions()).map_err(failed(&target.transform))?;
        let (mut disks, mut cabinets) = (Vec::new(), Vec::new());
        if let Some(name) = &target.additions {
            let transform = self.transform(name)?;
            let renumbering = Renumbering::plan(self, &transform, database).map_err(failed(name))?;
            let operations = |table: &str, columns: &[_]| {
                let operations = transform.operations(table, columns)?;
                Ok(operations
                    .into_iter()
                    .map(|operation| renumbering.apply(table, columns, operation))
                    .collect())
            };
            let met = database.apply_operations(&transform, transform.conditions(), operations);
            overlooked.extend(met.map_err(failed(name))?);
            for (stream, content) in renumbering.streams() {
                cabinets.push(stream.clone());
                database.put_stream_from(stream, content.clone());
            }
            disks = renumbering.disks();
        }
        Ok(Applied { target, disks, cabinets, overlooked })
    }
}
