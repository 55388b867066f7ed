//! What may be changed through a view.
//!
//! A package that is being installed is changed by custom actions in what is temporary only: rows, columns and tables
//! (page `accessing-the-current-installer-session-from-inside-a-custom-action.md` and that of MsiViewModify).

use std::sync::Arc;

use super::super::relations;
use super::super::statement::{Alteration, Name, Statement};
use super::super::{Parameter, change};
use super::CursorError;
use crate::{Database, Table};

/// What may be changed through a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Read,
    /// What is not stored: temporary tables, columns and rows.
    Temporary,
    /// Everything.
    Write,
}

/// Whether a statement keeps to the access.
pub(super) fn check(
    database: &Database,
    access: Access,
    statement: &Statement,
    parameters: &[Parameter],
) -> Result<(), CursorError> {
    let denied = |what: String| Err(CursorError::Denied { what });
    match (access, statement) {
        (Access::Write, _) | (_, Statement::Select(_)) => return Ok(()),
        // Whatever it is about is kept, not changed.
        (_, Statement::Alter { alteration: Alteration::Hold | Alteration::Free, .. }) => return Ok(()),
        (Access::Read, _) => return denied("the database".to_owned()),
        (Access::Temporary, _) => {}
    }
    let table = |name: &Name| relations::table(database, name);
    match statement {
        Statement::Select(_) => {}
        Statement::Insert(insert) => {
            if !insert.temporary && !is_temporary(&*table(&insert.table)?) {
                return denied(format!("table '{}', but for temporary rows,", insert.table.text));
            }
        }
        Statement::Update(update) => {
            for target in change::update::targets(database, update, parameters)? {
                let stored = target.table.persistent_columns().len();
                if target.columns().any(|column| column < stored)
                    && has_stored_row(&target.table, &target.places)
                {
                    return denied(format!("a stored row of table '{}'", target.name.text));
                }
            }
        }
        Statement::Delete(delete) => {
            let found = table(&delete.table)?;
            let places = change::matching(&found, delete.condition.as_ref(), parameters)?;
            if has_stored_row(&found, &places) {
                return denied(format!("a stored row of table '{}'", delete.table.text));
            }
        }
        Statement::Create(create) => {
            if !create.columns.iter().all(|column| column.temporary) {
                return denied("the list of stored tables".to_owned());
            }
        }
        Statement::Drop(name) => {
            if !is_temporary(&*table(name)?) {
                return denied(format!("the stored table '{}'", name.text));
            }
        }
        Statement::Alter { table, alteration } => {
            if matches!(alteration, Alteration::Add { definition, .. } if !definition.temporary) {
                return denied(format!("the list of stored columns of table '{}'", table.text));
            }
        }
    }
    Ok(())
}

/// Whether nothing of a table is stored.
pub(super) fn is_temporary(table: &Table) -> bool {
    table.persistent_columns().is_empty()
}

fn has_stored_row(table: &Arc<Table>, places: &[usize]) -> bool {
    let is_stored = |place: &usize| table.row(*place).is_some_and(|row| !row.is_temporary());
    !is_temporary(table) && places.iter().any(is_stored)
}
