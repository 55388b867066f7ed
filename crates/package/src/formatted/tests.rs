use super::*;
use proptest::prelude::*;

struct Known {
    fields: Option<Vec<&'static str>>,
}

impl FormatContext for Known {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = match name {
            "A" => "alpha",
            "PropertyA" => "PropertyB",
            "PropertyB" => "value",
            "BRACKETS" => "[A]",
            "EMPTY" => "",
            "SECRET" => "password",
            _ => return None,
        };
        Some(value.into())
    }
    fn environment(&self, name: &str) -> Option<String> {
        name.eq_ignore_ascii_case("path").then(|| "c:\\bin".to_owned())
    }
    fn file_path(&self, file: &str, form: PathForm) -> Option<String> {
        (file == "exe").then(|| match form {
            PathForm::Long => "C:\\Program Files\\a.exe".to_owned(),
            PathForm::Short => "C:\\PROGRA~1\\a.exe".to_owned(),
        })
    }
    fn component_folder(&self, component: &str) -> Option<String> {
        (component == "c").then(|| "C:\\Program Files\\".to_owned())
    }
    fn field(&self, number: u32) -> Option<Cow<'_, str>> {
        let fields = self.fields.as_ref()?;
        Some(fields.get(number as usize - 1).copied().unwrap_or_default().into())
    }
}

#[test]
fn resolves_as_documented() {
    let cases = [
        ("", ""),
        ("plain", "plain"),
        ("[A]", "alpha"),
        ("x[A]y[A]z", "xalphayalphaz"),
        ("[Missing]", ""),
        ("[EMPTY]", ""),
        ("[a]", ""),
        // Brackets and braces without a pair are left.
        ("[A", "[A"),
        ("A]", "A]"),
        ("[A] ]", "alpha ]"),
        ("[[A]", "[alpha"),
        ("{[A]", "{alpha"),
        ("[A]}", "alpha}"),
        ("{ [A ] }", ""),
        ("[]", "[]"),
        // From inside out.
        ("[[PropertyA]]", "value"),
        ("[[PropertyB]]", ""),
        ("[[Missing]]", ""),
        ("[Property[EMPTY]A]", "PropertyB"),
        ("[BRACKETS]", "[A]"),
        // Environment, files, components.
        ("[%PATH]", "c:\\bin"),
        ("[%none]", ""),
        ("\"[#exe]\" -x", "\"C:\\Program Files\\a.exe\" -x"),
        ("[!exe]", "C:\\PROGRA~1\\a.exe"),
        ("[#none]", ""),
        ("[$c]bin", "C:\\Program Files\\bin"),
        ("[$none]", ""),
        // Escapes.
        ("[\\[]Bracket Text[\\]]", "[Bracket Text]"),
        ("[\\{]x[\\}]", "{x}"),
        ("[\\xyz]", "x"),
        ("[\\", "[\\"),
        ("a[~]b[~]", "a\0b\0"),
        // Braces.
        ("{text}", "{text}"),
        ("{[A]}", "alpha"),
        ("x{ is [A]}!", "x is alpha!"),
        ("x{ is [Missing]}!", "x!"),
        ("{[A][Missing]}", ""),
        ("{{[A]}}", "alpha"),
        ("{{[Missing]}}", ""),
        ("{a [A]{ b [Missing]}}", "a alpha"),
        ("{{Fatal: }}text", "{{Fatal: }}text"),
        ("{[\\A]}", "{A}"),
        // No record: numbers stay.
        ("[1] and [2]", "[1] and [2]"),
        ("{00000000-0000-0000-0000-000000000000}", "{00000000-0000-0000-0000-000000000000}"),
    ];
    for (text, expected) in cases {
        assert_eq!(Formatted::resolve(text, &Known { fields: None }).text, expected, "{text}");
    }
}

#[test]
fn puts_in_the_fields_of_a_record() {
    let known = Known { fields: Some(vec!["one", "", "A"]) };
    let cases = [
        ("[1]-[2]-[4]", "one--"),
        ("File: [1]{, Size: [2]}", "File: one"),
        ("{[1]}", "one"),
        ("[[3]]", "alpha"),
        ("[99999999999]", "[99999999999]"),
    ];
    for (text, expected) in cases {
        assert_eq!(Formatted::resolve(text, &known).text, expected, "{text}");
    }
}

#[test]
fn masks_what_refers_to_a_hidden_property() {
    let known = Known { fields: None };
    let hidden = |name: &str| name == "SECRET";
    let text = Formatted::resolve("user [A] password [SECRET]", &known);
    assert_eq!((text.text.as_str(), text.loggable(hidden)), ("user alpha password password", "**********"));
    assert_eq!(Formatted::resolve("[A]", &known).loggable(hidden), "alpha");
    assert_eq!(Formatted::resolve("[None]x[A]", &known).missing, ["None"]);
}

#[test]
fn deep_nesting_is_left_as_text() {
    let text = "[".repeat(100_000);
    assert_eq!(Formatted::resolve(&text, &Known { fields: None }).text, text);
    let text = "{".repeat(100_000) + &"}".repeat(100_000);
    assert_eq!(Formatted::resolve(&text, &Known { fields: None }).text, text);
}

proptest! {
    #[test]
    fn text_without_references_stays(text in "[^\\[\\]]{0,60}") {
        prop_assert_eq!(Formatted::resolve(&text, &Known { fields: None }).text, text);
    }

    #[test]
    fn any_text_is_resolved(text in "[\\[\\]{}A~%#!$\\\\1x]{0,40}") {
        Formatted::resolve(&text, &Known { fields: None });
    }
}
