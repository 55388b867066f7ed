//! Queries against an evaluator that tries every combination of rows, and queries made of random words.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use reseat_database::sql::View;
use reseat_database::{Column, ColumnType, Database, Table, Value};

/// The columns of both tables: a key of two columns, a text and a number.
const COLUMNS: [(&str, ColumnType); 4] = [
    ("K", ColumnType::Text(9)),
    ("N", ColumnType::Short),
    ("T", ColumnType::Text(0)),
    ("L", ColumnType::Long),
];
const TABLES: [&str; 3] = ["A", "B", "C"];

type Row = (u8, u8, u8, u8);

/// A condition as text, and how it is evaluated on a row of each table.
#[derive(Debug, Clone)]
enum Condition {
    Columns(usize, usize, usize, usize, bool),
    Text(usize, usize, u8, bool),
    Number(usize, usize, u8, &'static str),
    Null(usize, usize, bool),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

fn value(row: &Row, column: usize) -> Value {
    // 0 is null in the columns that allow it.
    match column {
        0 => format!("k{}", row.0).as_str().into(),
        1 => Value::Integer(row.1.into()),
        2 => {
            if row.2 == 0 {
                Value::Null
            } else {
                format!("k{}", row.2).as_str().into()
            }
        }
        _ => {
            if row.3 == 0 {
                Value::Null
            } else {
                Value::Integer(row.3.into())
            }
        }
    }
}

impl Condition {
    fn text(&self) -> String {
        let name = |table: &usize, column: &usize| format!("`{}`.`{}`", TABLES[*table], COLUMNS[*column].0);
        let operator = |equal: &bool| if *equal { "=" } else { "<>" };
        match self {
            Self::Columns(a, b, c, d, equal) => format!("{} {} {}", name(a, b), operator(equal), name(c, d)),
            Self::Text(a, b, text, equal) => format!("{} {} 'k{text}'", name(a, b), operator(equal)),
            Self::Number(a, b, number, operator) => format!("{} {operator} {number}", name(a, b)),
            Self::Null(a, b, null) => format!("{} IS {}NULL", name(a, b), if *null { "" } else { "NOT " }),
            Self::And(left, right) => format!("({} AND {})", left.text(), right.text()),
            Self::Or(left, right) => format!("({} OR {})", left.text(), right.text()),
        }
    }

    fn holds(&self, rows: &[&Row]) -> bool {
        match self {
            Self::Columns(a, b, c, d, equal) => (value(rows[*a], *b) == value(rows[*c], *d)) == *equal,
            Self::Text(a, b, text, equal) => {
                (value(rows[*a], *b) == format!("k{text}").as_str().into()) == *equal
            }
            Self::Number(a, b, number, operator) => {
                let left = value(rows[*a], *b).as_integer();
                let right = i32::from(*number);
                match *operator {
                    "=" => left == Some(right),
                    "<>" => left != Some(right),
                    "<" => left.is_some_and(|left| left < right),
                    ">" => left.is_some_and(|left| left > right),
                    "<=" => left.is_some_and(|left| left <= right),
                    _ => left.is_some_and(|left| left >= right),
                }
            }
            Self::Null(a, b, null) => (value(rows[*a], *b) == Value::Null) == *null,
            Self::And(left, right) => left.holds(rows) && right.holds(rows),
            Self::Or(left, right) => left.holds(rows) || right.holds(rows),
        }
    }
}

fn conditions(tables: usize) -> impl Strategy<Value = Condition> {
    let table = move || 0..tables;
    let operator = prop::sample::select(vec!["=", "<>", "<", ">", "<=", ">="]);
    let leaf = prop_oneof![
        3 => (table(), table(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.8)).prop_map(
            |(a, c, first, second, equal)| Condition::Columns(a, usize::from(first) * 2, c, usize::from(second) * 2, equal)
        ),
        1 => (table(), table(), any::<bool>()).prop_map(|(a, c, equal)| Condition::Columns(a, 1, c, 3, equal)),
        1 => (table(), any::<bool>(), 0..5_u8, any::<bool>())
            .prop_map(|(a, first, text, equal)| Condition::Text(a, usize::from(first) * 2, text, equal)),
        1 => (table(), any::<bool>(), 0..5_u8, operator)
            .prop_map(|(a, first, number, operator)| Condition::Number(a, 1 + usize::from(first) * 2, number, operator)),
        1 => (table(), 0..4_usize, any::<bool>()).prop_map(|(a, b, null)| Condition::Null(a, b, null)),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        let pair = (inner.clone(), inner);
        prop_oneof![
            2 => pair.clone().prop_map(|(left, right)| Condition::And(left.into(), right.into())),
            1 => pair.prop_map(|(left, right)| Condition::Or(left.into(), right.into())),
        ]
    })
}

fn queries() -> impl Strategy<Value = (Vec<Vec<Row>>, Condition)> {
    (1..=TABLES.len()).prop_flat_map(|tables| {
        let rows = prop::collection::btree_map((0..4_u8, 0..4_u8), (0..5_u8, 0..4_u8), 0..8);
        let rows = rows.prop_map(|rows| rows.into_iter().map(|((k, n), (t, l))| (k, n, t, l)).collect());
        (prop::collection::vec(rows, tables), conditions(tables))
    })
}

fn database(tables: &[Vec<Row>]) -> Database {
    let mut database = Database::create();
    for (name, rows) in TABLES.iter().zip(tables) {
        let columns = COLUMNS.iter().enumerate().map(|(place, (name, kind))| Column {
            name: (*name).to_owned(),
            kind: *kind,
            nullable: place > 1,
            key: place < 2,
            localizable: false,
        });
        let mut table = Table::new(*name, columns.collect());
        for row in rows {
            table.push((0..4).map(|column| value(row, column)).collect());
        }
        database.put_table(table);
    }
    database
}

proptest! {
    #[test]
    fn a_query_gives_the_combinations_for_which_its_condition_holds((tables, condition) in queries()) {
        let mut expected: Vec<Vec<Value>> = Vec::new();
        let nothing = vec![(0, 0, 0, 0)];
        let lists: Vec<&Vec<Row>> = (0..3).map(|place| tables.get(place).unwrap_or(&nothing)).collect();
        for a in lists[0] {
            for b in lists[1] {
                for c in lists[2] {
                    let rows = &[a, b, c][..tables.len()];
                    if condition.holds(rows) {
                        expected.push(rows.iter().flat_map(|row| (0..4).map(|column| value(row, column))).collect());
                    }
                }
            }
        }
        let query = format!("SELECT * FROM {} WHERE {}", TABLES[..tables.len()].join(", "), condition.text());
        let found = database(&tables).query(&query, &[]).unwrap();
        let mut found: Vec<Vec<Value>> = found.map(|row| row.values().to_vec()).collect();
        let order = |left: &Vec<Value>, right: &Vec<Value>| format!("{left:?}").cmp(&format!("{right:?}"));
        found.sort_by(order);
        expected.sort_by(order);
        prop_assert_eq!(found, expected, "{}", query);
    }

    #[test]
    fn random_words_are_a_query_or_an_error_within_the_text(words in prop::collection::vec(word(), 0..20)) {
        let query = words.join(" ");
        if let Err(error) = View::open(&query) {
            prop_assert!(query.get(error.span).is_some());
        }
    }

    #[test]
    fn random_characters_are_a_query_or_an_error_within_the_text(query in "\\PC{0,60}") {
        if let Err(error) = View::open(&query) {
            prop_assert!(query.get(error.span).is_some());
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    let words = "SELECT DISTINCT * FROM WHERE AND OR IS NOT NULL ORDER BY INSERT INTO VALUES TEMPORARY UPDATE SET DELETE \
        CREATE TABLE CHAR ( ) , . ? = <> < >= PRIMARY KEY HOLD FREE ALTER ADD DROP LONG OBJECT A `B` 'text' -1 72 żó";
    prop::sample::select(words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}
