//! Conditions whose names are looked up, and how they are evaluated.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::names::{Names, Place};
use super::statement::{Expression, Operator};
use super::step::Tuple;
use super::{SqlCause, SqlError};
use crate::{ColumnType, Table, Value};

/// A condition on the rows of a query.
#[derive(Debug, Clone)]
pub enum Condition {
    Columns { left: Place, operator: Operator, right: Place },
    Constant { column: Place, operator: Operator, value: Value },
    Null { column: Place, negated: bool },
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

impl Condition {
    /// Looks up the names of an expression and checks its types.
    pub fn new(expression: &Expression, names: &Names<'_>) -> Result<Self, SqlError> {
        let list = |list: &[Expression]| {
            list.iter().map(|part| Self::new(part, names)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match expression {
            Expression::And(parts) => Self::And(list(parts)?),
            Expression::Or(parts) => Self::Or(list(parts)?),
            Expression::Null { column, negated } => {
                Self::Null { column: names.place(column)?, negated: *negated }
            }
            Expression::Constant { column, operator, constant } => {
                let place = names.place(column)?;
                let definition = names.column(place, column.span())?;
                check(definition.kind, *operator)
                    .map_err(|cause| SqlError::new(cause, column.span().start..constant.span.end))?;
                Self::Constant {
                    column: place,
                    operator: *operator,
                    value: names.value(constant, definition)?,
                }
            }
            Expression::Columns { left, operator, right } => {
                let span = left.span().start..right.span().end;
                let (left_place, right_place) = (names.place(left)?, names.place(right)?);
                let left_kind = names.column(left_place, left.span())?.kind;
                let right_kind = names.column(right_place, right.span())?.kind;
                let is_text = |kind| matches!(kind, ColumnType::Text(_));
                check(left_kind, *operator)
                    .and_then(|()| check(right_kind, *operator))
                    .map_err(|cause| SqlError::new(cause, span.clone()))?;
                if is_text(left_kind) != is_text(right_kind) {
                    return Err(SqlError::new(SqlCause::Types, span));
                }
                Self::Columns { left: left_place, operator: *operator, right: right_place }
            }
        })
    }

    /// The parts that all have to hold.
    pub fn conjuncts(self) -> Vec<Self> {
        match self {
            Self::And(parts) => parts.into_iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// The tables that it is about.
    pub fn tables(&self) -> BTreeSet<usize> {
        match self {
            Self::Columns { left, right, .. } => [left.table, right.table].into(),
            Self::Constant { column, .. } | Self::Null { column, .. } => [column.table].into(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::tables).collect(),
        }
    }

    /// Whether it holds for rows of the tables; those that it is about have to be bound.
    pub fn holds(&self, tuple: &Tuple, tables: &[Arc<Table>]) -> bool {
        match self {
            Self::Columns { left, operator, right } => {
                compare(value(tables, tuple, *left), *operator, value(tables, tuple, *right))
            }
            Self::Constant { column, operator, value: constant } => {
                compare(value(tables, tuple, *column), *operator, constant)
            }
            Self::Null { column, negated } => (*value(tables, tuple, *column) == Value::Null) != *negated,
            Self::And(parts) => parts.iter().all(|part| part.holds(tuple, tables)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(tuple, tables)),
        }
    }
}

/// The value at a place in the rows of the tables.
pub fn value<'t>(tables: &'t [Arc<Table>], tuple: &Tuple, place: Place) -> &'t Value {
    let row = tables.get(place.table).zip(tuple.get(place.table)).and_then(|(table, row)| table.row(*row));
    row.and_then(|row| row.values().get(place.column)).unwrap_or(&Value::Null)
}

fn check(kind: ColumnType, operator: Operator) -> Result<(), SqlCause> {
    match (kind, operator) {
        (ColumnType::Stream, _) => Err(SqlCause::StreamComparison),
        (ColumnType::Text(_), Operator::Equal | Operator::Unequal) => Ok(()),
        (ColumnType::Text(_), _) => Err(SqlCause::OrderOfTexts),
        _ => Ok(()),
    }
}

fn compare(left: &Value, operator: Operator, right: &Value) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::Unequal => left != right,
        _ => match (left.as_integer(), right.as_integer()) {
            (Some(left), Some(right)) => match operator {
                Operator::Less => left < right,
                Operator::Greater => left > right,
                Operator::LessOrEqual => left <= right,
                _ => left >= right,
            },
            _ => false,
        },
    }
}
