//! `reseat validate`: holds a package against the rules of its `_Validation` table.

use std::io::Write;
use std::process::ExitCode;

use reseat_database::validate::{Finding, validate_with, values_to_check};
use reseat_package::{Condition, MisplacedAction};
use serde_json::json;

use crate::arguments::Global;
use crate::arguments::package::Package;
use crate::failure::Failure;
use crate::{output, package_file, progress};

/// What is wrong with a custom action outside of the script.
const WHY: &str = "the action belongs between InstallInitialize and InstallFinalize";

/// Prints the findings.
pub fn run(global: &Global, arguments: &Package) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let database = package_file::open(global, path)?;
    let failed = |error| Failure::about(path, &error);
    let bar = progress::counted(global, values_to_check(&database).map_err(failed)?, "values");
    let condition = |text: &str| Condition::parse(text).err().map(|error| error.to_string());
    let findings = validate_with(&database, &condition, &mut |values| bar.inc(values)).map_err(failed)?;
    bar.finish_and_clear();
    package_file::print_warnings(global, path, &database);
    if !global.quiet && database.columns("_Validation").is_none() {
        eprintln!(
            "reseat: warning: {}: there is no table _Validation: only the columns' own rules are checked",
            path.display()
        );
    }
    let misplaced = MisplacedAction::all(&database).map_err(failed)?;
    let code =
        if findings.is_empty() && misplaced.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if global.json {
        let findings: Vec<_> =
            findings.iter().map(to_json).chain(misplaced.iter().map(misplaced_to_json)).collect();
        return output::write(code, |out| output::write_json(&findings, out));
    }
    output::write(code, |out| {
        for finding in &findings {
            let row = finding.row.as_ref().map(|row| format!(", row '{row}'")).unwrap_or_default();
            let column =
                finding.column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default();
            let line =
                format!("table {}{row}{column}: {} ({})", finding.table, finding.reason, finding.rule.code());
            writeln!(out, "{}", output::one_line(&line))?;
        }
        for MisplacedAction { table, action, place } in &misplaced {
            let line = format!("table {table}, row '{action}', column Sequence: {WHY}: {place} (ICE77)");
            writeln!(out, "{}", output::one_line(&line))?;
        }
        Ok(())
    })
}

fn to_json(finding: &Finding) -> serde_json::Value {
    json!({
        "table": finding.table,
        "row": finding.row,
        "column": finding.column,
        "code": finding.rule.code(),
        "reason": finding.reason,
    })
}

fn misplaced_to_json(misplaced: &MisplacedAction) -> serde_json::Value {
    json!({
        "table": misplaced.table,
        "row": misplaced.action,
        "column": "Sequence",
        "code": "ICE77",
        "reason": format!("{WHY}: {}", misplaced.place),
    })
}
