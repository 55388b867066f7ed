//! The Binary table (page `binary-table.md`).

use crate::row::{HasStream, Text, table_row};

table_row! {
    /// A file kept in the package.
    Binary = "Binary" {
        /// Its name.
        name: Text = "Name",
        /// The file; its stream is `Binary.` and the name.
        data: HasStream = "Data",
    }
}
