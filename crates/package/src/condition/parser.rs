//! Turns tokens into a program in postfix order.
//!
//! Operators wait on a stack of their own until one of lower precedence follows, so that neither parsing nor
//! evaluating nor dropping a condition recurses.

use std::ops::Range;

use super::ConditionError;
use super::lexer::{LetterCase, Lexer, Operator, Prefix, Token};

/// How many parentheses and NOTs may wait for their end.
const DEPTH_LIMIT: usize = 1000;

/// One value of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Symbol(Prefix, Box<str>),
    Literal(Box<str>),
    Integer(i64),
}

impl Operand {
    pub(super) fn is_state(&self) -> bool {
        matches!(self, Self::Symbol(prefix, _) if !matches!(prefix, Prefix::Property | Prefix::Environment))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    Not,
    And,
    Or,
    Xor,
    Eqv,
    Imp,
}

/// One step of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Pushes whether a value alone is true.
    Test(Operand),
    /// Pushes the outcome of a comparison.
    Compare(Operand, Operator, LetterCase, Operand),
    /// Replaces the one or two topmost outcomes.
    Combine(Logical),
}

impl Step {
    pub(super) fn operands(&self) -> impl Iterator<Item = &Operand> {
        let (left, right) = match self {
            Self::Test(operand) => (Some(operand), None),
            Self::Compare(left, _, _, right) => (Some(left), Some(right)),
            Self::Combine(_) => (None, None),
        };
        left.into_iter().chain(right)
    }
}

enum Waiting {
    Operator(Logical),
    Open(Range<usize>),
}

pub(super) fn parse(text: &str) -> Result<Vec<Step>, ConditionError> {
    let mut lexer = Lexer::new(text);
    let mut next = lexer.next()?;
    let mut program = Vec::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    if next.is_none() {
        return Ok(program);
    }
    loop {
        // A term is expected here.
        let (token, span) = next.ok_or(ConditionError::ExpectedValue { span: text.len()..text.len() })?;
        next = lexer.next()?;
        let operand = match token {
            Token::Open => {
                push(&mut waiting, Waiting::Open(span.clone()), span)?;
                continue;
            }
            Token::Not => {
                push(&mut waiting, Waiting::Operator(Logical::Not), span)?;
                continue;
            }
            token => operand(token).ok_or(ConditionError::ExpectedValue { span })?,
        };
        program.push(match next {
            Some((Token::Comparison(operator, case), _)) => {
                let (token, span) =
                    lexer.next()?.ok_or(ConditionError::ExpectedValue { span: text.len()..text.len() })?;
                let right = self::operand(token).ok_or(ConditionError::ExpectedValue { span })?;
                next = lexer.next()?;
                Step::Compare(operand, operator, case, right)
            }
            _ => Step::Test(operand),
        });
        // An operator, a closing parenthesis or the end is expected here.
        loop {
            let Some((token, span)) = next else {
                return finish(program, waiting);
            };
            next = lexer.next()?;
            let operator = match token {
                Token::Close => {
                    close(&mut program, &mut waiting, span)?;
                    continue;
                }
                Token::And => Logical::And,
                Token::Or => Logical::Or,
                Token::Xor => Logical::Xor,
                Token::Eqv => Logical::Eqv,
                Token::Imp => Logical::Imp,
                _ => return Err(ConditionError::ExpectedOperator { span }),
            };
            while let Some(Waiting::Operator(earlier)) = waiting.last() {
                if precedence(*earlier) < precedence(operator) {
                    break;
                }
                program.push(Step::Combine(*earlier));
                waiting.pop();
            }
            waiting.push(Waiting::Operator(operator));
            break;
        }
    }
}

fn operand(token: Token) -> Option<Operand> {
    Some(match token {
        Token::Symbol(prefix, name) => Operand::Symbol(prefix, name),
        Token::Literal(text) => Operand::Literal(text),
        Token::Integer(number) => Operand::Integer(number),
        _ => return None,
    })
}

fn push(waiting: &mut Vec<Waiting>, entry: Waiting, span: Range<usize>) -> Result<(), ConditionError> {
    if waiting.len() >= DEPTH_LIMIT {
        return Err(ConditionError::TooDeep { limit: DEPTH_LIMIT, span });
    }
    waiting.push(entry);
    Ok(())
}

fn close(
    program: &mut Vec<Step>,
    waiting: &mut Vec<Waiting>,
    span: Range<usize>,
) -> Result<(), ConditionError> {
    loop {
        match waiting.pop() {
            Some(Waiting::Operator(operator)) => program.push(Step::Combine(operator)),
            Some(Waiting::Open(_)) => return Ok(()),
            None => return Err(ConditionError::UnmatchedParenthesis { span }),
        }
    }
}

fn finish(mut program: Vec<Step>, mut waiting: Vec<Waiting>) -> Result<Vec<Step>, ConditionError> {
    while let Some(entry) = waiting.pop() {
        match entry {
            Waiting::Operator(operator) => program.push(Step::Combine(operator)),
            Waiting::Open(span) => return Err(ConditionError::UnclosedParenthesis { span }),
        }
    }
    Ok(program)
}

fn precedence(operator: Logical) -> u8 {
    match operator {
        Logical::Not => 6,
        Logical::And => 5,
        Logical::Or => 4,
        Logical::Xor => 3,
        Logical::Eqv => 2,
        Logical::Imp => 1,
    }
}
