//! The tokens of a condition.

use std::ops::Range;

use super::ConditionError;

/// What a symbol's prefix says it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Property,
    Environment,
    ComponentAction,
    ComponentInstalled,
    FeatureAction,
    FeatureInstalled,
}

/// A comparison or substring operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    StartsWith,
    EndsWith,
}

/// Whether letter case counts in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterCase {
    Significant,
    Ignored,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Symbol(Prefix, Box<str>),
    Literal(Box<str>),
    Integer(i64),
    Comparison(Operator, LetterCase),
    Not,
    And,
    Or,
    Xor,
    Eqv,
    Imp,
    Open,
    Close,
}

/// Splits a condition into tokens with the bytes that each covers.
pub(super) struct Lexer<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, position: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|character| !accept(character)).unwrap_or(rest.len());
        self.position += end;
        rest.get(..end).unwrap_or_default()
    }

    /// The next token, or nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Token, Range<usize>)>, ConditionError> {
        self.take_while(|character| character.is_whitespace() || character == '\0');
        let start = self.position;
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let token = match first {
            '(' => self.single(Token::Open),
            ')' => self.single(Token::Close),
            '"' => self.literal()?,
            '%' => self.symbol(Prefix::Environment)?,
            '$' => self.symbol(Prefix::ComponentAction)?,
            '?' => self.symbol(Prefix::ComponentInstalled)?,
            '&' => self.symbol(Prefix::FeatureAction)?,
            '!' => self.symbol(Prefix::FeatureInstalled)?,
            '~' | '=' | '<' | '>' => self.comparison()?,
            '-' => self.integer()?,
            _ if first.is_ascii_digit() => self.integer()?,
            _ if starts_name(first) => self.word(),
            _ => {
                return Err(ConditionError::UnexpectedCharacter {
                    character: first,
                    span: start..start + first.len_utf8(),
                });
            }
        };
        Ok(Some((token, start..self.position)))
    }

    fn single(&mut self, token: Token) -> Token {
        self.position += 1;
        token
    }

    fn literal(&mut self) -> Result<Token, ConditionError> {
        let start = self.position;
        self.position += 1;
        let text = self.take_while(|character| character != '"');
        if self.rest().is_empty() {
            return Err(ConditionError::UnterminatedLiteral { span: start..self.text.len() });
        }
        self.position += 1;
        Ok(Token::Literal(text.into()))
    }

    fn symbol(&mut self, prefix: Prefix) -> Result<Token, ConditionError> {
        let start = self.position;
        self.position += 1;
        let name = self.take_while(continues_name);
        if name.is_empty() {
            return Err(ConditionError::MissingName { span: start..self.position });
        }
        Ok(Token::Symbol(prefix, name.into()))
    }

    fn comparison(&mut self) -> Result<Token, ConditionError> {
        let start = self.position;
        let case = if self.rest().starts_with('~') {
            self.position += 1;
            LetterCase::Ignored
        } else {
            LetterCase::Significant
        };
        let operators = [
            ("<>", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("><", Operator::Contains),
            ("<<", Operator::StartsWith),
            (">>", Operator::EndsWith),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let rest = self.rest();
        match operators.iter().find(|(text, _)| rest.starts_with(text)) {
            Some((text, operator)) => {
                self.position += text.len();
                Ok(Token::Comparison(*operator, case))
            }
            None => Err(ConditionError::UnexpectedCharacter { character: '~', span: start..self.position }),
        }
    }

    fn integer(&mut self) -> Result<Token, ConditionError> {
        let start = self.position;
        if self.rest().starts_with('-') {
            self.position += 1;
        }
        let digits = self.take_while(|character| character.is_ascii_digit());
        let span = start..self.position;
        if digits.is_empty() {
            return Err(ConditionError::UnexpectedCharacter { character: '-', span });
        }
        let text = self.text.get(span.clone()).unwrap_or_default();
        text.parse().map(Token::Integer).map_err(|_| ConditionError::IntegerTooLarge { span })
    }

    fn word(&mut self) -> Token {
        let word = self.take_while(continues_name);
        let operators = [
            ("NOT", Token::Not),
            ("AND", Token::And),
            ("OR", Token::Or),
            ("XOR", Token::Xor),
            ("EQV", Token::Eqv),
            ("IMP", Token::Imp),
        ];
        operators
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map_or_else(|| Token::Symbol(Prefix::Property, word.into()), |(_, token)| token)
    }
}

/// Names are Identifiers (page `identifier.md`); letters outside ASCII are let through because real packages have them.
fn starts_name(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn continues_name(character: char) -> bool {
    matches!(character, '_' | '.') || character.is_alphanumeric()
}
