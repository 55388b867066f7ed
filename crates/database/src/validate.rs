//! Validation: whether the rows of a database keep the rules of its `_Validation` table.
//!
//! Documented on the page `-validation-table.md`; the kinds of findings are the error codes of the function
//! `MsiViewGetError`. The categories of texts are in `category`. A database may lack the table, since it is left out of
//! many packages; then only what the columns themselves say is checked.

mod category;
mod row;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{ColumnType, Database, DatabaseError, Row, Table, Value};
use category::Category;
pub(crate) use row::{references, validate_row};

pub(crate) const VALIDATION: &str = "_Validation";
/// Progress is told after so many values.
const STRIDE: u64 = 4096;

/// A rule that a value breaks, by the error code that `MsiViewGetError` documents for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// `MSIDBERROR_DUPLICATEKEY`: two rows have one primary key.
    DuplicateKey,
    /// `MSIDBERROR_REQUIRED`: a null where none is allowed.
    Required,
    /// `MSIDBERROR_BADLINK`: no row of the other table has this value.
    BadLink,
    /// `MSIDBERROR_OVERFLOW`: above the greatest value.
    Overflow,
    /// `MSIDBERROR_UNDERFLOW`: below the least value.
    Underflow,
    /// `MSIDBERROR_NOTINSET`: none of the listed values.
    NotInSet,
    /// `MSIDBERROR_BADVERSION`: no version.
    BadVersion,
    /// `MSIDBERROR_BADCASE`: not all capitals, or not all small letters.
    BadCase,
    /// `MSIDBERROR_BADGUID`: no GUID.
    BadGuid,
    /// `MSIDBERROR_BADWILDCARD`: no file name with wildcards.
    BadWildcard,
    /// `MSIDBERROR_BADIDENTIFIER`: no identifier.
    BadIdentifier,
    /// `MSIDBERROR_BADLANGUAGE`: no list of languages.
    BadLanguage,
    /// `MSIDBERROR_BADFILENAME`: no file name.
    BadFilename,
    /// `MSIDBERROR_BADPATH`: no path.
    BadPath,
    /// `MSIDBERROR_BADCONDITION`: no condition.
    BadCondition,
    /// `MSIDBERROR_BADFORMATTED`: no Formatted text.
    BadFormatted,
    /// `MSIDBERROR_BADTEMPLATE`: no template.
    BadTemplate,
    /// `MSIDBERROR_BADDEFAULTDIR`: nothing for the column DefaultDir.
    BadDefaultDir,
    /// `MSIDBERROR_BADREGPATH`: no path of the registry.
    BadRegPath,
    /// `MSIDBERROR_BADCUSTOMSOURCE`: no source of a custom action.
    BadCustomSource,
    /// `MSIDBERROR_BADPROPERTY`: no name of a property.
    BadProperty,
    /// `MSIDBERROR_MISSINGDATA`: `_Validation` has no row for a column.
    MissingData,
    /// `MSIDBERROR_BADCATEGORY`: `_Validation` names an unknown category.
    BadCategory,
    /// `MSIDBERROR_BADKEYTABLE`: `_Validation` names a table or column that is not there.
    BadKeyTable,
    /// `MSIDBERROR_BADMAXMINVALUES`: in `_Validation` the greatest value is below the least.
    BadMaxMinValues,
    /// `MSIDBERROR_BADCABINET`: no name of a cabinet.
    BadCabinet,
    /// `MSIDBERROR_BADSHORTCUT`: no target of a shortcut.
    BadShortcut,
    /// `MSIDBERROR_STRINGOVERFLOW`: longer than the column allows.
    StringOverflow,
    /// `MSIDBERROR_BADLOCALIZEATTRIB`: a key column that is to be translated.
    BadLocalizeAttribute,
}

