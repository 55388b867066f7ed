//! The package file as a database: storage, string pool, tables, summary information.
//!
//! From the file up: `storage` reads the compound file and `stream_name` the names in it; `string_pool` and
//! `code_page` have the texts, `catalog` the list of tables and columns, `table_data` the values.
//! [`Database`] puts them together, `save` writes them by way of [`replacement`]; `signed_content` is what a signature covers. [`archive`] and [`folder`] are the same as text,
//! [`sql`] asks and changes by query, [`mod@record`] is a row on its way to or from one, [`summary`] is the summary information. [`transform`] is the difference of
//! two databases and [`patch`] a file of such differences; [`merge`] adds one to another; [`difference`] is one for people to read. [`validate`]
//! holds a database against its own rules. What a table means is not known here, but for the few that patches
//! renumber.
//!
//! ```
//! use reseat_database::{Column, ColumnType, Database, Table};
//!
//! let column = |name: &str, key: bool| Column {
//!     name: name.to_owned(),
//!     kind: ColumnType::Text(72),
//!     nullable: !key,
//!     key,
//!     localizable: false,
//! };
//! let mut table = Table::new("Property", vec![column("Property", true), column("Value", false)]);
//! table.push(vec!["ProductName".into(), "Example".into()]);
//! let mut database = Database::create();
//! database.put_table(table);
//! let row = database.query("SELECT `Value` FROM `Property` WHERE `Property` = 'ProductName'", &[])?.next();
//! assert_eq!(row.as_ref().and_then(|row| row.values()[0].as_text()), Some("Example"));
//! # Ok::<(), reseat_database::sql::SqlError>(())
//! ```

pub mod archive;
pub mod difference;
pub mod folder;
pub mod merge;
pub mod patch;
pub mod record;
pub mod replacement;
pub mod sql;
pub mod summary;
pub mod transform;
pub mod validate;

mod bytes;
mod catalog;
mod code_page;
mod counted;
mod database;
mod error;
mod findings;
mod guid;
mod save;
mod signed_content;
mod storage;
mod stream_name;
mod string_pool;
mod table;
mod table_data;

pub use database::{Database, DatabaseKind, Pieces};
pub use error::DatabaseError;
pub use findings::Reading;
pub use guid::{ComponentId, Guid, GuidError, PackageCode, ProductCode, UpgradeCode};
pub use patch::{Patch, PatchError};
pub use signed_content::SignedContent;
pub use storage::{StorageError, Stream};
pub use summary::{FileTime, FileTimeError, PropertyValue, SummaryInformation};
pub use table::{Column, ColumnType, Row, Table, Value};
pub use transform::{Transform, TransformError};

#[cfg(test)]
mod tests {
    fn is_shared<T: Send + Sync + 'static>() {}
    fn is_sent<T: Send + 'static>() {}

    #[test]
    fn databases_can_be_used_from_several_threads() {
        is_shared::<crate::Database>();
        is_shared::<crate::Table>();
        is_shared::<crate::DatabaseError>();
        is_sent::<crate::Stream>();
        is_sent::<crate::sql::Rows>();
    }
}
