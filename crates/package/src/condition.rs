//! Conditions: the expressions that decide whether actions run and components are installed.
//!
//! Follows the page `conditional-statement-syntax.md`. Where that page is silent: operators of equal precedence are
//! taken from left to right; two texts that both look like numbers are compared as texts unless one of them is written
//! as a number in the condition or is a state.

mod evaluate;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::InstallState;

/// A condition that has been read and can be evaluated any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    program: Vec<parser::Step>,
}

/// What evaluating gives, as `MsiEvaluateCondition` tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The expression is false.
    False,
    /// The expression is true.
    True,
    /// There is no expression; the installer takes that as true.
    Empty,
}

impl Outcome {
    /// Whether what the condition guards happens.
    pub fn holds(self) -> bool {
        self != Self::False
    }
}

/// What the symbols of a condition refer to. A missing value is `None` and counts as an empty text.
pub trait ConditionContext {
    /// The value of a property; names are told apart by letter case.
    fn property(&self, name: &str) -> Option<Cow<'_, str>>;
    /// The value of an environment variable, found without regard to letter case.
    fn environment(&self, name: &str) -> Option<String>;
    /// The state that a component is to get, [`InstallState::Unknown`] when nothing is done to it.
    fn component_action(&self, component: &str) -> Option<InstallState>;
    /// The state that a component had before.
    fn component_installed(&self, component: &str) -> Option<InstallState>;
    /// The state that a feature is to get, [`InstallState::Unknown`] when nothing is done to it.
    fn feature_action(&self, feature: &str) -> Option<InstallState>;
    /// The state that a feature had before.
    fn feature_installed(&self, feature: &str) -> Option<InstallState>;
}

/// A text that is not a condition. Spans are in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// A character that begins nothing.
    #[error("unexpected character '{character}' at byte {}", span.start)]
    UnexpectedCharacter {
        /// The character.
        character: char,
        /// Where it is.
        span: Range<usize>,
    },
    /// A quotation mark without its end.
    #[error("the text that begins at byte {} has no closing quotation mark", span.start)]
    UnterminatedLiteral {
        /// From the quotation mark to the end.
        span: Range<usize>,
    },
    /// A prefix such as `$` with no name after it.
    #[error("expected a name after the prefix at byte {}", span.start)]
    MissingName {
        /// The prefix.
        span: Range<usize>,
    },
    /// A number beyond 64 bits.
    #[error("the number at byte {} is too large", span.start)]
    IntegerTooLarge {
        /// The number.
        span: Range<usize>,
    },
    /// Something else where a value or parenthesis should be.
    #[error("expected a value at byte {}", span.start)]
    ExpectedValue {
        /// What is there instead; empty at the end.
        span: Range<usize>,
    },
    /// Something else where an operator or the end should be.
    #[error("expected AND, OR, XOR, EQV, IMP or the end at byte {}", span.start)]
    ExpectedOperator {
        /// What is there instead.
        span: Range<usize>,
    },
    /// An opening parenthesis without its end.
    #[error("the parenthesis at byte {} is not closed", span.start)]
    UnclosedParenthesis {
        /// The parenthesis.
        span: Range<usize>,
    },
    /// A closing parenthesis without its beginning.
    #[error("the parenthesis at byte {} closes nothing", span.start)]
    UnmatchedParenthesis {
        /// The parenthesis.
        span: Range<usize>,
    },
    /// More nesting than any real condition has.
    #[error("more than {limit} levels at byte {}", span.start)]
    TooDeep {
        /// The most levels that are accepted.
        limit: usize,
        /// The parenthesis or NOT that is one too many.
        span: Range<usize>,
    },
}

impl ConditionError {
    /// The bytes of the text that are at fault.
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::UnexpectedCharacter { span, .. }
            | Self::UnterminatedLiteral { span }
            | Self::MissingName { span }
            | Self::IntegerTooLarge { span }
            | Self::ExpectedValue { span }
            | Self::ExpectedOperator { span }
            | Self::UnclosedParenthesis { span }
            | Self::UnmatchedParenthesis { span }
            | Self::TooDeep { span, .. } => span.clone(),
        }
    }
}

impl Condition {
    /// Reads a condition; the empty text is one.
    ///
    /// # Errors
    /// When the text does not follow the documented syntax, or nests more than 1,000 levels.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        parser::parse(text).map(|program| Self { program })
    }

    /// Whether there is no expression.
    pub fn is_empty(&self) -> bool {
        self.program.is_empty()
    }

    /// Whether it refers to states of features or components, which are not known before costing.
    pub fn asks_for_states(&self) -> bool {
        self.program.iter().flat_map(parser::Step::operands).any(parser::Operand::is_state)
    }

    /// Whether the condition holds; an empty one does.
    pub fn evaluate(&self, context: &dyn ConditionContext) -> bool {
        evaluate::evaluate(&self.program, context)
    }

    /// As [`Condition::evaluate`], with the empty condition told apart.
    pub fn outcome(&self, context: &dyn ConditionContext) -> Outcome {
        match (self.is_empty(), self.evaluate(context)) {
            (true, _) => Outcome::Empty,
            (false, true) => Outcome::True,
            (false, false) => Outcome::False,
        }
    }
}