impl Rule {
    /// The number of the documented error code (enumeration MSIDBERROR).
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// The name of the documented error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::DuplicateKey => "MSIDBERROR_DUPLICATEKEY",
            Self::Required => "MSIDBERROR_REQUIRED",
            Self::BadLink => "MSIDBERROR_BADLINK",
            Self::Overflow => "MSIDBERROR_OVERFLOW",
            Self::Underflow => "MSIDBERROR_UNDERFLOW",
            Self::NotInSet => "MSIDBERROR_NOTINSET",
            Self::BadVersion => "MSIDBERROR_BADVERSION",
            Self::BadCase => "MSIDBERROR_BADCASE",
            Self::BadGuid => "MSIDBERROR_BADGUID",
            Self::BadWildcard => "MSIDBERROR_BADWILDCARD",
            Self::BadIdentifier => "MSIDBERROR_BADIDENTIFIER",
            Self::BadLanguage => "MSIDBERROR_BADLANGUAGE",
            Self::BadFilename => "MSIDBERROR_BADFILENAME",
            Self::BadPath => "MSIDBERROR_BADPATH",
            Self::BadCondition => "MSIDBERROR_BADCONDITION",
            Self::BadFormatted => "MSIDBERROR_BADFORMATTED",
            Self::BadTemplate => "MSIDBERROR_BADTEMPLATE",
            Self::BadDefaultDir => "MSIDBERROR_BADDEFAULTDIR",
            Self::BadRegPath => "MSIDBERROR_BADREGPATH",
            Self::BadCustomSource => "MSIDBERROR_BADCUSTOMSOURCE",
            Self::BadProperty => "MSIDBERROR_BADPROPERTY",
            Self::MissingData => "MSIDBERROR_MISSINGDATA",
            Self::BadCategory => "MSIDBERROR_BADCATEGORY",
            Self::BadKeyTable => "MSIDBERROR_BADKEYTABLE",
            Self::BadMaxMinValues => "MSIDBERROR_BADMAXMINVALUES",
            Self::BadCabinet => "MSIDBERROR_BADCABINET",
            Self::BadShortcut => "MSIDBERROR_BADSHORTCUT",
            Self::StringOverflow => "MSIDBERROR_STRINGOVERFLOW",
            Self::BadLocalizeAttribute => "MSIDBERROR_BADLOCALIZEATTRIB",
        }
    }
}

/// A value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: String,
    /// The row's primary key as [`Row::key`] gives it; nothing when the finding is about the whole column or table.
    pub row: Option<String>,
    /// The column; nothing when the finding is about the row.
    pub column: Option<String>,
    /// The rule.
    pub rule: Rule,
    /// What is wrong, in words.
    pub reason: String,
}

/// Says what is wrong with a condition, which is not known here; nothing when it is right.
pub type CheckCondition<'c> = &'c dyn Fn(&str) -> Option<String>;

/// Holds all tables of a database against its rules.
///
/// # Errors
/// When a table cannot be read.
pub fn validate(database: &Database, condition: CheckCondition<'_>) -> Result<Vec<Finding>, DatabaseError> {
    validate_with(database, condition, &mut |_| {})
}

/// So many values [`validate_with`] looks at.
///
/// # Errors
/// When a table cannot be read.
pub fn values_to_check(database: &Database) -> Result<u64, DatabaseError> {
    let mut values = 0;
    for name in database.table_names()?.iter().filter(|name| *name != VALIDATION) {
        let columns = database.columns(name).map_or(0, |columns| columns.len());
        values += database.row_count(name)?.unwrap_or(0) * columns as u64;
    }
    Ok(values)
}

/// As [`validate`], telling `progress` now and then how many more values were looked at.
///
/// # Errors
/// As [`validate`].
pub fn validate_with(
    database: &Database,
    condition: CheckCondition<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Finding>, DatabaseError> {
    let mut validation = Validation { database, condition, keys: HashMap::new(), findings: Vec::new() };
    let rules = match database.table(VALIDATION)? {
        Some(table) => validation.read_rules(&table)?,
        None => HashMap::new(),
    };
    let has_rules = !rules.is_empty();
    for name in database.table_names()? {
        let Some(table) = database.table(&name)? else { continue };
        validation.check_columns(&table, has_rules.then_some(&rules));
        validation.check_keys(&table);
        if name == VALIDATION {
            // Its own rows about itself are out of date in most packages: they allow neither lists of tables nor all of
            // the documented categories. What counts was checked when it was read.
            continue;
        }
        for (position, column) in table.columns().iter().enumerate() {
            let none = ColumnRules::default();
            let rules = rules.get(&(name.clone(), column.name.clone())).unwrap_or(&none);
            validation.check_column(&table, position, rules, progress)?;
        }
    }
    Ok(validation.findings)
}

/// What `_Validation` says about a column.
#[derive(Debug, Default)]
struct ColumnRules {
    /// Whether it may be null; nothing when that is not said.
    nullable: Option<bool>,
    least: Option<i32>,
    greatest: Option<i32>,
    /// The tables whose column of this number has the value.
    key_tables: Vec<String>,
    key_column: usize,
    category: Option<Category>,
    set: Vec<String>,
}

struct Validation<'d> {
    database: &'d Database,
    condition: CheckCondition<'d>,
    /// The values of columns that others refer to, by table and column number.
    keys: HashMap<(String, usize), Option<Arc<HashSet<Value>>>>,
    findings: Vec<Finding>,
}

