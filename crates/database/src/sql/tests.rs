use super::*;
use crate::{Database, Table, Value};

pub(super) fn shop() -> Database {
    let mut database = Database::create();
    for statement in [
        "CREATE TABLE `Item` (`Item` CHAR(72) NOT NULL, `Group_` CHAR(72), `Price` SHORT, `Data` OBJECT PRIMARY KEY `Item`)",
        "CREATE TABLE `Group` (`Group` CHAR(72) NOT NULL, `Title` LONGCHAR LOCALIZABLE, `Rank` LONG PRIMARY KEY `Group`)",
        "INSERT INTO `Group` (`Group`, `Title`, `Rank`) VALUES ('fruit', 'Fruit', 70000)",
        "INSERT INTO `Group` (`Group`, `Title`, `Rank`) VALUES ('tool', '', -5)",
        "INSERT INTO `Item` (`Item`, `Group_`, `Price`) VALUES ('pear', 'fruit', 3)",
        "INSERT INTO `Item` (`Item`, `Group_`, `Price`) VALUES ('apple', 'fruit', 2)",
        "INSERT INTO `Item` (`Item`, `Group_`, `Price`) VALUES ('saw', 'tool', 30)",
        "INSERT INTO `Item` (`Item`) VALUES ('thing')",
    ] {
        database.execute(statement, &[]).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    database
}

fn rows(database: &Database, query: &str, parameters: &[Parameter]) -> String {
    let rows = database.query(query, parameters).unwrap_or_else(|error| panic!("{query}: {error}"));
    let row = |row: ResultRow| {
        let values = row.values().iter().map(|value| match value {
            Value::Null => "-".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text.to_string(),
            Value::Stream => "stream".to_owned(),
        });
        values.collect::<Vec<_>>().join(" ")
    };
    rows.map(row).collect::<Vec<_>>().join(", ")
}

#[test]
fn selects_give_the_rows_that_match() {
    let database = shop();
    for (query, expected) in [
        ("SELECT `Item` FROM `Item`", "pear, apple, saw, thing"),
        ("select Item from Item where Price>=3", "pear, saw"),
        ("SELECT Item FROM Item WHERE Price < 3 OR Price > 3", "apple, saw"),
        ("SELECT Item FROM Item WHERE Price <> 3", "apple, saw, thing"),
        ("SELECT Item FROM Item WHERE Price IS NULL", "thing"),
        ("SELECT Item FROM Item WHERE Data IS NOT NULL", ""),
        ("SELECT Item FROM Item WHERE Item = 'saw'", "saw"),
        ("SELECT Item FROM Item WHERE Item = 'none'", ""),
        ("SELECT `Group` FROM `Group` WHERE `Title` = ''", "tool"),
        ("SELECT Item FROM Item WHERE Group_ = 'fruit' AND (Price = 2 OR Price = 30)", "apple"),
        ("SELECT Item FROM Item WHERE Price = 30 OR Group_ = 'fruit' AND Price = 2", "apple, saw"),
        ("SELECT Item, Price FROM Item ORDER BY Price", "thing -, apple 2, pear 3, saw 30"),
        ("SELECT DISTINCT Group_ FROM Item", "fruit, tool, -"),
        ("SELECT * FROM `Group` WHERE Rank < 0", "tool - -5"),
        (
            "SELECT Item.Item, Title FROM Item, `Group` WHERE Group_ = `Group`.`Group`",
            "pear Fruit, apple Fruit, saw -",
        ),
        (
            "SELECT Item FROM `Group`, Item WHERE Group_ = `Group` AND `Group`.Rank > 0 ORDER BY Item",
            "apple, pear",
        ),
        ("SELECT Item FROM Item, `Group` WHERE Price > 2 AND Rank = -5", "pear, saw, "),
        ("SELECT `Name` FROM `_Tables`", "Group, Item"),
        ("SELECT `Name` FROM `_Columns` WHERE `Table`='Group' AND `Number`=2", "Title"),
    ] {
        assert_eq!(rows(&database, query, &[]), expected.trim_end_matches(", "), "{query}");
    }
}

#[test]
fn markers_take_the_parameters_in_order() {
    let database = shop();
    let query = "SELECT Item FROM Item WHERE Group_ = ? AND Price > ?";
    assert_eq!(rows(&database, query, &["fruit".into(), 2.into()]), "pear");
    let view = View::open(query).unwrap();
    assert_eq!(view.select(&database, &["tool".into(), 0.into()]).unwrap().count(), 1);
    let error = view.select(&database, &["tool".into()]).err().unwrap();
    assert_eq!(&query[error.span.clone()], "?");
    assert!(matches!(error.cause, SqlCause::NoParameter { marker: 2 }));
}

#[test]
fn an_update_of_several_tables_changes_the_rows_that_the_condition_joins() {
    let mut database = shop();
    let query = "UPDATE Item, `Group` SET Item.Price = 7, `Group`.Rank = 1 WHERE Item.Group_ = `Group`.`Group` AND Rank > 0";
    database.execute(query, &[]).unwrap();
    assert_eq!(rows(&database, "SELECT Item FROM Item WHERE Price = 7", &[]), "pear, apple");
    assert_eq!(rows(&database, "SELECT `Group`, Rank FROM `Group`", &[]), "fruit 1, tool -5");
    let error = database.execute("UPDATE Item, `Group` SET Other.Price = 1", &[]).map(drop).unwrap_err();
    assert_eq!(error.cause.to_string(), "there is no table 'Other'");
    let error = database.execute("UPDATE Item, `Group` SET `Group` = 'x'", &[]).map(drop).unwrap_err();
    assert!(error.to_string().contains("belongs to the primary key"), "{error}");
}

#[test]
fn a_query_on_a_key_and_a_join_on_one_do_not_scan_the_table() {
    let mut database = Database::create();
    for (table, reference) in [("A", "B_"), ("B", "C_"), ("C", "D_")] {
        let create = format!("CREATE TABLE {table} (Id LONG NOT NULL, {reference} LONG PRIMARY KEY Id)");
        database.execute(&create, &[]).unwrap();
        let columns = database.columns(table).unwrap();
        let mut rows = Table::new(table, columns);
        (0..50_000).for_each(|row| rows.push(vec![Value::Integer(row), Value::Integer(row)]));
        database.put_table(rows);
    }
    let began = std::time::Instant::now();
    for row in 0..5_000 {
        let parameters = [Parameter::from(row)];
        for query in [
            "SELECT B_ FROM A WHERE Id = ?",
            "SELECT D_ FROM A, B, C WHERE A.Id = ? AND B.Id = A.B_ AND C.Id = B.C_",
            "SELECT D_ FROM C, B, A WHERE A.B_ = B.Id AND C.Id = B.C_ AND A.Id = ? AND C.D_ >= 0",
        ] {
            assert_eq!(rows(&database, query, &parameters), row.to_string());
        }
    }
    // Fifteen thousand scans of these tables would take an hour.
    assert!(began.elapsed().as_secs() < 120, "{:?}", began.elapsed());
}

#[test]
fn changes_are_seen_by_later_queries_only() {
    let mut database = shop();
    let before = database.query("SELECT Item FROM Item", &[]).unwrap();
    database
        .execute("UPDATE Item SET Price = 9, Group_ = ? WHERE Group_ = 'fruit'", &["tool".into()])
        .unwrap();
    assert_eq!(
        rows(&database, "SELECT Item, Group_, Price FROM Item WHERE Price = 9", &[]),
        "pear tool 9, apple tool 9"
    );
    database.execute("DELETE FROM Item WHERE Price = 9", &[]).unwrap();
    assert_eq!(rows(&database, "SELECT Item FROM Item", &[]), "saw, thing");
    assert_eq!(rows(&database, "SELECT Price FROM Item WHERE Item = 'saw'", &[]), "30");
    assert_eq!(before.count(), 4);
    database.execute("DROP TABLE Item", &[]).unwrap();
    assert!(database.query("SELECT Item FROM Item", &[]).is_err());
}

#[test]
fn streams_follow_their_rows() {
    let mut database = shop();
    let content = Parameter::Stream(b"content".as_slice().into());
    let insert = "INSERT INTO `Item` (`Item`, `Data`) VALUES (?, ?)";
    database.execute(insert, &["new".into(), content.clone()]).unwrap();
    let row = database.query("SELECT `Data` FROM `Item` WHERE `Item` = 'new'", &[]).unwrap().next().unwrap();
    assert_eq!(row.stream_name(0), Some("Item.new"));
    assert_eq!(database.stream("Item.new").unwrap().unwrap().to_bytes().unwrap(), b"content");
    database.execute("INSERT INTO _Streams (Name, Data) VALUES ('a.cab', ?)", &[content]).unwrap();
    assert_eq!(rows(&database, "SELECT Name FROM _Streams", &[]), "Item.new, a.cab");
    for (update, name) in [
        ("UPDATE `Item` SET `Data` = ? WHERE `Item` = 'new'", "Item.new"),
        ("UPDATE `_Streams` SET `Data` = ? WHERE `Name` = 'a.cab'", "a.cab"),
    ] {
        database.execute(update, &[Parameter::Stream(b"other".as_slice().into())]).unwrap();
        assert_eq!(database.stream(name).unwrap().unwrap().to_bytes().unwrap(), b"other");
    }
    database.execute("DELETE FROM _Streams WHERE Name = 'a.cab'", &[]).unwrap();
    database.execute("DELETE FROM Item WHERE Item = 'new'", &[]).unwrap();
    assert_eq!(rows(&database, "SELECT Name FROM _Streams", &[]), "");
}

#[test]
fn what_is_temporary_is_not_saved() {
    let mut database = shop();
    for statement in [
        "INSERT INTO Item (Item) VALUES ('ghost') TEMPORARY",
        "ALTER TABLE Item ADD Note CHAR(9) TEMPORARY HOLD",
        "UPDATE Item SET Note = 'x' WHERE Item = 'saw'",
        "CREATE TABLE Brief (A INT NOT NULL TEMPORARY, B CHAR TEMPORARY PRIMARY KEY A) HOLD",
        "ALTER TABLE Brief HOLD",
        "ALTER TABLE Brief FREE",
    ] {
        database.execute(statement, &[]).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    assert_eq!(rows(&database, "SELECT Item FROM Item WHERE Note = 'x'", &[]), "saw");
    let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let saved = Database::from_bytes(bytes, crate::Reading::Strict).unwrap();
    assert_eq!(rows(&saved, "SELECT * FROM Item WHERE Item = 'saw'", &[]), "saw tool 30 -");
    assert_eq!(saved.table("Item").unwrap().unwrap().len(), 4);
    assert_eq!(saved.table_names().unwrap(), ["Group", "Item"]);
    database.execute("ALTER TABLE Brief FREE", &[]).unwrap();
    assert!(database.columns("Brief").is_none());
    database.execute("ALTER TABLE Item FREE", &[]).unwrap();
    assert_eq!(database.columns("Item").unwrap().len(), 4);
}

#[test]
fn each_mistake_is_named_and_located() {
    let mut database = shop();
    for (query, span, message) in [
        ("", "", "expected SELECT, INSERT, UPDATE, DELETE, CREATE, DROP or ALTER, found the end"),
        ("SELECT * FROM Item !", "!", "unexpected character '!'"),
        ("SELECT * FROM `Item", "`Item", "the closing ` is missing"),
        ("SELECT * FROM Item WHERE Price = 99999999999", "99999999999", "the number is too large"),
        ("SELECT * FROM Item WHERE Price =", "", "expected a text, a number or ?, found the end"),
        ("SELECT * FROM Item Price", "Price", "expected the end of the query, found 'Price'"),
        ("SELECT * FROM Nothing", "Nothing", "there is no table 'Nothing'"),
        ("SELECT FROM Item", "FROM", "expected a column to select, found 'FROM'"),
        (
            "CREATE TABLE abcdefghijklmnopqrstuvwxyz123456 (A INT NOT NULL PRIMARY KEY A)",
            "abcdefghijklmnopqrstuvwxyz123456",
            "the name of the table has 32 characters, and can have 31",
        ),
        ("SELECT Nothing FROM Item", "Nothing", "there is no column 'Nothing'"),
        ("SELECT Other.Item FROM Item", "Other", "there is no table 'Other'"),
        ("SELECT * FROM Item, Item", "Item", "table 'Item' is named twice"),
        ("SELECT * FROM Item WHERE Price = 'x'", "'x'", "the types do not agree"),
        ("SELECT * FROM Item, `Group` WHERE Price = Title", "Price = Title", "the types do not agree"),
        ("SELECT * FROM Item WHERE Item > 'a'", "Item > 'a'", "texts can be compared by = and <> only"),
        (
            "SELECT * FROM Item WHERE Data = 1",
            "Data = 1",
            "streams can be compared by IS NULL and IS NOT NULL only",
        ),
        ("INSERT INTO Item (Item) VALUES ('a', 1)", "('a', 1)", "2 values for 1 columns"),
        ("INSERT INTO Item (Price) VALUES (1)", "(1)", "column 'Item' cannot be null"),
        ("INSERT INTO Item (Item, Price) VALUES ('a', 40000)", "40000", "40000 does not fit column 'Price'"),
        ("INSERT INTO Item (Item) VALUES ('saw')", "('saw')", "there already is a row with the key 'saw'"),
        (
            "INSERT INTO Item (Item, Data) VALUES ('a', 'b')",
            "'b'",
            "a stream can be given as a parameter only",
        ),
        ("INSERT INTO _Tables (Name) VALUES ('a')", "_Tables", "table '_Tables' cannot be changed"),
        (
            "UPDATE Item SET Item = 'a'",
            "Item",
            "column 'Item' belongs to the primary key and cannot be changed",
        ),
        ("CREATE TABLE Item (A INT PRIMARY KEY A)", "Item", "there already is a table 'Item'"),
        (
            "CREATE TABLE T (A INT, B INT PRIMARY KEY B)",
            "B",
            "key columns have to come first, and in this order",
        ),
        (
            "CREATE TABLE T (A INT TEMPORARY, B INT PRIMARY KEY A)",
            "B INT ",
            "columns that are stored have to come before temporary ones",
        ),
        ("ALTER TABLE Item ADD More OBJECT", "More OBJECT", "a table has one column of type OBJECT at most"),
    ] {
        let error = database.execute(query, &[]).err().unwrap_or_else(|| panic!("{query} is accepted"));
        assert_eq!(error.cause.to_string(), message, "{query}");
        assert_eq!(&query[error.span.clone()], span, "{query}");
    }
    let conditions = vec!["Price = 1"; 33].join(" OR ");
    for condition in [conditions, format!("{}Price = 1{}", "(".repeat(100_000), ")".repeat(100_000))] {
        let error = database.query(&format!("SELECT * FROM Item WHERE {condition}"), &[]).err().unwrap();
        assert!(matches!(error.cause, SqlCause::TooManyConditions { .. }));
    }
    let columns = vec!["Item"; 5000].join(", ");
    let error = database.query(&format!("SELECT {columns} FROM Item"), &[]).err().unwrap();
    assert!(matches!(error.cause, SqlCause::TooManyItems { limit: 4096 }));
    let error = database.query("DELETE FROM Item", &[]).err().unwrap();
    assert!(matches!(error.cause, SqlCause::NoQuery));
}
