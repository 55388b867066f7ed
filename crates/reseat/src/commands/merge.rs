//! `reseat merge`: adds the tables and rows of one package to another.

use std::process::ExitCode;

use reseat_database::merge::{MergeError, Merged};
use reseat_database::{Database, Reading};
use serde_json::json;

use crate::arguments::Global;
use crate::arguments::package::Merge;
use crate::failure::Failure;
use crate::{output, package_file};

/// Merges, and saves unless rows conflict.
pub fn run(global: &Global, arguments: &Merge) -> Result<ExitCode, Failure> {
    let mut base = Database::open(&arguments.base, Reading::Strict)
        .map_err(|error| Failure::about(&arguments.base, &error))?;
    let reference = package_file::open(global, &arguments.reference)?;
    package_file::print_warnings(global, &arguments.reference, &reference);
    let merged = base.merge(&reference).map_err(|error| {
        let failure = Failure::about(&arguments.reference, &error);
        match error {
            MergeError::Schema { .. } => failure.with_hint("nothing was changed"),
            _ => failure,
        }
    })?;
    let conflicts = !merged.conflicts.is_empty();
    if let Some(table) = arguments.conflicts.as_deref().filter(|_| conflicts) {
        base.put_conflicts(table, &merged.conflicts);
    }
    let saved = !conflicts || arguments.conflicts.is_some();
    if saved {
        base.save(arguments.output.as_deref().unwrap_or(&arguments.base))?;
    }
    let code = if conflicts { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    report(global, &merged, saved, code)
}

fn report(global: &Global, merged: &Merged, saved: bool, code: ExitCode) -> Result<ExitCode, Failure> {
    if global.json {
        let conflicts: Vec<_> = merged
            .conflicts
            .iter()
            .map(|conflict| json!({ "table": conflict.table, "rows": conflict.rows }))
            .collect();
        let result = json!({ "added_rows": merged.rows, "conflicts": conflicts, "saved": saved });
        return output::write(code, |out| output::write_json(&result, out));
    }
    for conflict in &merged.conflicts {
        let keys = output::one_line(&conflict.rows.join(", "));
        eprintln!("reseat: table '{}', rows that differ: {keys}", conflict.table);
    }
    if !global.quiet {
        eprintln!("{} rows added{}", merged.rows, if saved { "" } else { ", nothing saved" });
    }
    Ok(code)
}
