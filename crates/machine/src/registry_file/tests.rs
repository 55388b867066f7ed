//! Tests of registry files.

use super::*;

/// Reads and writes every section, also those that were not changed; the times stay.
pub(crate) fn rewritten(file: &RegistryFile) -> String {
    let mut out = file.text.get(file.preamble.clone()).unwrap().to_owned();
    for section in file.sections.values() {
        if !out.ends_with("\n\n") {
            out.push('\n');
        }
        section.content(&file.text).write(&mut out);
    }
    out
}

const SAMPLE: &str = r#"WINE REGISTRY Version 2
;; All keys relative to REGISTRY\\Machine

#arch=win64

[Software\\A] 1795343957
#time=1dd7a6db96efbba
@="default"
"_under"="sorted by lower case"
"Bytes"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,15,\
  16,17,18,19,1a,1b,1c,1d,1e,1f,20,21,22,23,24,25,26,27,28,29,2a,2b,2c,2d,2e,\
  2f,30
"Empty"=hex:
"Expand"=str(2):"%SystemRoot%\\x"
"List"=str(7):"a\0b\0"
"Number"=dword:000000ff
"Octal"="\6\0017"
"Quad"=hex(b):01,00,00,00,00,00,00,00
"Text"="a\\b\"c\n\t\xe9\x00e9f \x263a"

[Software\\A\\B\[1\]] 1795343957
#time=1dd7a6db96d0e86
#class="Class \"x\""

[Software\\Link] 1795343947
#time=1dd7a6db3b1f2d6
#link
"SymbolicLinkValue"=hex(6):5c,00,52,00,65,00,67,00,69,00,73,00,74,00,72,00,79,\
  00,5c,00,4d,00,61,00,63,00,68,00,69,00,6e,00,65,00,5c,00,53,00,6f,00,66,00,\
  74,00,77,00,61,00,72,00,65,00,5c,00,41,00
"#;

fn sample() -> RegistryFile {
    RegistryFile::parse(SAMPLE.as_bytes().to_vec()).unwrap()
}

#[test]
fn every_section_is_written_as_wine_writes_it() {
    let file = sample();
    assert_eq!(file.to_text(), SAMPLE);
    assert_eq!(rewritten(&file), SAMPLE);
    assert!(!file.is_changed());
}

