use super::*;

fn import_table(text: &[u8]) -> Result<TableArchive, ArchiveError> {
    match import(text)? {
        Archive::Table(archive) => Ok(*archive),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_table_comes_back_with_its_types_and_control_characters() {
    let text = "Name\tData\tShort\tLong\tNote\r\ns72\tV0\tI2\ti4\tL0\r\n1252\tThing\tName\r\n\
        a\ta.ibd\t-5\t70000\tone\u{11}\u{19}two\u{10}\u{18}\u{1b}\u{15}\r\nb\t\t\t0\tGr\u{f6}\u{df}e\r\n";
    let bytes = code_page::encode(1252, text).unwrap().into_owned();
    let archive = import_table(&bytes).unwrap();
    assert_eq!(archive.code_page, 1252);
    let first = archive.table.rows().next().unwrap();
    assert_eq!(first.text("Note"), Some("one\r\ntwo\t\u{C}\u{8}\0"));
    assert_eq!((first.integer("Short"), first.integer("Long")), (Some(-5), Some(70000)));
    assert_eq!(archive.streams, [ArchivedStream { name: "Thing.a".into(), file: "a.ibd".into() }]);
    assert_eq!(export(&archive.table, 1252).unwrap(), bytes);
}

#[test]
fn hand_written_files_are_read() {
    let archive = import_table("A\tB\tC\ns10\tS10\tI2\nT\tA\n\nx\ny\t\u{17c}\n".as_bytes()).unwrap();
    assert_eq!(archive.code_page, 65001);
    assert_eq!(archive.table.len(), 2);
    assert_eq!(archive.table.rows().nth(1).unwrap().text("B"), Some("\u{17c}"));
    assert!(archive.table.rows().next().unwrap().value("C") == &Value::Null);
}

#[test]
fn the_code_page_comes_back() {
    assert!(matches!(import(&export_code_page(932)), Ok(Archive::CodePage(932))));
    assert!(matches!(import(b"\n\n0\t_ForceCodepage\n"), Ok(Archive::CodePage(0))));
}

#[test]
fn summary_information_comes_back() {
    let text = "PropertyId\tValue\r\ni2\tl255\r\n_SummaryInformation\tPropertyId\r\n1\t65001\r\n2\tInstallation \
        Database\r\n7\tIntel;1033\r\n12\t1999/06/21 00:00:00\r\n14\t110\r\n15\t1\r\n";
    let Archive::Summary(summary) = import(text.as_bytes()).unwrap() else { panic!() };
    assert_eq!((summary.code_page(), summary.page_count(), summary.word_count()), (65001, Some(110), 1));
    assert_eq!(String::from_utf8(export_summary(&summary).unwrap()).unwrap(), text);
}

#[test]
fn each_mistake_has_its_error() {
    let cases: [(&str, &str); 11] = [
        ("", "the archive ends before its third line"),
        ("A\n", "the archive ends before its third line"),
        ("A\ns1\n99999\tT\tA\n", "line 3: code page '99999' is not supported"),
        ("A\tB\ns1\nT\tA\n", "line 2: 1 definitions for 2 columns"),
        ("A\nx9\nT\tA\n", "line 2: column 'A' has the unknown definition 'x9'"),
        ("A\tA\ns1\ts1\nT\tA\n", "line 1: column name 'A' is empty or used twice"),
        ("A\tB\ns1\ts1\nT\tB\n", "line 3: key column 'B' is in a place where column 'A' should be"),
        ("A\ns1\nT\n", "line 3: table 'T' has no key column"),
        ("A\ns1\nT\tA\nx\ty\n", "line 4: 2 values for 1 columns"),
        ("A\ni2\nT\tA\n40000\n", "line 4, column 'A': '40000' is no number that fits the column"),
        ("A\ns1\nT\tA\nx\n\nx\n", "line 6: there already is a row with the key 'x'"),
    ];
    for (text, message) in cases {
        assert_eq!(import(text.as_bytes()).unwrap_err().to_string(), message);
    }
    let undecodable = import(b"A\ns1\n65001\tT\tA\n\xFF\n").unwrap_err();
    assert_eq!(undecodable.to_string(), "line 4: not valid in code page 65001");
}
