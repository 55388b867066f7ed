//! Columns of new tables, and new columns.

use super::super::SqlError;
use super::super::lexer::Token;
use super::super::statement::{ColumnDefinition, CreateTable};
use super::Parser;
use crate::{Column, ColumnType};

impl Parser {
    pub(super) fn create(&mut self) -> Result<CreateTable, SqlError> {
        let table = self.name("a table")?;
        self.expect_sign("(")?;
        let columns = self.list(Self::definition)?;
        self.expect("PRIMARY")?;
        self.expect("KEY")?;
        let keys = self.list(|parser| parser.name("a column"))?;
        self.expect_sign(")")?;
        Ok(CreateTable { table, columns, keys, hold: self.accept("HOLD") })
    }

    pub(super) fn definition(&mut self) -> Result<ColumnDefinition, SqlError> {
        let start = self.span().start;
        let name = self.name("a column")?;
        let kind = self.kind()?;
        let mut nullable = true;
        if self.accept("NOT") {
            self.expect("NULL")?;
            nullable = false;
        }
        let temporary = self.accept("TEMPORARY");
        let localizable = self.accept("LOCALIZABLE");
        let span = start..self.span().start;
        let column = Column { name: name.text, kind, nullable, key: false, localizable };
        Ok(ColumnDefinition { column, temporary, span })
    }

    fn kind(&mut self) -> Result<ColumnType, SqlError> {
        if self.accept("CHAR") || self.accept("CHARACTER") {
            return self.width().map(ColumnType::Text);
        }
        if self.accept("LONGCHAR") {
            return Ok(ColumnType::Text(0));
        }
        if self.accept("SHORT") || self.accept("INT") || self.accept("INTEGER") {
            return Ok(ColumnType::Short);
        }
        if self.accept("LONG") {
            return Ok(ColumnType::Long);
        }
        if self.accept("OBJECT") {
            return Ok(ColumnType::Stream);
        }
        Err(self.unexpected("a column type"))
    }

    fn width(&mut self) -> Result<u8, SqlError> {
        if !self.accept_sign("(") {
            return Ok(0);
        }
        let width = match self.peek() {
            Token::Number(number) => u8::try_from(*number).ok(),
            _ => None,
        };
        let width = width.ok_or_else(|| self.unexpected("a width from 0 to 255"))?;
        self.next += 1;
        self.expect_sign(")")?;
        Ok(width)
    }
}
