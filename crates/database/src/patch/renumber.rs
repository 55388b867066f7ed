//! Numbers and names that several patches of one package may have in common, made distinct.
//!
//! Each patch is made without knowing the others, so that its disk (table `Media`), the sequence numbers of its files
//! and its cabinet can be the same as those of another. The page `imagefamilies-table-patchwiz-dll-.md` lets patches for
//! Windows Installer 2.0 and later leave the choice of numbers to the installer.

use std::collections::{BTreeMap, BTreeSet};

use super::Patch;
use crate::transform::Operation;
use crate::{Column, Database, DatabaseError, Stream, Table, Transform, TransformError, Value};

/// New numbers for the rows that a transform adds.
#[derive(Debug, Default)]
pub(super) struct Renumbering {
    disks: BTreeMap<i32, i32>,
    /// What is added to sequence numbers.
    shift: i32,
    /// Names of cabinets as in the `Media` table.
    cabinets: BTreeMap<String, String>,
    streams: BTreeMap<String, Stream>,
}

/// Tables with sequence numbers of files, and the column that has them.
const SEQUENCES: [(&str, &str); 3] = [("File", "Sequence"), ("Patch", "Sequence"), ("Media", "LastSequence")];

impl Renumbering {
    /// Finds out what is taken in the database.
    pub fn plan(patch: &Patch, transform: &Transform, database: &Database) -> Result<Self, TransformError> {
        let mut renumbering = Self::default();
        let Some(media) = database.table("Media")? else { return Ok(renumbering) };
        let added = values(transform, database, "Media", "DiskId")?;
        let taken: BTreeSet<i32> = media.rows().filter_map(|row| row.integer("DiskId")).collect();
        let mut next = taken.iter().chain(&added).copied().max().unwrap_or_default();
        for disk in added {
            let number = if taken.contains(&disk) {
                next = next.saturating_add(1);
                next
            } else {
                disk
            };
            renumbering.disks.insert(disk, number);
        }
        let last = media.rows().filter_map(|row| row.integer("LastSequence")).max().unwrap_or_default();
        let mut sequences = Vec::new();
        for (table, column) in SEQUENCES {
            sequences.extend(values(transform, database, table, column)?);
        }
        if let Some(first) = sequences.into_iter().min().filter(|first| *first <= last) {
            renumbering.shift = last.saturating_add(1).saturating_sub(first);
        }
        renumbering.add_cabinets(patch, transform, database, &media)?;
        Ok(renumbering)
    }

    fn add_cabinets(
        &mut self,
        patch: &Patch,
        transform: &Transform,
        database: &Database,
        media: &Table,
    ) -> Result<(), TransformError> {
        let Some(column) = media.position("Cabinet") else { return Ok(()) };
        for operation in transform.operations("Media", media.columns())? {
            let Operation::Insert(values) = operation else { continue };
            let Some(name) =
                values.get(column).and_then(Value::as_text).and_then(|name| name.strip_prefix('#'))
            else {
                continue;
            };
            let Some(content) = patch.database().stream(name)? else {
                return Err(DatabaseError::NoStream { name: name.to_owned() }.into());
            };
            let free = match database.stream(name)? {
                Some(present) => present.len() == content.len() && bytes(&present)? == bytes(&content)?,
                None => true,
            };
            let mut stream = name.to_owned();
            if !free {
                // The code is what no other patch has.
                let code = patch.code().map(|code| code.to_packed()).unwrap_or_default();
                stream = format!("Patch{}_{code}", self.streams.len() + 1);
                self.cabinets.insert(format!("#{name}"), format!("#{stream}"));
            }
            self.streams.insert(stream, content);
        }
        Ok(())
    }

    /// The numbers of the added disks.
    pub fn disks(&self) -> Vec<i32> {
        self.disks.values().copied().collect()
    }

    /// The patch's cabinets under the names that they get.
    pub fn streams(&self) -> impl Iterator<Item = (&String, &Stream)> {
        self.streams.iter()
    }

    /// The operation with the new numbers.
    pub fn apply(&self, table: &str, columns: &[Column], mut operation: Operation) -> Operation {
        let disk = match table {
            "Media" => "DiskId",
            "PatchPackage" => "Media_",
            _ => "",
        };
        let sequence = SEQUENCES.iter().find(|(name, _)| *name == table).map_or("", |(_, column)| *column);
        let renumber = |place: usize, value: &mut Value| {
            let Some(column) = columns.get(place).map(|column| column.name.as_str()) else { return };
            let new = match value {
                Value::Integer(number) if column == disk => {
                    self.disks.get(number).copied().map(Value::Integer)
                }
                Value::Integer(number) if column == sequence => {
                    Some(Value::Integer(number.saturating_add(self.shift)))
                }
                Value::Text(name) if table == "Media" && column == "Cabinet" => {
                    self.cabinets.get(&**name).map(|name| name.as_str().into())
                }
                _ => None,
            };
            if let Some(new) = new {
                *value = new;
            }
        };
        match &mut operation {
            Operation::Insert(values) => {
                values.iter_mut().enumerate().for_each(|(place, value)| renumber(place, value));
            }
            Operation::Update { values, .. } => {
                values.iter_mut().for_each(|(place, value)| renumber(*place, value));
            }
            Operation::Delete(_) => {}
        }
        operation
    }
}

/// The numbers that a transform gives to a column.
fn values(
    transform: &Transform,
    database: &Database,
    table: &str,
    column: &str,
) -> Result<Vec<i32>, TransformError> {
    let Some(columns) = database.columns(table) else { return Ok(Vec::new()) };
    let Some(wanted) = columns.iter().position(|known| known.name == column) else { return Ok(Vec::new()) };
    let operations = transform.operations(table, &columns)?;
    let number = |operation: Operation| match operation {
        Operation::Insert(values) => values.get(wanted)?.as_integer(),
        Operation::Update { values, .. } => values.iter().find(|(place, _)| *place == wanted)?.1.as_integer(),
        Operation::Delete(_) => None,
    };
    Ok(operations.into_iter().filter_map(number).collect())
}

fn bytes(stream: &Stream) -> Result<Vec<u8>, DatabaseError> {
    Ok(stream.to_bytes()?)
}
