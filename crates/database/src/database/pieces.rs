//! The rows of a table for whoever goes through them once: a table with very many of them need not be in memory.

use std::sync::Arc;

use super::Database;
use crate::findings::Findings;
use crate::table_data::StoredRows;
use crate::{Column, DatabaseError, Table};

/// Rows of one piece.
const PIECE: usize = 1024;

/// A table in pieces, each a table with some of its rows, in stored order.
pub struct Pieces<'d> {
    rows: RowSource<'d>,
    findings: &'d Findings,
    next: usize,
}

/// Where the rows of a table are.
pub(crate) enum RowSource<'d> {
    /// In memory.
    Table(Arc<Table>),
    /// In the file.
    Stored(StoredRows<'d, Vec<u8>>),
}

impl RowSource<'_> {
    /// The table's columns.
    pub fn columns(&self) -> &[Column] {
        match self {
            Self::Table(table) => table.columns(),
            Self::Stored(rows) => rows.columns(),
        }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Table(table) => table.len(),
            Self::Stored(rows) => rows.count(),
        }
    }
}

impl Database {
    /// The rows of a table in pieces that are not kept; nothing when there is no such table. A table that is in memory is one
    /// piece.
    ///
    /// # Errors
    /// As for [`Database::table`]; those about a value come with its piece.
    pub fn pieces(&self, name: &str) -> Result<Option<Pieces<'_>>, DatabaseError> {
        let rows = self.row_source(name)?;
        Ok(rows.map(|rows| Pieces { rows, findings: &self.findings, next: 0 }))
    }

    /// Where the rows of a table are; nothing when there is no such table.
    pub(crate) fn row_source(&self, name: &str) -> Result<Option<RowSource<'_>>, DatabaseError> {
        let in_memory = match self.changed.get(name) {
            Some(changed) => Some(changed.clone()),
            None => self.lock_loaded().get(name).cloned().map(Some),
        };
        if let Some(table) = in_memory {
            return Ok(table.map(RowSource::Table));
        }
        let Some(stored) = &self.stored else { return Ok(None) };
        let Some((name, columns)) = stored.catalog.table(name) else { return Ok(None) };
        let data = self.table_data(name)?.unwrap_or_default();
        let rows = StoredRows::new(name, columns, data, &stored.pool, &self.findings)?;
        Ok(Some(RowSource::Stored(rows)))
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<Arc<Table>, DatabaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next;
        match &self.rows {
            RowSource::Table(table) => {
                self.next = 1;
                (start == 0).then(|| Ok(table.clone()))
            }
            RowSource::Stored(rows) => {
                let end = rows.count().min(start + PIECE);
                self.next = end;
                (start < end).then(|| rows.decode(start..end, self.findings).map(Arc::new))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Column, ColumnType, Database, Reading, Table, Value};

    #[test]
    fn pieces_are_the_table() {
        let column = |name: &str, key: bool| Column {
            name: name.to_owned(),
            kind: ColumnType::Text(72),
            nullable: !key,
            key,
            localizable: false,
        };
        let mut table = Table::new("File", vec![column("File", true), column("Component_", false)]);
        for number in 0..2500 {
            table.push(vec![format!("f{number:04}").as_str().into(), "c".into()]);
        }
        let mut database = Database::create();
        database.put_table(table);
        let in_memory: usize =
            database.pieces("File").unwrap().unwrap().map(|piece| piece.unwrap().len()).sum();
        assert_eq!(in_memory, 2500);
        let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
        let stored = Database::from_bytes(bytes, Reading::Strict).unwrap();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        // More than once: what was read counts once.
        for _ in 0..3 {
            rows.clear();
            let pieces: Vec<_> = stored.pieces("File").unwrap().unwrap().map(Result::unwrap).collect();
            assert_eq!(pieces.len(), 3);
            rows.extend(pieces.iter().flat_map(|piece| piece.rows()).map(|row| row.values().to_vec()));
        }
        let whole = stored.table("File").unwrap().unwrap();
        assert!(whole.rows().map(|row| row.values().to_vec()).eq(rows));
        assert!(stored.pieces("Nothing").unwrap().is_none());
    }
}