#[test]
fn reads_values_of_each_kind() {
    let file = sample();
    let value = |name: &str| file.value(r"software\a", name).unwrap().clone();
    assert_eq!(value(""), "default".into());
    assert_eq!(value("TEXT"), "a\\b\"c\n\té\u{e9}f ☺".into());
    assert_eq!(value("octal"), "\u{6}\u{1}7".into());
    assert_eq!(value("expand"), RegistryValue::ExpandString(r"%SystemRoot%\x".to_owned()));
    assert_eq!(value("list"), RegistryValue::MultiString(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(value("number"), RegistryValue::Dword(255));
    assert_eq!(value("quad"), RegistryValue::Qword(1));
    assert_eq!(value("bytes"), RegistryValue::Binary((0..=0x30).collect()));
    assert_eq!(value("empty"), RegistryValue::Binary(vec![]));
}

#[test]
fn keys_above_a_key_exist_and_links_are_followed() {
    let mut file = sample();
    assert!(file.exists("") && file.exists("SOFTWARE") && file.exists(r"software\a\b[1]"));
    assert!(!file.exists(r"Software\A\B") && !file.exists("Soft"));
    assert_eq!(file.sub_keys("Software"), ["A", "Link"]);
    assert_eq!(file.sub_keys(""), ["Software"]);
    assert_eq!(file.value(r"Software\LINK", "number"), Some(&RegistryValue::Dword(255)));
    file.set_value(r"software\link\New", "x", 1.into());
    assert_eq!(file.value(r"Software\A\new", "X"), Some(&RegistryValue::Dword(1)));
    assert!(file.to_text().contains("[Software\\\\A\\\\New] "));
}

#[test]
fn links_round_in_circles_lead_nowhere() {
    let mut file = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
    file.set_link("A", "B");
    file.set_link("B", "A");
    file.set_link("C", r"C\C");
    assert!(!file.exists("A") && !file.exists(r"C\x"));
    file.set_value("A", "x", 1.into());
    assert_eq!(file.value("A", "x"), None);
}

#[test]
fn a_change_leaves_the_other_sections_byte_for_byte() {
    let mut file = sample();
    file.set_value(r"Software\A\Z", "n", 5.into());
    let text = file.to_text();
    let start = SAMPLE.find("[Software\\\\Link]").unwrap();
    assert!(text.starts_with(&SAMPLE[..start]), "{text}");
    assert!(text.ends_with(&SAMPLE[start..]), "{text}");
    let again = RegistryFile::parse(text.into_bytes()).unwrap();
    assert_eq!(again.value(r"Software\A\Z", "n"), Some(&RegistryValue::Dword(5)));
    assert!(file.remove_key(r"software\a\z"));
    assert_eq!(file.to_text(), SAMPLE);
}

#[test]
fn setting_what_is_set_changes_nothing() {
    let mut file = sample();
    file.set_value(r"SOFTWARE\A", "number", 255.into());
    assert!(!file.create_key("software"));
    assert!(!file.remove_value(r"Software\A", "none"));
    assert!(!file.remove_key(r"Software\none"));
    assert!(!file.is_changed());
}

#[test]
fn a_key_outlives_its_last_sub_key() {
    let mut file = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
    assert!(file.create_key(r"A\B\C\D"));
    assert!(!file.create_key(r"a\b\c"));
    assert!(file.remove_key(r"A\B\C"));
    assert!(!file.exists(r"A\B\C\D") && !file.exists(r"A\B\C") && file.exists(r"A\B"));
    let again = RegistryFile::parse(file.to_text().into_bytes()).unwrap();
    assert!(again.exists(r"A\B"));
    assert!(file.remove_key("a"));
    assert_eq!(file.sub_keys(""), Vec::<String>::new());
}

#[test]
fn siblings_that_start_alike_are_told_apart() {
    let mut file = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
    for key in [r"A\x\1", r"A b\y", r"A.b\z", r"A_b", r"AA\q", r"A\!\2"] {
        file.create_key(key);
    }
    let mut names = file.sub_keys("");
    names.sort();
    assert_eq!(names, ["A", "A b", "A.b", "AA", "A_b"]);
    assert_eq!(file.sub_keys("a"), ["!", "x"]);
    assert!(file.remove_key("A"));
    assert_eq!(file.sub_keys("").len(), 4);
}

#[test]
fn sections_in_any_order_and_twice_are_one_registry() {
    let text =
        "WINE REGISTRY Version 2\n\n[b]\n\"x\"=dword:1\n\n[A]\n@=\"1\"\n[B] 5\n\"y\"=\"2\"\nnonsense\n";
    let mut file = RegistryFile::parse(text.as_bytes().to_vec()).unwrap();
    assert_eq!(file.values("B").len(), 2);
    assert_eq!(file.sub_keys(""), ["A", "b"]);
    file.set_value("b", "z", 1.into());
    let again = RegistryFile::parse(file.to_text().into_bytes()).unwrap();
    assert_eq!(again.values("B").len(), 3);
}

#[test]
fn refuses_what_is_no_registry_file() {
    let parse = |text: &[u8]| RegistryFile::parse(text.to_vec()).unwrap_err();
    assert!(matches!(parse(b""), RegistryFileError::Format { .. }));
    assert!(matches!(parse(b"REGEDIT4\n"), RegistryFileError::Format { .. }));
    assert!(matches!(parse(b"WINE REGISTRY Version 2\n\xff"), RegistryFileError::NotText { offset: 24 }));
    assert!(matches!(parse(b"WINE REGISTRY Version 2\n\n[a\n"), RegistryFileError::Section { line: 3, .. }));
}

#[test]
fn a_registry_of_three_megabytes_is_read_section_by_section() {
    use std::fmt::Write;
    let mut text =
        String::from("WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n");
    let mut keys = 0;
    while text.len() < 3 << 20 {
        let id = format!("{{{keys:08X}-0000-0000-0000-000000000000}}");
        write!(text, "\n[Software\\\\Classes\\\\CLSID\\\\{id}\\\\InprocServer32] 1795343957\n#time=1dd7a6db96efbba\n@=\"C:\\\\windows\\\\system32\\\\library.dll\"\n\"ThreadingModel\"=\"Both\"\n").unwrap();
        keys += 1;
    }
    let bytes = text.clone().into_bytes();
    let start = std::time::Instant::now();
    let file = RegistryFile::parse(bytes).unwrap();
    let read = start.elapsed();
    assert_eq!(file.sub_keys(r"Software\Classes\CLSID").len(), keys);
    let start = std::time::Instant::now();
    assert!(file.to_text() == text);
    println!("3 MB with {keys} keys: read in {read:?}, written in {:?}", start.elapsed());
}

proptest::proptest! {
    #[test]
    fn any_names_and_texts_are_read_back(
        key in "[^\\\\\0]{1,20}", name in "[^\0]{0,20}", text in ".{0,40}", bytes: Vec<u8>, kind in 0_u32..20
    ) {
        let mut file = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
        let value = RegistryValue::from_data(kind, bytes);
        file.set_value(&key, &name, RegistryValue::String(text.clone()));
        file.set_value("other", &name, value.clone());
        let again = RegistryFile::parse(file.to_text().into_bytes()).unwrap();
        proptest::prop_assert_eq!(again.value(&key, &name), Some(&RegistryValue::String(text)));
        proptest::prop_assert_eq!(again.value("other", &name), Some(&value));
        proptest::prop_assert_eq!(again.sub_keys("").len(), 2);
    }

    #[test]
    fn no_text_makes_it_panic(lines in proptest::collection::vec("(\\[|#|@=|\"a\"=|hex\\([0-9]+\\):|str\\(7\\):\"|[a-f0-9,\\\\\"\\]]){0,8}", 0..8)) {
        let text = format!("WINE REGISTRY Version 2\n{}", lines.join("\n"));
        if let Ok(file) = RegistryFile::parse(text.into_bytes()) {
            rewritten(&file);
            for key in file.sub_keys("") {
                file.values(&key);
            }
        }
    }
}
