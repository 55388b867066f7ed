use super::*;
use crate::{Column, Table};

/// A database with a table `T` of key `K` and the column `C`, of this type, with one row that has `value` there; `rule`
/// is the row of `_Validation` from `Nullable` on.
fn database(kind: ColumnType, value: Value, rule: [Value; 7]) -> Database {
    let column = |name: &str, kind, nullable, key| Column {
        name: name.to_owned(),
        kind,
        nullable,
        key,
        localizable: false,
    };
    let text = ColumnType::Text(0);
    let mut table =
        Table::new("T", vec![column("K", ColumnType::Text(8), false, true), column("C", kind, true, false)]);
    table.push(vec!["row".into(), value]);
    let names = ["Nullable", "MinValue", "MaxValue", "KeyTable", "KeyColumn", "Category", "Set"];
    let mut columns = vec![column("Table", text, false, true), column("Column", text, false, true)];
    columns.extend(names.iter().map(|name| column(name, text, true, false)));
    let mut validation = Table::new(VALIDATION, columns);
    let mut row = vec!["T".into(), "C".into()];
    row.extend(rule);
    validation.push(row);
    validation.push(vec!["T".into(), "K".into(), "N".into()]);
    let mut other = Table::new("Other", vec![column("Key", text, false, true)]);
    other.push(vec!["there".into()]);
    validation.push(vec!["Other".into(), "Key".into(), "N".into()]);
    let mut database = Database::create();
    for table in [table, validation, other] {
        database.put_table(table);
    }
    database
}

fn findings(kind: ColumnType, value: Value, rule: [Value; 7]) -> Vec<(Rule, String)> {
    let condition = |text: &str| (text == "(").then(|| "no condition".to_owned());
    let findings = validate(&database(kind, value, rule), &condition).unwrap();
    for finding in &findings {
        assert_eq!(
            (finding.table.as_str(), finding.row.as_deref(), finding.column.as_deref()),
            ("T", Some("row"), Some("C"))
        );
    }
    findings.into_iter().map(|finding| (finding.rule, finding.reason)).collect()
}

#[test]
fn each_category_has_its_rule() {
    let cases: [(&str, Rule, &[&str], &[&str]); 19] = [
        ("Identifier", Rule::BadIdentifier, &["_a.1", "A"], &["1a", "a-b", "ä"]),
        ("Property", Rule::BadProperty, &["A", "%PATH"], &["%", "A B"]),
        ("UpperCase", Rule::BadCase, &["ABC 1"], &["aBC"]),
        ("LowerCase", Rule::BadCase, &["abc 1"], &["Abc"]),
        (
            "Filename",
            Rule::BadFilename,
            &["a.txt", "A~1.TXT|a long name.text"],
            &["a/b", "a*", "toolongname.txt|a", ".."],
        ),
        ("WildCardFilename", Rule::BadWildcard, &["*.*", "A*|a long *.text"], &["a/*", "a|b|c"]),
        ("Path", Rule::BadPath, &["C:\\a", "\\\\s\\x", "[D]\\a"], &["a\\b"]),
        ("Paths", Rule::BadPath, &["C:\\a;[D]\\a"], &["C:\\a;b"]),
        ("AnyPath", Rule::BadPath, &["a\\b", "A~1|a b"], &["A~1|a\\b", "a?"]),
        ("DefaultDir", Rule::BadDefaultDir, &["SourceDir"], &["a:b:c"]),
        ("RegPath", Rule::BadRegPath, &["Software\\[X]"], &["\\Software", "Software\\"]),
        ("Formatted", Rule::BadFormatted, &["[A] {", "x"], &[]),
        ("Template", Rule::BadTemplate, &["[1]"], &[]),
        ("Condition", Rule::BadCondition, &["A"], &["("]),
        (
            "Guid",
            Rule::BadGuid,
            &["{00000002-0001-0000-0000-624474736554}"],
            &["{}", "{0000000a-0001-0000-0000-624474736554}"],
        ),
        ("Version", Rule::BadVersion, &["1", "65535.0.1.2"], &["1.2.3.4.5", "65536", "a", "1..2", "+1"]),
        ("Language", Rule::BadLanguage, &["0", "1033,1031"], &["x", "1033,", "70000"]),
        ("Cabinet", Rule::BadCabinet, &["#a.cab", "disk1.cab"], &["#a b", "a/b.cab"]),
        ("Shortcut", Rule::BadShortcut, &["[#f]"], &["a b"]),
    ];
    for (category, rule, right, wrong) in cases {
        let rules =
            || ["Y".into(), Value::Null, Value::Null, Value::Null, Value::Null, category.into(), Value::Null];
        for text in right {
            assert_eq!(findings(ColumnType::Text(0), (*text).into(), rules()), [], "{category} {text}");
        }
        for text in wrong {
            let found = findings(ColumnType::Text(0), (*text).into(), rules());
            assert_eq!(found.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), [rule], "{category} {text}");
        }
    }
}

