//! Custom actions of the script that stand outside of it (page `ice77.md`).

use reseat_database::{Database, DatabaseError};

use crate::row::read_cell;
use crate::sequence::{Sequence, SequenceTable};

/// The bit of a custom action's type that puts it into the script (`msidbCustomActionTypeInScript`).
const IN_SCRIPT: i32 = 1024;

/// A deferred, rollback or commit action that is not between InstallInitialize and InstallFinalize.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisplacedAction {
    /// The sequence table.
    pub table: &'static str,
    /// The action.
    pub action: String,
    /// Where it stands.
    pub place: &'static str,
}

impl MisplacedAction {
    /// All of a package's, in the tables for an installation and an administrative one. Rows that cannot be read count for
    /// nothing: other rules find them.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn all(database: &Database) -> Result<Vec<Self>, DatabaseError> {
        let mut found = Vec::new();
        let Some(actions) = database.table("CustomAction")? else { return Ok(found) };
        let is_in_script = |name: &str| {
            let row = actions.find(&[name.into()]);
            let kind = row.and_then(|row| read_cell::<i32>("CustomAction", &row, "Type").ok());
            kind.is_some_and(|kind| kind & IN_SCRIPT != 0)
        };
        for table in [SequenceTable::InstallExecute, SequenceTable::AdminExecute] {
            let Some(rows) = database.table(table.name())? else { continue };
            let Ok(sequence) = Sequence::load(table.name(), &rows) else { continue };
            let (begin, end) = (sequence.position("InstallInitialize"), sequence.position("InstallFinalize"));
            for (place, row) in sequence.actions().iter().enumerate() {
                let place = match (begin, end) {
                    (None, _) => "InstallInitialize is not in the sequence",
                    (_, None) => "InstallFinalize is not in the sequence",
                    (Some(begin), _) if place < begin => "it stands before InstallInitialize",
                    (_, Some(end)) if place > end => "it stands behind InstallFinalize",
                    _ => continue,
                };
                if is_in_script(&row.action) {
                    found.push(Self { table: table.name(), action: row.action.to_string(), place });
                }
            }
        }
        Ok(found)
    }
}
