//! What a query says, before the names in it are looked up.

use std::ops::Range;

use crate::{Column, Value};

/// A name and its place in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    pub span: Range<usize>,
}

/// A column, with its table where the query names it.
#[derive(Debug, Clone)]
pub struct ColumnName {
    pub table: Option<Name>,
    pub column: Name,
}

impl ColumnName {
    pub fn span(&self) -> Range<usize> {
        let start = self.table.as_ref().map_or(self.column.span.start, |table| table.span.start);
        start..self.column.span.end
    }
}

/// A value in a query.
#[derive(Debug, Clone)]
pub struct Constant {
    pub kind: ConstantKind,
    pub span: Range<usize>,
}

#[derive(Debug, Clone)]
pub enum ConstantKind {
    Value(Value),
    /// A question mark, by its place among all of them.
    Marker(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    Unequal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

/// What stands after WHERE.
#[derive(Debug, Clone)]
pub enum Expression {
    Columns { left: ColumnName, operator: Operator, right: ColumnName },
    Constant { column: ColumnName, operator: Operator, constant: Constant },
    Null { column: ColumnName, negated: bool },
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

#[derive(Debug, Clone)]
pub struct Select {
    pub distinct: bool,
    /// None for all columns.
    pub columns: Option<Vec<ColumnName>>,
    pub tables: Vec<Name>,
    pub condition: Option<Expression>,
    pub order: Vec<ColumnName>,
}

#[derive(Debug, Clone)]
pub struct Insert {
    pub table: Name,
    pub columns: Vec<Name>,
    pub values: Vec<Constant>,
    pub values_span: Range<usize>,
    pub temporary: bool,
}

#[derive(Debug, Clone)]
pub struct Update {
    pub tables: Vec<Name>,
    pub changes: Vec<(ColumnName, Constant)>,
    pub condition: Option<Expression>,
}

#[derive(Debug, Clone)]
pub struct Delete {
    pub table: Name,
    pub condition: Option<Expression>,
}

/// A column of a new table, or a new column.
#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    pub column: Column,
    pub temporary: bool,
    pub span: Range<usize>,
}

#[derive(Debug, Clone)]
pub struct CreateTable {
    pub table: Name,
    pub columns: Vec<ColumnDefinition>,
    pub keys: Vec<Name>,
    pub hold: bool,
}

#[derive(Debug, Clone)]
pub enum Alteration {
    Add { definition: ColumnDefinition, hold: bool },
    Hold,
    Free,
}

#[derive(Debug, Clone)]
pub enum Statement {
    Select(Select),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Create(CreateTable),
    Drop(Name),
    Alter { table: Name, alteration: Alteration },
}
