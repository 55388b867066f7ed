//! The SQL dialect of the installer: queries and changes as text.
//!
//! Documented on the page `sql-syntax.md`. A query is read (`lexer`, `parser`) into a `statement`, its names
//! are looked up (`names`), and a SELECT becomes a chain of steps (`plan`, one file for each kind of step).
//! Changes are in `change`, one file for each statement. `cursor` is a view as the installer's functions know it.
//!
//! Rows come in the order of the first table, then the second, and so on, unless ORDER BY says otherwise. A
//! text that is empty is null, as in the tables. Null equals null, and is neither below nor above a number.

mod change;
mod condition;
mod cursor;
mod error;
mod lexer;
mod names;
mod parser;
mod plan;
mod relations;
mod rows;
mod statement;
mod step;
mod view;

pub use cursor::{Access, Cursor, CursorError, Mode};
pub use error::{SqlCause, SqlError};
pub use rows::{ResultColumn, ResultRow, Rows};
pub use view::{Parameter, View};

#[cfg(test)]
mod tests;
