//! The value of a condition.

use std::borrow::Cow;

use super::ConditionContext;
use super::lexer::{LetterCase, Operator, Prefix};
use super::parser::{Logical, Operand, Step};

/// A value at hand: a state or written number, or a text.
enum Known<'a> {
    Integer(i64),
    Text(Cow<'a, str>),
}

pub(super) fn evaluate(program: &[Step], context: &dyn ConditionContext) -> bool {
    let mut outcomes = Vec::new();
    for step in program {
        match step {
            Step::Test(operand) => outcomes.push(match know(operand, context) {
                Known::Integer(number) => number != 0,
                Known::Text(text) => !text.is_empty(),
            }),
            Step::Compare(left, operator, case, right) => {
                outcomes.push(compare(know(left, context), *operator, *case, know(right, context)));
            }
            // The parser put two outcomes before each operator, and one before each NOT.
            Step::Combine(operator) => {
                let right = outcomes.pop().unwrap_or_default();
                let mut left = || outcomes.pop().unwrap_or_default();
                let outcome = match operator {
                    Logical::Not => !right,
                    Logical::And => left() & right,
                    Logical::Or => left() | right,
                    Logical::Xor => left() != right,
                    Logical::Eqv => left() == right,
                    Logical::Imp => !left() | right,
                };
                outcomes.push(outcome);
            }
        }
    }
    outcomes.pop().unwrap_or(true)
}

fn know<'a>(operand: &'a Operand, context: &'a dyn ConditionContext) -> Known<'a> {
    let (prefix, name) = match operand {
        Operand::Literal(text) => return Known::Text(Cow::Borrowed(text)),
        Operand::Integer(number) => return Known::Integer(*number),
        Operand::Symbol(prefix, name) => (*prefix, name),
    };
    let state = match prefix {
        Prefix::Property => return Known::Text(context.property(name).unwrap_or_default()),
        Prefix::Environment => return Known::Text(context.environment(name).unwrap_or_default().into()),
        Prefix::ComponentAction => context.component_action(name),
        Prefix::ComponentInstalled => context.component_installed(name),
        Prefix::FeatureAction => context.feature_action(name),
        Prefix::FeatureInstalled => context.feature_installed(name),
    };
    state.map_or(Known::Text(Cow::Borrowed("")), |state| Known::Integer(state.number().into()))
}

fn compare(left: Known<'_>, operator: Operator, case: LetterCase, right: Known<'_>) -> bool {
    let (left, right) = match (left, right) {
        (Known::Text(left), Known::Text(right)) => return compare_texts(&left, operator, case, &right),
        (Known::Integer(left), Known::Integer(right)) => (Some(left), Some(right)),
        (Known::Integer(left), Known::Text(right)) => (Some(left), number(&right)),
        (Known::Text(left), Known::Integer(right)) => (number(&left), Some(right)),
    };
    match (left, right) {
        (Some(left), Some(right)) => compare_integers(left, operator, right),
        _ => operator == Operator::NotEqual,
    }
}

/// A whole number without sign or with `-`, and nothing else around it.
fn number(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

fn compare_integers(left: i64, operator: Operator, right: i64) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        Operator::Contains => left & right != 0,
        Operator::StartsWith => (left >> 16) & 0xffff == right,
        Operator::EndsWith => left & 0xffff == right,
    }
}

fn compare_texts(left: &str, operator: Operator, case: LetterCase, right: &str) -> bool {
    if case == LetterCase::Ignored {
        return compare_texts(&left.to_lowercase(), operator, LetterCase::Significant, &right.to_lowercase());
    }
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        Operator::Contains => left.contains(right),
        Operator::StartsWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
    }
}
