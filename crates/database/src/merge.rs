//! Merging one database into another, as `MsiDatabaseMerge` does (page `nf-msiquery-msidatabasemergea.md`, and
//! `merging-databases.md`). It is not how merge modules are put into packages.

use std::io::{self, Read};

use crate::{Column, ColumnType, Database, DatabaseError, Row, Stream, Table, Value};

/// Why two databases cannot be merged. Neither is changed then.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Their texts are in different code pages.
    #[error("the databases have different code pages, {base} and {reference}")]
    CodePage {
        /// That of the database merged into.
        base: u16,
        /// That of the other one.
        reference: u16,
    },
    /// Both have a table of this name with other columns (`ERROR_DATATYPE_MISMATCH`).
    #[error("table '{table}' has other columns in the two databases: {difference}")]
    Schema {
        /// The table.
        table: String,
        /// The first difference.
        difference: String,
    },
    /// One of them cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A stream of one of them cannot be read.
    #[error("stream '{stream}' cannot be read")]
    Stream {
        /// Its name.
        stream: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The rows of a table that both databases have with different values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The table.
    pub table: String,
    /// The primary keys of the rows, their values joined by full stops.
    pub rows: Vec<String>,
}

/// What a merge did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// How many rows were added.
    pub rows: usize,
    /// Rows that differ, which stay as they were.
    pub conflicts: Vec<Conflict>,
}

impl Database {
    /// Adds the tables and rows of another database to this one. Rows with the same primary key have to be the same; those
    /// that are not stay as they were, and are reported. Streams that belong to rows come along; cabinets, storages and the
    /// summary information do not.
    ///
    /// # Errors
    /// When the code pages or the columns of a table differ, or one of the databases cannot be read; this one is then as it
    /// was.
    pub fn merge(&mut self, reference: &Self) -> Result<Merged, MergeError> {
        if self.code_page() != reference.code_page() {
            return Err(MergeError::CodePage { base: self.code_page(), reference: reference.code_page() });
        }
        let names = reference.table_names()?;
        for name in &names {
            if let (Some(base), Some(other)) = (self.table(name)?, reference.table(name)?) {
                check_columns(name, base.persistent_columns(), other.persistent_columns())?;
            }
        }
        let before = self.snapshot();
        let mut merged = Merged::default();
        for name in &names {
            let Some(other) = reference.table(name)? else { continue };
            if let Err(error) = self.merge_table(name, &other, reference, &mut merged) {
                self.restore(before);
                return Err(error);
            }
        }
        Ok(merged)
    }

    fn merge_table(
        &mut self,
        name: &str,
        other: &Table,
        reference: &Self,
        merged: &mut Merged,
    ) -> Result<(), MergeError> {
        let width = other.persistent_columns().len();
        let base = self.table(name)?;
        let mut added = Vec::new();
        let mut differing = Vec::new();
        for row in other.rows().filter(|row| !row.is_temporary()) {
            match base.as_ref().and_then(|base| base.find(row.key_values())) {
                None => added.push(row),
                Some(same) if self.is_same(same, row, width, reference)? => {}
                Some(_) => differing.push(row.key()),
            }
        }
        if let Some(base) = &base {
            let of_reference = other.persistent_columns();
            if base.columns().iter().zip(of_reference).any(|(one, other)| other.kind.is_longer_text(one.kind))
                && let Some(table) = self.table_mut(name)
            {
                table.widen(of_reference);
            }
        } else {
            self.put_table(Table::new(name, other.persistent_columns().to_vec()));
        }
        for row in &added {
            if row.values().contains(&Value::Stream)
                && let Some(stream) = reference.stream(&row.stream_name())?
            {
                self.put_stream_from(&row.stream_name(), stream);
            }
        }
        merged.rows += added.len();
        if let Some(table) = self.table_mut(name).filter(|_| !added.is_empty()) {
            for row in added {
                table.push(row.values().iter().take(width).cloned().collect());
            }
        }
        if !differing.is_empty() {
            merged.conflicts.push(Conflict { table: name.to_owned(), rows: differing });
        }
        Ok(())
    }

    /// Whether two rows are the same, their streams included.
    fn is_same(
        &self,
        one: Row<'_>,
        other: Row<'_>,
        width: usize,
        reference: &Self,
    ) -> Result<bool, MergeError> {
        if one.values().get(..width) != other.values().get(..width) {
            return Ok(false);
        }
        if !other.values().contains(&Value::Stream) {
            return Ok(true);
        }
        let name = one.stream_name();
        match (self.stream(&name)?, reference.stream(&name)?) {
            (Some(one), Some(other)) => {
                have_same_bytes(one, other).map_err(|source| MergeError::Stream { stream: name, source })
            }
            (one, other) => Ok(one.is_none() && other.is_none()),
        }
    }

    /// Puts the documented table of conflicts into the database: the tables, and how many rows of each differ.
    pub fn put_conflicts(&mut self, name: &str, conflicts: &[Conflict]) {
        let column = |name: &str, kind, key: bool| Column {
            name: name.to_owned(),
            kind,
            nullable: false,
            key,
            localizable: false,
        };
        let columns = vec![
            column("Table", ColumnType::Text(0), true),
            column("NumRowMergeConflicts", ColumnType::Short, false),
        ];
        let mut table = Table::new(name, columns);
        for conflict in conflicts {
            let count = i16::try_from(conflict.rows.len()).unwrap_or(i16::MAX);
            table.push(vec![conflict.table.as_str().into(), i32::from(count).into()]);
        }
        self.put_table(table);
    }
}

