use super::super::tests::shop;
use super::*;
use crate::Stream;
use crate::validate::Rule;

fn text(text: &str) -> Field {
    if text.is_empty() { Field::Null } else { Field::Text(text.to_owned()) }
}

fn fields(record: &Record) -> String {
    let texts = (1..=record.len()).map(|field| match record.field(field) {
        Some(Field::Stream(stream)) => format!("<{}>", stream.len()),
        _ => record.text(field),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// A view that is open and executed.
fn open(database: &mut Database, query: &str, access: Access) -> Cursor {
    let mut cursor = Cursor::open(database, query, access).unwrap_or_else(|error| panic!("{query}: {error}"));
    cursor.execute(database, &Record::new(0)).unwrap_or_else(|error| panic!("{query}: {error}"));
    cursor
}

fn all(database: &Database, query: &str) -> String {
    let rows = database.query(query, &[]).unwrap();
    let row = |row: ResultRow| fields(&record(database, &row).unwrap());
    rows.map(row).collect::<Vec<_>>().join(", ")
}

fn modify(
    cursor: &mut Cursor,
    database: &mut Database,
    mode: Mode,
    record: &mut Record,
) -> Result<(), CursorError> {
    cursor.modify(database, mode, record, &|_| None)
}

#[test]
fn rows_are_fetched_until_there_are_no_more_and_again_after_another_execution() {
    let mut database = shop();
    let query = "SELECT `Item`, `Price` FROM `Item` WHERE `Group_` = ?";
    let mut cursor = Cursor::open(&database, query, Access::Read).unwrap();
    assert!(matches!(cursor.fetch(&database), Err(CursorError::NotExecuted)));
    for _ in 0..2 {
        cursor.execute(&mut database, &Record::of([text("fruit")])).unwrap();
        assert_eq!(fields(&cursor.fetch(&database).unwrap().unwrap()), "pear 3");
        assert_eq!(fields(&cursor.fetch(&database).unwrap().unwrap()), "apple 2");
        assert!(cursor.fetch(&database).unwrap().is_none());
        assert!(cursor.fetch(&database).unwrap().is_none());
    }
    cursor.close().unwrap();
    assert!(matches!(cursor.close(), Err(CursorError::NotExecuted)));
    assert!(matches!(cursor.fetch(&database), Err(CursorError::NotExecuted)));
    let error = cursor.execute(&mut database, &Record::new(0)).unwrap_err();
    assert!(matches!(error, CursorError::Sql(SqlError { cause: SqlCause::NoParameter { marker: 1 }, .. })));
}

#[test]
fn names_are_looked_up_when_a_view_is_opened() {
    let database = shop();
    for (query, span) in [
        ("SELECT * FROM `Nothing`", "`Nothing`"),
        ("SELECT `Nothing` FROM `Item`", "`Nothing`"),
        ("SELECT `Item` FROM `Item` WHERE `Price` = 1 OR `Nothing` = ?", "`Nothing`"),
        ("SELECT `Item` FROM `Item` ORDER BY `Nothing`", "`Nothing`"),
        ("INSERT INTO `Item` (`Nothing`) VALUES (?)", "`Nothing`"),
        ("UPDATE `Item` SET `Nothing` = 1", "`Nothing`"),
        ("DELETE FROM `Item` WHERE `Nothing` IS NULL", "`Nothing`"),
        ("ALTER TABLE `Nothing` HOLD", "`Nothing`"),
        ("DROP TABLE `Nothing`", "`Nothing`"),
    ] {
        let error = Cursor::open(&database, query, Access::Write).err().unwrap_or_else(|| panic!("{query}"));
        assert_eq!(&query[error.span], span, "{query}");
    }
}

#[test]
fn columns_are_described_before_execution() {
    let mut database = shop();
    database.execute("ALTER TABLE `Item` ADD `Note` CHAR(9) TEMPORARY HOLD", &[]).unwrap();
    let cursor = Cursor::open(
        &database,
        "SELECT `Item`.*, `Title`, `Rank` FROM `Item`, `Group`".replace("`Item`.*", "`Item`").as_str(),
        Access::Read,
    );
    let described = |cursor: &Cursor| {
        let column = |column: &ResultColumn| format!("{}:{}", column.name, column.definition());
        cursor.columns().iter().map(column).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(described(&cursor.unwrap()), "Item:s72 Title:L0 Rank:I4");
    let cursor = Cursor::open(&database, "SELECT * FROM `Item`", Access::Read).unwrap();
    assert_eq!(described(&cursor), "Item:s72 Group_:S72 Price:I2 Data:V0 Note:G9");
    let change = Cursor::open(&database, "DELETE FROM `Item`", Access::Write).unwrap();
    assert!(change.columns().is_empty() && !change.has_result());
}

#[test]
fn each_mode_changes_what_it_says() {
    let mut database = shop();
    let query = "SELECT `Item`, `Group_`, `Price` FROM `Item`";
    let mut cursor = open(&mut database, query, Access::Write);
    let mut pear = cursor.fetch(&database).unwrap().unwrap();
    let mut apple = cursor.fetch(&database).unwrap().unwrap();

    pear.set(3, Field::Integer(4)).unwrap();
    modify(&mut cursor, &mut database, Mode::Update, &mut pear).unwrap();
    apple.set(1, text("peach")).unwrap();
    let error = modify(&mut cursor, &mut database, Mode::Update, &mut apple).unwrap_err();
    assert!(matches!(error, CursorError::KeyColumn { .. }), "{error}");
    modify(&mut cursor, &mut database, Mode::Replace, &mut apple).unwrap();
    assert_eq!(all(&database, query), "pear fruit 4, saw tool 30, thing  , peach fruit 2");

    let mut new = Record::of([text("nail"), text("tool"), Field::Integer(1)]);
    modify(&mut cursor, &mut database, Mode::Insert, &mut new).unwrap();
    let error = modify(&mut cursor, &mut database, Mode::Insert, &mut new).unwrap_err();
    assert!(matches!(&error, CursorError::DuplicateKey { key, .. } if key == "nail"), "{error}");
    // What was inserted can be changed and removed without a fetch.
    new.set(3, Field::Integer(2)).unwrap();
    modify(&mut cursor, &mut database, Mode::Update, &mut new).unwrap();
    modify(&mut cursor, &mut database, Mode::Merge, &mut new).unwrap();
    new.set(3, Field::Integer(5)).unwrap();
    let error = modify(&mut cursor, &mut database, Mode::Merge, &mut new).unwrap_err();
    assert!(matches!(error, CursorError::Different { .. }), "{error}");
    modify(&mut cursor, &mut database, Mode::Refresh, &mut new).unwrap();
    assert_eq!(fields(&new), "nail tool 2");
    modify(&mut cursor, &mut database, Mode::Delete, &mut new).unwrap();
    for mode in [Mode::Delete, Mode::Update, Mode::Refresh] {
        let error = modify(&mut cursor, &mut database, mode, &mut new).unwrap_err();
        assert!(matches!(error, CursorError::NoRow { .. }), "{mode:?} {error}");
    }
    modify(&mut cursor, &mut database, Mode::Assign, &mut new).unwrap();
    new.set(3, Field::Integer(6)).unwrap();
    modify(&mut cursor, &mut database, Mode::Assign, &mut new).unwrap();

    let mut sought = Record::of([text("nail"), Field::Null, Field::Null]);
    modify(&mut cursor, &mut database, Mode::Seek, &mut sought).unwrap();
    assert_eq!(fields(&sought), "nail tool 6");
    modify(&mut cursor, &mut database, Mode::Delete, &mut sought).unwrap();
    let mut brief = Record::of([text("brief"), Field::Null, Field::Null]);
    modify(&mut cursor, &mut database, Mode::InsertTemporary, &mut brief).unwrap();
    assert_eq!(all(&database, query), "pear fruit 4, saw tool 30, thing  , peach fruit 2, brief  ");
    let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let saved = Database::from_bytes(bytes, crate::Reading::Strict).unwrap();
    let sorted = format!("{query} ORDER BY `Price`");
    assert_eq!(all(&saved, &sorted), "thing  , peach fruit 2, pear fruit 4, saw tool 30");
}

#[test]
fn each_misuse_has_its_error() {
    let mut database = shop();
    let mut record = Record::of([text("saw"), Field::Null, Field::Integer(1)]);
    let mut failure = |query: &str, mode, record: &mut Record| {
        let mut cursor = open(&mut database, query, Access::Write);
        modify(&mut cursor, &mut database, mode, record).unwrap_err().to_string()
    };
    let query = "SELECT `Item`, `Group_`, `Price` FROM `Item`";
    for mode in [Mode::Refresh, Mode::Update, Mode::Replace, Mode::Delete] {
        let fault = failure(query, mode, &mut record);
        assert_eq!(fault, "the record was not fetched from this view", "{mode:?}");
    }
    for (query, mode, message) in [
        ("DELETE FROM `Item` WHERE `Item` = 'none'", Mode::Insert, "the view has no result"),
        (
            "SELECT `Item`, `Title` FROM `Item`, `Group`",
            Mode::Insert,
            "this cannot be done with a view of several tables",
        ),
        (
            "SELECT `Group_` FROM `Item`",
            Mode::Seek,
            "column 'Item' belongs to the primary key and is not in the query",
        ),
        (
            "SELECT `Item`, `Group_`, `Price`, `Data` FROM `Item`",
            Mode::Seek,
            "the record has 3 fields, and the query 4 columns",
        ),
        (query, Mode::Validate, "the database has no table '_Validation'"),
        (
            "SELECT `Name` FROM `_Tables`",
            Mode::Insert,
            "table '_Tables' cannot be changed through this database",
        ),
    ] {
        assert_eq!(failure(query, mode, &mut record), message, "{query} {mode:?}");
    }
    let mut cases = [
        (Record::of([Field::Null]), "column 'Item': column 'Item' cannot be null"),
        (
            Record::of([text("a"), Field::Null, Field::Integer(70_000)]),
            "column 'Price': 70000 does not fit column 'Price'",
        ),
        (Record::of([text("a"), Field::Null, text("much")]), "column 'Price': the types do not agree"),
    ];
    for (record, message) in &mut cases {
        assert_eq!(&failure(query, Mode::Insert, record), message);
    }
    let mut idle = Cursor::open(&database, query, Access::Write).unwrap();
    let error = modify(&mut idle, &mut database, Mode::Insert, &mut record).unwrap_err();
    assert!(matches!(error, CursorError::NotExecuted));
}

#[test]
fn what_is_temporary_may_be_changed_where_nothing_stored_may() {
    let mut database = shop();
    let mut refused = 0;
    for (statement, allowed) in [
        ("INSERT INTO `Item` (`Item`) VALUES ('a')", false),
        ("INSERT INTO `Item` (`Item`) VALUES ('a') TEMPORARY", true),
        ("UPDATE `Item` SET `Price` = 7 WHERE `Item` = 'a'", true),
        ("UPDATE `Item` SET `Price` = 7", false),
        ("ALTER TABLE `Item` ADD `Note` CHAR(9)", false),
        ("ALTER TABLE `Item` ADD `Note` CHAR(9) TEMPORARY HOLD", true),
        ("UPDATE `Item` SET `Note` = 'n'", true),
        ("DELETE FROM `Item` WHERE `Item` = 'a'", true),
        ("DELETE FROM `Item`", false),
        ("CREATE TABLE `T` (`A` INT NOT NULL PRIMARY KEY `A`)", false),
        ("CREATE TABLE `T` (`A` INT NOT NULL TEMPORARY PRIMARY KEY `A`) HOLD", true),
        ("INSERT INTO `T` (`A`) VALUES (1)", true),
        ("DROP TABLE `Item`", false),
        ("DROP TABLE `T`", true),
        ("ALTER TABLE `Item` FREE", true),
    ] {
        let mut cursor = Cursor::open(&database, statement, Access::Temporary).unwrap();
        match cursor.execute(&mut database, &Record::new(0)) {
            Ok(()) => assert!(allowed, "{statement}"),
            Err(CursorError::Denied { .. }) if !allowed => refused += 1,
            Err(error) => panic!("{statement}: {error}"),
        }
    }
    assert_eq!(refused, 6);
    let mut cursor = open(&mut database, "SELECT `Item`, `Price` FROM `Item`", Access::Temporary);
    let mut pear = cursor.fetch(&database).unwrap().unwrap();
    pear.set(2, Field::Integer(9)).unwrap();
    for mode in [Mode::Update, Mode::Delete, Mode::Assign, Mode::Replace] {
        let error = modify(&mut cursor, &mut database, mode, &mut pear).unwrap_err();
        assert!(matches!(error, CursorError::Denied { .. }), "{mode:?} {error}");
    }
    let mut own = Record::of([text("own"), Field::Integer(1)]);
    modify(&mut cursor, &mut database, Mode::InsertTemporary, &mut own).unwrap();
    own.set(2, Field::Integer(2)).unwrap();
    modify(&mut cursor, &mut database, Mode::Assign, &mut own).unwrap();
    modify(&mut cursor, &mut database, Mode::Delete, &mut own).unwrap();
}

#[test]
fn streams_go_through_records() {
    let mut database = shop();
    let mut cursor = open(&mut database, "SELECT `Item`, `Data` FROM `Item`", Access::Write);
    let mut record = Record::of([text("book"), Field::Stream(Stream::from_bytes(*b"pages"))]);
    modify(&mut cursor, &mut database, Mode::Insert, &mut record).unwrap();
    let mut again = open(&mut database, "SELECT `Data` FROM `Item` WHERE `Item` = 'book'", Access::Write);
    let mut fetched = again.fetch(&database).unwrap().unwrap();
    assert_eq!(fetched.read_stream(1, 3).unwrap(), b"pag");
    fetched.set(1, Field::Stream(Stream::from_bytes(*b"leaves"))).unwrap();
    modify(&mut again, &mut database, Mode::Update, &mut fetched).unwrap();
    assert_eq!(database.stream("Item.book").unwrap().unwrap().to_bytes().unwrap(), b"leaves");
    let mut streams = open(&mut database, "SELECT `Name`, `Data` FROM `_Streams`", Access::Write);
    let mut cabinet = Record::of([text("a.cab"), Field::Stream(Stream::from_bytes(*b"MSCF"))]);
    modify(&mut streams, &mut database, Mode::Assign, &mut cabinet).unwrap();
    assert_eq!(all(&database, "SELECT `Name`, `Data` FROM `_Streams`"), "Item.book <6>, a.cab <4>");
    modify(&mut streams, &mut database, Mode::Delete, &mut cabinet).unwrap();
    fetched.set(1, Field::Null).unwrap();
    modify(&mut again, &mut database, Mode::Update, &mut fetched).unwrap();
    assert_eq!(all(&database, "SELECT `Name` FROM `_Streams`"), "");
}

#[test]
fn validation_names_each_column_and_what_refers_to_a_row() {
    let mut database = shop();
    for statement in [
        "CREATE TABLE `_Validation` (`Table` CHAR(32) NOT NULL, `Column` CHAR(32) NOT NULL, `Nullable` CHAR(4) NOT NULL, `MinValue` LONG, `MaxValue` LONG, `KeyTable` CHAR(255), `KeyColumn` SHORT, `Category` CHAR(32), `Set` CHAR(255), `Description` CHAR(255) PRIMARY KEY `Table`, `Column`)",
        "INSERT INTO `_Validation` (`Table`, `Column`, `Nullable`, `Category`) VALUES ('Item', 'Item', 'N', 'Identifier')",
        "INSERT INTO `_Validation` (`Table`, `Column`, `Nullable`, `KeyTable`, `KeyColumn`) VALUES ('Item', 'Group_', 'Y', 'Group', 1)",
        "INSERT INTO `_Validation` (`Table`, `Column`, `Nullable`, `MinValue`, `MaxValue`) VALUES ('Item', 'Price', 'Y', 0, 100)",
    ] {
        database.execute(statement, &[]).unwrap();
    }
    let mut cursor = open(&mut database, "SELECT `Item`, `Group_`, `Price` FROM `Item`", Access::Read);
    let mut check = |mode, record: &mut Record| {
        let result = modify(&mut cursor, &mut database, mode, record);
        let mut found = Vec::new();
        while let Some(finding) = cursor.take_error() {
            found.push((finding.rule, finding.column.unwrap_or_default()));
        }
        assert_eq!(matches!(result, Err(CursorError::Invalid)), !found.is_empty(), "{result:?}");
        found
    };
    let mut wrong = Record::of([text("saw"), text("none"), Field::Integer(101)]);
    assert_eq!(
        check(Mode::ValidateNew, &mut wrong),
        [
            (Rule::DuplicateKey, "Item".to_owned()),
            (Rule::BadLink, "Group_".to_owned()),
            (Rule::Overflow, "Price".to_owned())
        ]
    );
    let mut partial = Record::of([Field::Null, Field::Null, Field::Integer(-1)]);
    assert_eq!(check(Mode::ValidateField, &mut partial), [(Rule::Underflow, "Price".to_owned())]);
    let mut right = Record::of([text("new"), text("tool"), Field::Integer(1)]);
    assert!(check(Mode::ValidateNew, &mut right).is_empty());
    assert_eq!(Rule::BadLocalizeAttribute.number(), 29);

    let mut groups = open(&mut database, "SELECT `Group` FROM `Group`", Access::Read);
    let mut fruit = groups.fetch(&database).unwrap().unwrap();
    let error = modify(&mut groups, &mut database, Mode::ValidateDelete, &mut fruit).unwrap_err();
    assert!(matches!(error, CursorError::Invalid));
    assert_eq!(groups.take_error().map(|finding| finding.rule), Some(Rule::Required));
}
