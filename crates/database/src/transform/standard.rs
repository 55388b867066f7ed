//! The tables that packages usually have, without rows: what a transform is read by when its package is not at hand.

use crate::archive;
use crate::{Database, Table};

/// For each table its columns with their types as in a text archive; `!` is for the primary key. Names and meaning are those
/// of the page `database-tables.md`; of types that differ between packages, such as numbers of two and four bytes, these
/// are the usual ones.
const TABLES: &str = include_str!("standard_tables.txt");

/// A database that has the usual tables of a package, all empty. A transform that is described by it is misread where its
/// package has other columns, so that the package itself is to be preferred.
pub fn standard_tables() -> Database {
    let mut database = Database::create();
    for line in TABLES.lines() {
        let Some((table, columns)) = line.split_once(": ") else { continue };
        let columns = columns.split(", ").filter_map(|column| {
            let (name, kind) = column.split_once(' ')?;
            let mut column = archive::column(name, kind.trim_end_matches('!')).ok()?;
            column.key = kind.ends_with('!');
            Some(column)
        });
        database.put_table(Table::new(table, columns.collect()));
    }
    database
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_table_with_a_key() {
        let database = standard_tables();
        assert_eq!(database.table_names().unwrap().len(), TABLES.lines().count());
        for (name, line) in database.table_names().unwrap().iter().zip(TABLES.lines()) {
            let columns = database.columns(name).unwrap();
            assert_eq!(columns.len(), line.matches(", ").count() + 1, "{line}");
            assert!(columns[0].key && columns.iter().is_sorted_by_key(|column| !column.key), "{line}");
        }
    }
}
