use super::*;
use proptest::prelude::*;

struct Known;

impl ConditionContext for Known {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = match name {
            "A" => "1",
            "ZERO" => "0",
            "TEXT" => "Hello World",
            "TEN" => "10",
            "NINE" => "9",
            "NEGATIVE" => "-5",
            "MASK" => "5",
            "PACKED" => "131075",
            "REMOVE" => "ALL",
            "QUOTE" => "\"",
            "Dotted.Name" => "1",
            _ => return None,
        };
        Some(value.into())
    }
    fn environment(&self, name: &str) -> Option<String> {
        name.eq_ignore_ascii_case("path").then(|| "c:\\bin".to_owned())
    }
    fn component_action(&self, component: &str) -> Option<InstallState> {
        (component == "C").then_some(InstallState::Local)
    }
    fn component_installed(&self, component: &str) -> Option<InstallState> {
        (component == "C").then_some(InstallState::Absent)
    }
    fn feature_action(&self, feature: &str) -> Option<InstallState> {
        (feature == "F").then_some(InstallState::Unknown)
    }
    fn feature_installed(&self, feature: &str) -> Option<InstallState> {
        (feature == "F").then_some(InstallState::Source)
    }
}

#[test]
fn evaluates_as_documented() {
    let cases = [
        // Values alone.
        ("", true),
        (" \r\n\t", true),
        ("A", true),
        ("ZERO", true),
        ("Missing", false),
        ("a", false),
        ("0", false),
        ("1", true),
        ("\"\"", false),
        ("\"x\"", true),
        ("Dotted.Name", true),
        // Comparison of integers and texts.
        ("TEN > 9", true),
        ("TEN > \"9\"", false),
        ("TEN > NINE", false),
        ("NEGATIVE = -5", true),
        ("NEGATIVE < 0", true),
        ("TEXT = 1", false),
        ("TEXT < 1", false),
        ("TEXT <> 1", true),
        ("1 <> TEXT", true),
        ("Missing = 0", false),
        ("Missing <> 0", true),
        ("Missing = \"\"", true),
        ("A >= 1 AND A <= 1", true),
        // Letter case.
        ("TEXT = \"hello world\"", false),
        ("TEXT ~= \"hello world\"", true),
        ("TEXT ~<> \"hello world\"", false),
        // Substrings.
        ("TEXT >< \"lo W\"", true),
        ("TEXT << \"Hello\"", true),
        ("TEXT >> \"World\"", true),
        ("TEXT >> \"Hello\"", false),
        ("TEXT ~>< \"LO W\"", true),
        ("TEXT ~<< \"hello\"", true),
        ("TEXT ~>> \"world\"", true),
        ("NOT TEXT><QUOTE", true),
        // Bits.
        ("MASK >< 4", true),
        ("MASK >< 2", false),
        ("PACKED << 2", true),
        ("PACKED >> 3", true),
        // Precedence: NOT, AND, OR, XOR, EQV, IMP.
        ("NOT A AND NOT Missing", false),
        ("NOT (A AND Missing)", true),
        ("A OR A AND Missing", true),
        ("(A OR A) AND Missing", false),
        ("A XOR A OR A", false),
        ("A EQV Missing XOR A", true),
        ("Missing IMP Missing EQV Missing", true),
        ("A IMP Missing", false),
        ("A IMP Missing IMP Missing", true),
        ("Missing EQV Missing", true),
        ("NOT A = 2", true),
        ("not a oR nOt Missing", true),
        // Other symbols.
        ("%PATH = \"c:\\bin\"", true),
        ("%Path", true),
        ("%nothing", false),
        ("$C = 3", true),
        ("?C = 2", true),
        ("&F = -1", true),
        ("!F = 4", true),
        ("$C > 2 AND ?C <> 3", true),
        ("&Nothing = 3", false),
        ("NOT Installed OR REMOVE=\"ALL\"", true),
        ("REMOVE~=\"all\"AND(A)", true),
    ];
    for (text, expected) in cases {
        let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(condition.evaluate(&Known), expected, "{text}");
    }
}

#[test]
fn tells_an_empty_condition_from_a_true_one() {
    assert_eq!(Condition::parse("").unwrap().outcome(&Known), Outcome::Empty);
    assert_eq!(Condition::parse("A").unwrap().outcome(&Known), Outcome::True);
    assert_eq!(Condition::parse("NOT A").unwrap().outcome(&Known), Outcome::False);
    assert!(Outcome::Empty.holds());
}

#[test]
fn knows_whether_it_asks_for_states() {
    for (text, expected) in
        [("A=\"&F\" OR %PATH", false), ("A AND &F=3", true), ("3 = ?C", true), ("", false)]
    {
        assert_eq!(Condition::parse(text).unwrap().asks_for_states(), expected, "{text}");
    }
}

#[test]
fn refuses_with_the_place_of_the_fault() {
    let cases = [
        ("A =", 3..3),
        ("A = = B", 4..5),
        ("= A", 0..1),
        ("A B", 2..3),
        ("(A", 0..1),
        ("A)", 1..2),
        ("()", 1..2),
        ("A AND", 5..5),
        ("\"abc", 0..4),
        ("A # B", 2..3),
        ("$ = 3", 0..1),
        ("(A) = 1", 4..5),
        ("A ~ B", 2..3),
        ("A = 99999999999999999999", 4..24),
        ("A = B = C", 6..7),
        ("A - B", 2..3),
    ];
    for (text, span) in cases {
        assert_eq!(Condition::parse(text).unwrap_err().span(), span, "{text}");
    }
}

#[test]
fn refuses_deep_nesting_without_using_the_stack() {
    for opening in ["(", "NOT ", "NOT("] {
        let text = opening.repeat(100_000) + "A";
        assert!(matches!(Condition::parse(&text), Err(ConditionError::TooDeep { .. })), "{opening}");
    }
    let long = "A AND ".repeat(100_000) + "A";
    assert!(Condition::parse(&long).unwrap().evaluate(&Known));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_its_bounds(text in "\\PC{0,60}") {
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(text.get(error.span()).is_some());
        }
    }

    #[test]
    fn any_sequence_of_tokens_is_read_or_refused(
        tokens in prop::collection::vec(
            prop::sample::select(vec!["(", ")", "A", "1", "\"x\"", "=", "~<>", "><", "NOT", "AND", "OR", "XOR", "EQV", "IMP"]),
            0..20,
        )
    ) {
        let text = tokens.join(" ");
        if let Ok(condition) = Condition::parse(&text) {
            let negated = Condition::parse(&format!("NOT ({text})"));
            if !condition.is_empty() {
                prop_assert_eq!(negated.unwrap().evaluate(&Known), !condition.evaluate(&Known));
            }
        }
    }
}