impl Validation<'_> {
    fn read_rules(&mut self, table: &Table) -> Result<HashMap<(String, String), ColumnRules>, DatabaseError> {
        let mut rules = HashMap::new();
        for row in table.rows() {
            let (Some(of_table), Some(of_column)) = (row.text("Table"), row.text("Column")) else { continue };
            let list = |column: &str| {
                let texts = row.text(column).unwrap_or_default().split(';');
                texts.filter(|text| !text.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            let key_column = row.integer("KeyColumn").and_then(|number| usize::try_from(number).ok());
            let mut of_column_rules = ColumnRules {
                nullable: row
                    .text("Nullable")
                    .map(|text| text.trim_start_matches('@').eq_ignore_ascii_case("Y")),
                least: row.integer("MinValue"),
                greatest: row.integer("MaxValue"),
                key_tables: list("KeyTable"),
                key_column: key_column.unwrap_or(1),
                category: None,
                set: list("Set"),
            };
            if let (Some(least), Some(greatest)) = (of_column_rules.least, of_column_rules.greatest)
                && greatest < least
            {
                self.add_for(&row, "MaxValue", Rule::BadMaxMinValues, format!("{greatest} is below {least}"));
            }
            if let Some(name) = row.text("Category") {
                of_column_rules.category = Category::named(name);
                if of_column_rules.category.is_none() {
                    self.add_for(
                        &row,
                        "Category",
                        Rule::BadCategory,
                        format!("there is no category '{name}'"),
                    );
                }
            }
            rules.insert((of_table.to_owned(), of_column.to_owned()), of_column_rules);
        }
        Ok(rules)
    }

    /// What the columns themselves say, whatever the rows.
    fn check_columns(&mut self, table: &Table, rules: Option<&HashMap<(String, String), ColumnRules>>) {
        for column in table.columns() {
            let about = |rule, reason| Finding {
                table: table.name().to_owned(),
                row: None,
                column: Some(column.name.clone()),
                rule,
                reason,
            };
            if column.key && column.localizable {
                let reason = "a column of the primary key cannot be localizable".to_owned();
                self.findings.push(about(Rule::BadLocalizeAttribute, reason));
            }
            // The table that holds the rules needs none.
            let has_rules =
                rules.is_none_or(|rules| rules.contains_key(&(table.name().to_owned(), column.name.clone())));
            if !has_rules && table.name() != VALIDATION {
                let reason = format!("table {VALIDATION} has no row for it");
                self.findings.push(about(Rule::MissingData, reason));
            }
        }
    }

    fn check_keys(&mut self, table: &Table) {
        let mut seen = HashSet::with_capacity(table.len());
        for row in table.rows() {
            if !row.key_values().is_empty() && !seen.insert(row.key_values()) {
                self.findings.push(Finding {
                    table: table.name().to_owned(),
                    row: Some(row.key()),
                    column: None,
                    rule: Rule::DuplicateKey,
                    reason: "another row has this key".to_owned(),
                });
            }
        }
    }

    fn check_column(
        &mut self,
        table: &Table,
        position: usize,
        rules: &ColumnRules,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), DatabaseError> {
        let Some(column) = table.columns().get(position) else { return Ok(()) };
        let keys = self.keys_of(table, &column.name, rules)?;
        for (number, row) in (1_u64..).zip(table.rows()) {
            if number % STRIDE == 0 {
                progress(STRIDE);
            }
            let value = row.values().get(position).unwrap_or(&Value::Null);
            let problem = match value {
                Value::Null => (!column.nullable || rules.nullable == Some(false))
                    .then(|| (Rule::Required, "it is null".to_owned())),
                Value::Stream => None,
                Value::Integer(number) => check_number(*number, rules)
                    .or_else(|| check_link(value, &number.to_string(), rules, &keys)),
                Value::Text(text) => check_length(text, column.kind)
                    .or_else(|| self.check_text(&row, value, text, rules, &keys)),
            };
            if let Some((rule, reason)) = problem {
                self.add_for(&row, &column.name, rule, reason);
            }
        }
        progress(table.len() as u64 % STRIDE);
        Ok(())
    }

    fn check_text(
        &self,
        row: &Row<'_>,
        value: &Value,
        text: &str,
        rules: &ColumnRules,
        keys: &[Arc<HashSet<Value>>],
    ) -> Option<(Rule, String)> {
        // A text of the set needs no category, and the other way round: a column may have both.
        let in_set = rules.set.iter().any(|member| member == text);
        if in_set {
            return None;
        }
        let has_other_rules = rules.category.is_some() || !rules.key_tables.is_empty();
        if !rules.set.is_empty() && !has_other_rules {
            return Some((Rule::NotInSet, format!("'{text}' is none of {}", rules.set.join(", "))));
        }
        let is_version = rules.category == Some(Category::Version);
        if is_version && !rules.key_tables.is_empty() {
            // In the column Version of the File table either a version or the key of another file stands.
            let wrong = Category::Version.check(text, row);
            return wrong.and_then(|_| check_link(value, text, rules, keys));
        }
        let wrong = rules.category.and_then(|category| match category {
            Category::Condition => (self.condition)(text).map(|reason| (Rule::BadCondition, reason)),
            category => category.check(text, row),
        });
        wrong.or_else(|| {
            // Only some categories refer to rows of other tables always; the others do so when they are plain names.
            let refers = match rules.category {
                Some(Category::Shortcut) => !text.contains('['),
                Some(Category::CustomSource) => category::custom_source_table(row).is_none(),
                Some(Category::Formatted | Category::Template | Category::Property) => false,
                _ => true,
            };
            if refers { check_link(value, text, rules, keys) } else { None }
        })
    }

    /// The values that the column may have by its foreign keys; nothing is known of tables that are not there.
    fn keys_of(
        &mut self,
        table: &Table,
        column: &str,
        rules: &ColumnRules,
    ) -> Result<Vec<Arc<HashSet<Value>>>, DatabaseError> {
        let mut found = Vec::new();
        for key_table in &rules.key_tables {
            let place = (key_table.clone(), rules.key_column);
            if !self.keys.contains_key(&place) {
                let values = self.key_values(key_table, rules.key_column)?;
                self.keys.insert(place.clone(), values);
            }
            match self.keys.get(&place) {
                Some(Some(values)) => found.push(values.clone()),
                // A table that is not there has no rows; that is wrong only if there is a value.
                _ if rules.key_column == 0 || rules.key_column > 32 => self.findings.push(Finding {
                    table: table.name().to_owned(),
                    row: None,
                    column: Some(column.to_owned()),
                    rule: Rule::BadKeyTable,
                    reason: format!("table {VALIDATION} names column {} of '{key_table}'", rules.key_column),
                }),
                _ => {}
            }
        }
        Ok(found)
    }

    fn key_values(&self, table: &str, number: usize) -> Result<Option<Arc<HashSet<Value>>>, DatabaseError> {
        let Some(position) = number.checked_sub(1).filter(|position| *position < 32) else { return Ok(None) };
        let Some(table) = self.database.table(table)? else { return Ok(None) };
        if position >= table.columns().len() {
            return Ok(None);
        }
        Ok(Some(Arc::new(table.rows().filter_map(|row| row.values().get(position).cloned()).collect())))
    }

    fn add_for(&mut self, row: &Row<'_>, column: &str, rule: Rule, reason: String) {
        self.findings.push(Finding {
            table: row.table().name().to_owned(),
            row: Some(row.key()),
            column: Some(column.to_owned()),
            rule,
            reason,
        });
    }
}

fn check_number(number: i32, rules: &ColumnRules) -> Option<(Rule, String)> {
    // A set lists values besides the range.
    if rules.set.iter().any(|member| member.trim().parse() == Ok(number)) {
        return None;
    }
    if let Some(least) = rules.least.filter(|least| number < *least) {
        return Some((Rule::Underflow, format!("{number} is below {least}")));
    }
    if let Some(greatest) = rules.greatest.filter(|greatest| number > *greatest) {
        return Some((Rule::Overflow, format!("{number} is above {greatest}")));
    }
    let set_counts = !rules.set.is_empty() && rules.least.is_none() && rules.greatest.is_none();
    set_counts.then(|| (Rule::NotInSet, format!("{number} is none of {}", rules.set.join(", "))))
}

fn check_length(text: &str, kind: ColumnType) -> Option<(Rule, String)> {
    match kind {
        ColumnType::Text(width) if width > 0 => {
            let length = text.encode_utf16().count();
            (length > usize::from(width))
                .then(|| (Rule::StringOverflow, format!("{length} characters, and the column has {width}")))
        }
        _ => None,
    }
}

fn check_link(
    value: &Value,
    text: &str,
    rules: &ColumnRules,
    keys: &[Arc<HashSet<Value>>],
) -> Option<(Rule, String)> {
    if rules.key_tables.is_empty() || keys.iter().any(|values| values.contains(value)) {
        return None;
    }
    let tables = rules.key_tables.join(", ");
    Some((Rule::BadLink, format!("'{text}' is no value of column {} of {tables}", rules.key_column)))
}

#[cfg(test)]
mod tests;
