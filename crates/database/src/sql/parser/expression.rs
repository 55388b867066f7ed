//! What stands after WHERE.

use super::super::lexer::Token;
use super::super::statement::{Expression, Operator};
use super::super::{SqlCause, SqlError};
use super::Parser;

/// The documented limit of expressions in a WHERE clause; it also limits how deep parentheses can be.
const MOST_CONDITIONS: usize = 32;

impl Parser {
    /// The condition after WHERE, if there is one.
    pub(super) fn condition(&mut self) -> Result<Option<Expression>, SqlError> {
        if self.accept("WHERE") { self.alternatives(0).map(Some) } else { Ok(None) }
    }

    fn alternatives(&mut self, depth: usize) -> Result<Expression, SqlError> {
        let mut list = vec![self.conjunction(depth)?];
        while self.accept("OR") {
            list.push(self.conjunction(depth)?);
        }
        Ok(if list.len() > 1 { Expression::Or(list) } else { list.remove(0) })
    }

    fn conjunction(&mut self, depth: usize) -> Result<Expression, SqlError> {
        let mut list = vec![self.comparison(depth)?];
        while self.accept("AND") {
            list.push(self.comparison(depth)?);
        }
        Ok(if list.len() > 1 { Expression::And(list) } else { list.remove(0) })
    }

    fn comparison(&mut self, depth: usize) -> Result<Expression, SqlError> {
        let span = self.span();
        if self.accept_sign("(") {
            if depth >= MOST_CONDITIONS {
                return Err(SqlError::new(SqlCause::TooManyConditions { limit: MOST_CONDITIONS }, span));
            }
            let inner = self.alternatives(depth + 1)?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            return Err(SqlError::new(SqlCause::TooManyConditions { limit: MOST_CONDITIONS }, span));
        }
        let column = self.column("a column")?;
        if self.accept("IS") {
            let negated = self.accept("NOT");
            self.expect("NULL")?;
            return Ok(Expression::Null { column, negated });
        }
        let operator = self.operator()?;
        if matches!(self.peek(), Token::Word(_) | Token::Name(_)) {
            return Ok(Expression::Columns { left: column, operator, right: self.column("a column")? });
        }
        Ok(Expression::Constant { column, operator, constant: self.constant()? })
    }

    fn operator(&mut self) -> Result<Operator, SqlError> {
        let operator = match self.peek() {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("<>") => Operator::Unequal,
            Token::Sign("<") => Operator::Less,
            Token::Sign(">") => Operator::Greater,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            _ => return Err(self.unexpected("a comparison")),
        };
        self.next += 1;
        Ok(operator)
    }
}
