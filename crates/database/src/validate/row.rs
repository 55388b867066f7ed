//! Validation of one row: a record before it becomes a row, or a row before it goes (page of the function MsiViewModify).

use std::collections::{BTreeSet, HashMap};

use super::{CheckCondition, ColumnRules, Finding, Rule, VALIDATION, Validation};
use crate::{Database, DatabaseError, Row, Table, Value};

/// Holds the values of a row of a table against the rules for these columns; a new row needs a new key too.
///
/// # Errors
/// When a table cannot be read.
pub(crate) fn validate_row(
    database: &Database,
    table: &Table,
    values: Vec<Value>,
    columns: &BTreeSet<usize>,
    is_new: bool,
    condition: CheckCondition<'_>,
) -> Result<Vec<Finding>, DatabaseError> {
    let mut validation = Validation { database, condition, keys: HashMap::new(), findings: Vec::new() };
    let rules = match database.table(VALIDATION)? {
        Some(table) => validation.read_rules(&table)?,
        None => HashMap::new(),
    };
    // What is wrong with the rules themselves is not about this row.
    validation.findings.clear();
    let mut single = Table::new(table.name(), table.columns().to_vec());
    single.push(values);
    if is_new
        && let Some(row) = single.row(0)
        && table.find(row.key_values()).is_some()
    {
        let column = table.columns().first().map(|column| column.name.clone());
        validation.findings.push(Finding {
            table: table.name().to_owned(),
            row: Some(row.key()),
            column,
            rule: Rule::DuplicateKey,
            reason: "another row has this key".to_owned(),
        });
    }
    for position in columns {
        let Some(column) = table.columns().get(*position) else { continue };
        match rules.get(&(table.name().to_owned(), column.name.clone())) {
            Some(rules) => validation.check_column(&single, *position, rules, &mut |_| {})?,
            None => {
                validation.check_column(&single, *position, &ColumnRules::default(), &mut |_| {})?;
                validation.findings.push(Finding {
                    table: table.name().to_owned(),
                    row: None,
                    column: Some(column.name.clone()),
                    rule: Rule::MissingData,
                    reason: format!("table {VALIDATION} has no row for it"),
                });
            }
        }
    }
    Ok(validation.findings)
}

/// The columns of a row that rows of other tables refer to. Columns that refer to several tables do not count.
///
/// # Errors
/// When a table cannot be read.
pub(crate) fn references(database: &Database, row: &Row<'_>) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings = Vec::new();
    let Some(rules) = database.table(VALIDATION)? else { return Ok(findings) };
    for rule in rules.rows().filter(|rule| rule.text("KeyTable") == Some(row.table().name())) {
        let (Some(table), Some(column)) = (rule.text("Table"), rule.text("Column")) else { continue };
        let number = rule.integer("KeyColumn").and_then(|number| usize::try_from(number).ok()).unwrap_or(1);
        let Some(position) = number.checked_sub(1) else { continue };
        let Some(value) = row.key_values().get(position).filter(|value| **value != Value::Null) else {
            continue;
        };
        let Some(other) = database.table(table)? else { continue };
        let refers = |candidate: &Row<'_>| {
            let is_row = table == row.table().name() && candidate.key_values() == row.key_values();
            !is_row && candidate.value(column) == value
        };
        if let Some(referring) = other.rows().find(refers) {
            findings.push(Finding {
                table: row.table().name().to_owned(),
                row: Some(row.key()),
                column: row.table().columns().get(position).map(|column| column.name.clone()),
                rule: Rule::Required,
                reason: format!(
                    "column {column} of row '{}' of table '{table}' refers to it",
                    referring.key()
                ),
            });
        }
    }
    Ok(findings)
}
