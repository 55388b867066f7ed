//! Which documented message says what is wrong with a database, a transform, a patch or the tables of a package (page
//! `windows-installer-error-messages.md`, from 2200 on).

use std::error::Error;
use std::io;

use reseat_database::folder::FolderError;
use reseat_database::merge::MergeError;
use reseat_database::sql::{CursorError, SqlCause, SqlError};
use reseat_database::{DatabaseError, PatchError, StorageError, TransformError};
use reseat_package::feature_state::SelectionError;
use reseat_package::{DirectoryError, PackageError, RowError};

use crate::error_message::system_error;
use crate::numbered_message::NumberedMessage;

/// The documented message for an error with its causes, where there is one; `database` is what the message calls the file.
pub fn numbered_cause(error: &(dyn Error + 'static), database: &str) -> Option<NumberedMessage> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(message) = of_error(error, database) {
            return Some(message);
        }
        next = error.source();
    }
    None
}

fn of_error(error: &(dyn Error + 'static), database: &str) -> Option<NumberedMessage> {
    if let Some(error) = error.downcast_ref::<DatabaseError>() {
        return of_database(error, database);
    }
    if let Some(error) = error.downcast_ref::<StorageError>() {
        return Some(of_storage(error, database));
    }
    if let Some(error) = error.downcast_ref::<PackageError>() {
        return of_package(error, database);
    }
    if let Some(error) = error.downcast_ref::<SelectionError>() {
        return Some(of_selection(error));
    }
    if let Some(error) = error.downcast_ref::<TransformError>() {
        return of_transform(error, "", database);
    }
    if let Some(error) = error.downcast_ref::<PatchError>() {
        return of_patch(error, database);
    }
    if let Some(error) = error.downcast_ref::<Box<PatchError>>() {
        return of_patch(error, database);
    }
    if let Some(error) = error.downcast_ref::<FolderError>() {
        return of_folder(error, database);
    }
    if let Some(error) = error.downcast_ref::<MergeError>() {
        return of_merge(error, database);
    }
    if let Some(error) = error.downcast_ref::<CursorError>() {
        return of_cursor(error, database);
    }
    let error = error.downcast_ref::<SqlError>()?;
    of_query(error, "", database)
}

fn message(number: u32, fields: &[&dyn ToString]) -> NumberedMessage {
    NumberedMessage::new(number, fields.iter().map(|field| field.to_string()))
}

fn of_storage(error: &StorageError, database: &str) -> NumberedMessage {
    match error {
        StorageError::Open(cause) | StorageError::Read { source: cause, .. } => {
            message(2203, &[&database, &system_error(cause)])
        }
        _ => message(2219, &[&database]),
    }
}

fn of_database(error: &DatabaseError, database: &str) -> Option<NumberedMessage> {
    let cause = |error: &io::Error| system_error(error);
    Some(match error {
        DatabaseError::Storage(error) => of_storage(error, database),
        DatabaseError::MissingStream { .. }
        | DatabaseError::StringData { .. }
        | DatabaseError::StringPool { .. } => message(2219, &[&database]),
        DatabaseError::CodePage { code_page } => message(2276, &[&database, code_page]),
        DatabaseError::Undecodable { .. }
        | DatabaseError::StringReference { .. }
        | DatabaseError::OutOfRange { .. }
        | DatabaseError::WrongKind { .. }
        | DatabaseError::DuplicateKey { .. } => message(2220, &[&database]),
        DatabaseError::TableLength { .. } | DatabaseError::SharedData { .. } => message(2725, &[]),
        DatabaseError::ColumnKind { table, .. }
        | DatabaseError::ColumnNumber { table, .. }
        | DatabaseError::NoColumns { table } => message(2728, &[table]),
        DatabaseError::Duplicate { name } => message(2603, &[name]),
        DatabaseError::StreamName { name } => message(2282, &[name]),
        DatabaseError::NoStream { name } => message(2262, &[name]),
        DatabaseError::ReadStream { name, source } => message(2263, &[name, &cause(source)]),
        DatabaseError::Write { source, .. } | DatabaseError::WriteStream { source, .. } => {
            message(2265, &[&cause(source)])
        }
        DatabaseError::Unencodable { .. } | DatabaseError::Summary { .. } => return None,
    })
}

fn of_package(error: &PackageError, database: &str) -> Option<NumberedMessage> {
    Some(match error {
        PackageError::Database(error) => return of_database(error, database),
        PackageError::Row(error) => of_row(error),
        PackageError::Directory(DirectoryError::Row(error)) => of_row(error),
        PackageError::Directory(_) => message(2705, &[&"Directory"]),
        PackageError::NotAPackage { .. } => message(2219, &[&database]),
        PackageError::MissingProperty { property } => message(2604, &[property]),
        PackageError::InvalidProperty { property, value, .. } => message(2601, &[property, value]),
        PackageError::Version(_) => message(2601, &[&"ProductVersion", &""]),
    })
}

fn of_row(error: &RowError) -> NumberedMessage {
    match error {
        RowError::Null { table, row, column, .. } => message(2713, &[row, column, table]),
        RowError::WrongType { table, row, column, .. } | RowError::Invalid { table, row, column, .. } => {
            message(2730, &[table, row, column])
        }
    }
}

/// The message for a selection that is impossible.
pub(crate) fn of_selection(error: &SelectionError) -> NumberedMessage {
    match error {
        SelectionError::UnknownFeature { feature, .. } => message(2711, &[feature]),
        SelectionError::UnknownComponent { component, .. } => message(2709, &[component]),
        SelectionError::UnknownFile { file, .. } => message(2715, &[file]),
        SelectionError::NoParent { feature, .. } => message(2702, &[feature]),
        SelectionError::TooDeep { limit, .. } => message(2701, &[limit]),
        SelectionError::BrokenLink { feature, missing: "feature", .. } => message(2711, &[feature]),
        SelectionError::BrokenLink { component, .. } => message(2709, &[component]),
        SelectionError::Condition { table, row, .. } => message(2730, &[table, row, &"Condition"]),
    }
}

/// The message for a transform, by its name as it is listed.
pub(crate) fn of_transform(
    error: &TransformError,
    transform: &str,
    database: &str,
) -> Option<NumberedMessage> {
    Some(match error {
        TransformError::Database(DatabaseError::Storage(StorageError::Open(cause)))
            if cause.kind() == io::ErrorKind::NotFound =>
        {
            message(2936, &[&transform])
        }
        TransformError::Database(error) => return of_database(error, database),
        TransformError::NoTransform
        | TransformError::Truncated { .. }
        | TransformError::ColumnCount { .. }
        | TransformError::StringReference { .. }
        | TransformError::SchemaOperation { .. } => message(2246, &[&database]),
        TransformError::MissingStream { .. } => message(2247, &[&database]),
        TransformError::AddExistingTable { table } => message(2252, &[&database, table]),
        TransformError::DeleteMissingTable { table } => message(2253, &[&database, table]),
        TransformError::AddExistingRow { table, .. } => message(2250, &[&database, table]),
        TransformError::DeleteMissingRow { table, .. } => message(2251, &[&database, table]),
        TransformError::UpdateMissingRow { table, .. } => message(2254, &[&database, table]),
        TransformError::MissingTable { table } => message(2205, &[&database, table]),
        TransformError::TemporaryTable { table } => message(2225, &[&database, table]),
        TransformError::AddExistingColumn { table, column } => message(2255, &[&database, table, column]),
        TransformError::TooManyColumns { table, .. } => message(2279, &[&database, table]),
        TransformError::CodePage { transform, database: own } => message(2222, &[&database, transform, own]),
        TransformError::ColumnDiffers { table, number, .. } => message(2248, &[&database, table, number]),
        TransformError::ColumnRemoved { table, .. } => message(2249, &[&database, table]),
        TransformError::NoKey { .. } => message(2243, &[&database]),
        TransformError::MissingProperty { property } => message(2604, &[property]),
        TransformError::Language { expected, found } => {
            message(2745, &[&transform, &database, expected, found])
        }
        TransformError::Product { expected, found } => {
            message(2746, &[&transform, &database, expected, found])
        }
        TransformError::Version { relation, expected, found } => {
            let number = match *relation {
                "<" => 2747,
                "<=" => 2748,
                ">=" => 2750,
                ">" => 2751,
                _ => 2749,
            };
            message(number, &[&transform, &database, expected, found])
        }
        TransformError::UpgradeCode { expected, found } => {
            message(2760, &[&transform, &database, expected, found])
        }
    })
}

fn of_patch(error: &PatchError, database: &str) -> Option<NumberedMessage> {
    match error {
        PatchError::Database(error) => of_database(error, database),
        PatchError::MissingTransform { .. } | PatchError::Transform { .. } => Some(message(2768, &[])),
        _ => None,
    }
}

/// A folder of text archives that cannot be imported, or not be written.
fn of_folder(error: &FolderError, database: &str) -> Option<NumberedMessage> {
    Some(match error {
        FolderError::Database(error) => return of_database(error, database),
        FolderError::Archive { path, .. } => message(2216, &[&database, &path.display(), &""]),
        FolderError::File { path, .. } => message(2215, &[&database, &path.display()]),
        FolderError::DuplicateTable { table, .. } => message(2204, &[&database, table]),
        FolderError::CodePages { path, .. } => message(2221, &[&database, &path.display()]),
        FolderError::Stream { .. } | FolderError::Empty { .. } | FolderError::StreamFile { .. } => {
            return None;
        }
    })
}

fn of_merge(error: &MergeError, database: &str) -> Option<NumberedMessage> {
    Some(match error {
        MergeError::CodePage { base, reference } => message(2222, &[&database, reference, base]),
        MergeError::Schema { table, .. } => message(2248, &[&database, table, &""]),
        _ => return None,
    })
}

/// The message for a view that cannot be used so.
pub(crate) fn of_cursor(error: &CursorError, database: &str) -> Option<NumberedMessage> {
    Some(match error {
        CursorError::Sql(error) => return of_query(error, "", database),
        CursorError::Database(error) => return of_database(error, database),
        CursorError::NotExecuted => message(2209, &[&database]),
        CursorError::Denied { .. } => message(2207, &[&database]),
        CursorError::Value { column, .. } => message(2210, &[&database, column]),
        CursorError::Joined => message(2275, &[&database, &""]),
        CursorError::Field(_) => message(2258, &[&database, &""]),
        _ => message(2259, &[&database]),
    })
}

/// The message for a query that cannot be carried out; without its text, what the text would be needed for is left out.
pub fn of_query(error: &SqlError, query: &str, database: &str) -> Option<NumberedMessage> {
    let part = query.get(error.span.clone()).unwrap_or_default();
    Some(match &error.cause {
        SqlCause::UnknownTable { table } => message(2228, &[&database, table, &query]),
        SqlCause::UnknownColumn { column } | SqlCause::AmbiguousColumn { column } => {
            message(2235, &[&database, column, &query])
        }
        SqlCause::NoParameter { .. } => message(2208, &[&database]),
        SqlCause::TableExists { table } => message(2204, &[&database, table]),
        SqlCause::RepeatedTable { table } => message(2230, &[&database, table, &query]),
        SqlCause::Character { .. } | SqlCause::LongName { .. } => message(2227, &[&database, &part, &query]),
        SqlCause::Duplicate { name } => message(2242, &[&database, name]),
        SqlCause::ValueCount { .. } => message(2239, &[&database]),
        SqlCause::ReadOnly { table } => message(2257, &[&database, table]),
        SqlCause::NoQuery => message(2212, &[&database]),
        SqlCause::TooManyConditions { .. } => message(2278, &[&database, &query]),
        SqlCause::DuplicateKey { .. } | SqlCause::Null { .. } | SqlCause::OutOfRange { .. } => {
            message(2259, &[&database])
        }
        SqlCause::Types | SqlCause::StreamValue => message(2258, &[&database, &part]),
        SqlCause::OrderOfTexts | SqlCause::StreamComparison => message(2236, &[&database, &part, &query]),
        SqlCause::Database(error) => return of_database(error, database),
        SqlCause::Unexpected { expected, .. } => match *expected {
            "a column to select" => message(2233, &[&database, &query]),
            "a column to order by" => message(2234, &[&database, &query]),
            "a column to update" => message(2240, &[&database]),
            "a column to insert into" => message(2241, &[&database]),
            "FROM" => message(2238, &[&database, &query]),
            ")" => message(2231, &[&database, &query]),
            "PRIMARY" => message(2243, &[&database]),
            "a column type" => message(2244, &[&database, &part, &query]),
            "a comparison" => message(2236, &[&database, &part, &query]),
            _ if query.trim().is_empty() => message(2237, &[&database, &query]),
            _ => message(2232, &[&database, &part, &query]),
        },
        _ => message(2232, &[&database, &part, &query]),
    })
}
