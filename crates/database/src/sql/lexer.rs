//! The words and signs of a query.

use std::ops::Range;

use super::{SqlCause, SqlError};

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A keyword or a name.
    Word(String),
    /// A name between grave accents, which is no keyword.
    Name(String),
    /// A text between single quotes.
    Text(String),
    Number(i32),
    /// One of `, . ( ) * ? = <> < > <= >=`.
    Sign(&'static str),
    End,
}

impl Token {
    /// The token for a message.
    pub fn describe(&self) -> String {
        match self {
            Self::Word(text) => format!("'{text}'"),
            Self::Name(name) => format!("`{name}`"),
            Self::Text(text) => format!("the text '{text}'"),
            Self::Number(number) => number.to_string(),
            Self::Sign(sign) => format!("'{sign}'"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Signs, the longer before those that they start with.
const SIGNS: [&str; 12] = ["<>", "<=", ">=", "<", ">", "=", ",", ".", "(", ")", "*", "?"];

/// All tokens of a query with their places; the last is [`Token::End`].
pub fn tokens(query: &str) -> Result<Vec<(Token, Range<usize>)>, SqlError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some((rest, first)) = query.get(start..).and_then(|rest| Some((rest, rest.chars().next()?))) {
        if first.is_whitespace() {
            start += first.len_utf8();
            continue;
        }
        let (token, length) = match first {
            '\'' | '`' => quoted(rest, first)
                .ok_or_else(|| SqlError::new(SqlCause::Unclosed { mark: first }, start..query.len()))?,
            '-' | '0'..='9' => {
                let digits =
                    rest.strip_prefix('-').unwrap_or(rest).bytes().take_while(u8::is_ascii_digit).count();
                let length = digits + usize::from(first == '-');
                let number = rest.get(..length).and_then(|text| text.parse().ok());
                let cause = if digits == 0 {
                    SqlCause::Character { character: first }
                } else {
                    SqlCause::NumberTooLarge
                };
                let token = number.map(Token::Number);
                (token.ok_or_else(|| SqlError::new(cause, start..start + length))?, length)
            }
            _ if first == '_' || first.is_alphanumeric() => {
                let end =
                    rest.find(|next: char| next != '_' && !next.is_alphanumeric()).unwrap_or(rest.len());
                (Token::Word(rest.get(..end).unwrap_or(rest).to_owned()), end)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let cause = SqlCause::Character { character: first };
                let sign = sign.ok_or_else(|| SqlError::new(cause, start..start + first.len_utf8()))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push((token, start..start + length));
        start += length;
    }
    tokens.push((Token::End, query.len()..query.len()));
    Ok(tokens)
}

/// A text or name up to its closing mark, which cannot be escaped.
fn quoted(rest: &str, mark: char) -> Option<(Token, usize)> {
    let (content, _) = rest.get(1..)?.split_once(mark)?;
    let token = if mark == '`' { Token::Name(content.to_owned()) } else { Token::Text(content.to_owned()) };
    Some((token, content.len() + 2))
}