#[test]
fn nulls_ranges_sets_lengths_and_links_are_checked() {
    let text = ColumnType::Text(5);
    let rules = |nullable: &str,
                 least: Option<i32>,
                 greatest: Option<i32>,
                 table: Option<&str>,
                 set: Option<&str>| {
        [
            nullable.into(),
            least.into(),
            greatest.into(),
            table.into(),
            table.map(|_| 1).into(),
            Value::Null,
            set.into(),
        ]
    };
    let cases: [(ColumnType, Value, [Value; 7], Option<&str>); 14] = [
        (text, Value::Null, rules("Y", None, None, None, None), None),
        (text, Value::Null, rules("N", None, None, None, None), Some("it is null")),
        (ColumnType::Short, 5.into(), rules("N", Some(5), Some(5), None, None), None),
        (ColumnType::Short, 4.into(), rules("N", Some(5), None, None, None), Some("4 is below 5")),
        (ColumnType::Short, 6.into(), rules("N", None, Some(5), None, None), Some("6 is above 5")),
        (ColumnType::Short, 9.into(), rules("N", Some(0), Some(5), None, Some("7;9")), None),
        (ColumnType::Short, 8.into(), rules("N", None, None, None, Some("7;9")), Some("8 is none of 7, 9")),
        (text, "a".into(), rules("N", None, None, None, Some("a;b")), None),
        (text, "c".into(), rules("N", None, None, None, Some("a;b")), Some("'c' is none of a, b")),
        (text, "there".into(), rules("N", None, None, Some("Other"), None), None),
        (text, "there".into(), rules("N", None, None, Some("None;Other"), None), None),
        (
            text,
            "gone".into(),
            rules("N", None, None, Some("Other"), None),
            Some("'gone' is no value of column 1 of Other"),
        ),
        (
            text,
            "gone".into(),
            rules("N", None, None, Some("None"), None),
            Some("'gone' is no value of column 1 of None"),
        ),
        (
            text,
            "longer".into(),
            rules("N", None, None, None, None),
            Some("6 characters, and the column has 5"),
        ),
    ];
    for (kind, value, rule, expected) in cases {
        let found = findings(kind, value.clone(), rule.clone());
        let reasons: Vec<&str> = found.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(reasons, expected.into_iter().collect::<Vec<_>>(), "{value:?} {rule:?}");
    }
}

#[test]
fn a_version_may_be_the_key_of_another_row() {
    for (text, expected) in [("1.2", None), ("there", None), ("gone", Some(Rule::BadLink))] {
        let rules =
            ["Y".into(), Value::Null, Value::Null, "Other".into(), 1.into(), "Version".into(), Value::Null];
        let found = findings(ColumnType::Text(0), text.into(), rules);
        assert_eq!(found.into_iter().map(|(rule, _)| rule).next(), expected, "{text}");
    }
}

#[test]
fn mistakes_in_the_rules_themselves_are_found() {
    let mut database = database(
        ColumnType::Short,
        1.into(),
        ["Y".into(), 5.into(), 4.into(), Value::Null, Value::Null, "Odd".into(), Value::Null],
    );
    database.execute("CREATE TABLE New (A CHAR NOT NULL LOCALIZABLE PRIMARY KEY A)", &[]).unwrap();
    let found = validate(&database, &|_| None).unwrap();
    let rules: Vec<Rule> = found.iter().map(|finding| finding.rule).collect();
    assert!(rules.contains(&Rule::BadMaxMinValues) && rules.contains(&Rule::BadCategory), "{found:?}");
    assert!(rules.contains(&Rule::MissingData) && rules.contains(&Rule::BadLocalizeAttribute), "{found:?}");
}

#[test]
fn rows_of_one_key_are_found() {
    let column = Column {
        name: "K".to_owned(),
        kind: ColumnType::Short,
        nullable: false,
        key: true,
        localizable: false,
    };
    let mut table = Table::new("T", vec![column]);
    table.push(vec![1.into()]);
    table.push(vec![1.into()]);
    let mut database = Database::create();
    database.put_table(table);
    let found = validate(&database, &|_| None).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].row.as_deref()), (Rule::DuplicateKey, Some("1")));
}