fn check_columns(table: &str, base: &[Column], other: &[Column]) -> Result<(), MergeError> {
    let schema = |difference| Err(MergeError::Schema { table: table.to_owned(), difference });
    if base.len() != other.len() {
        return schema(format!("{} and {} columns", base.len(), other.len()));
    }
    for (one, other) in base.iter().zip(other) {
        if one.name != other.name {
            return schema(format!("column '{}' and column '{}'", one.name, other.name));
        }
        // Neither how long a text can be nor whether it is to be translated counts (page `column-definition-format.md`).
        let is_text = |column: &Column| matches!(column.kind, ColumnType::Text(_));
        if one.kind != other.kind && !(is_text(one) && is_text(other)) {
            return schema(format!("column '{}' has two types", one.name));
        }
        if one.key != other.key {
            return schema(format!("column '{}' belongs to one primary key only", one.name));
        }
    }
    Ok(())
}

fn have_same_bytes(mut one: Stream, mut other: Stream) -> io::Result<bool> {
    if one.len() != other.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut rest = one.len();
    while rest > 0 {
        let length = usize::try_from(rest).unwrap_or(usize::MAX).min(left.len());
        let (left, right) =
            (left.get_mut(..length).unwrap_or_default(), right.get_mut(..length).unwrap_or_default());
        one.read_exact(left)?;
        other.read_exact(right)?;
        if left != right {
            return Ok(false);
        }
        rest -= length as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(rows: &[(&str, &str)], binaries: &[(&str, &[u8])]) -> Database {
        let column = |name: &str, kind, key: bool| Column {
            name: name.into(),
            kind,
            nullable: !key,
            key,
            localizable: false,
        };
        let mut table = Table::new(
            "Property",
            vec![column("Property", ColumnType::Text(72), true), column("Value", ColumnType::Text(0), false)],
        );
        rows.iter().for_each(|(key, value)| table.push(vec![(*key).into(), (*value).into()]));
        let mut database = Database::create();
        database.put_table(table);
        if !binaries.is_empty() {
            let mut table = Table::new(
                "Binary",
                vec![column("Name", ColumnType::Text(72), true), column("Data", ColumnType::Stream, false)],
            );
            for (name, content) in binaries {
                table.push(vec![(*name).into(), Value::Stream]);
                database.put_stream(&format!("Binary.{name}"), content.to_vec());
            }
            database.put_table(table);
        }
        database
    }

    fn property(database: &Database, name: &str) -> Option<String> {
        database.table("Property").unwrap()?.find(&[name.into()])?.text("Value").map(str::to_owned)
    }

    #[test]
    fn a_longer_column_of_the_other_database_makes_the_column_longer() {
        for (base, reference, merged) in [(72, 255, 255), (255, 72, 255), (72, 0, 0), (0, 72, 0)] {
            let [mut one, other] = [base, reference].map(|width| {
                let mut database = Database::create();
                let create = format!(
                    "CREATE TABLE Item (Item CHAR(72) NOT NULL, Name CHAR({width}) PRIMARY KEY Item)"
                );
                database.execute(&create, &[]).unwrap();
                database
            });
            one.merge(&other).unwrap();
            let kind = one.columns("Item").unwrap()[1].kind;
            assert_eq!(kind, ColumnType::Text(merged), "{base} and {reference}");
        }
    }

    #[test]
    fn rows_tables_and_their_streams_are_added() {
        let mut base = database(&[("A", "1"), ("B", "2")], &[]);
        let reference = database(&[("B", "2"), ("C", "3")], &[("icon", b"bytes")]);
        let merged = base.merge(&reference).unwrap();
        assert_eq!(merged, Merged { rows: 2, conflicts: Vec::new() });
        assert_eq!(property(&base, "C").as_deref(), Some("3"));
        assert_eq!(base.stream("Binary.icon").unwrap().unwrap().to_bytes().unwrap(), b"bytes");
        assert_eq!(base.merge(&reference).unwrap().rows, 0, "a second time adds nothing");
    }

    #[test]
    fn rows_that_differ_stay_and_are_counted() {
        let mut base = database(&[("A", "1"), ("B", "2")], &[("same", b"1"), ("icon", b"12345")]);
        let reference =
            database(&[("A", "9"), ("B", "9"), ("C", "3")], &[("same", b"1"), ("icon", b"1234x")]);
        let merged = base.merge(&reference).unwrap();
        let conflict = |table: &str, rows: &[&str]| Conflict {
            table: table.into(),
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        };
        assert_eq!(merged.rows, 1);
        assert_eq!(merged.conflicts, [conflict("Binary", &["icon"]), conflict("Property", &["A", "B"])]);
        assert_eq!(property(&base, "A").as_deref(), Some("1"));
        base.put_conflicts("_MergeErrors", &merged.conflicts);
        let table = base.table("_MergeErrors").unwrap().unwrap();
        let row = table.find(&["Property".into()]).unwrap();
        assert_eq!(row.integer("NumRowMergeConflicts"), Some(2));
    }

    #[test]
    fn other_columns_and_code_pages_are_refused_before_anything_is_changed() {
        let mut base = database(&[("A", "1")], &[]);
        let mut reference = database(&[("C", "3")], &[]);
        let mut table = Table::new("Extra", reference.columns("Property").unwrap());
        table.push(vec!["x".into(), "y".into()]);
        reference.put_table(table);
        let mut columns = reference.columns("Property").unwrap();
        columns[1].kind = ColumnType::Long;
        base.put_table(Table::new("Extra", columns));
        let error = base.merge(&reference).unwrap_err().to_string();
        assert_eq!(
            error,
            "table 'Extra' has other columns in the two databases: column 'Value' has two types"
        );
        assert_eq!(property(&base, "C"), None);
        reference.set_code_page(1252);
        let error = base.merge(&reference).unwrap_err().to_string();
        assert_eq!(error, "the databases have different code pages, 0 and 1252");
    }
}
