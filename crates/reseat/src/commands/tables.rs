//! `reseat tables`: the tables of a package.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::arguments::Global;
use crate::arguments::package::Package;
use crate::failure::Failure;
use crate::{output, package_file};

/// Lists the tables.
pub fn run(global: &Global, arguments: &Package) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let database = package_file::open(global, path)?;
    let counts = package_file::row_counts(&database).map_err(|error| Failure::about(path, &error))?;
    package_file::print_warnings(global, path, &database);
    let columns = |name: &str| database.columns(name).unwrap_or_default();
    if global.json {
        let tables: Vec<_> = counts
            .iter()
            .map(|(name, rows)| {
                let columns: Vec<_> = columns(name).iter().map(package_file::json_column).collect();
                json!({ "table": name, "rows": rows, "columns": columns })
            })
            .collect();
        return output::write(ExitCode::SUCCESS, |out| output::write_json(&tables, out));
    }
    let cells = |(name, rows): &(String, u64)| {
        let columns = columns(name);
        let names = columns.iter().map(|column| {
            let mark = if column.key { "*" } else { "" };
            output::one_line(&column.name) + mark
        });
        vec![output::one_line(name), rows.to_string(), names.collect::<Vec<_>>().join(" ")]
    };
    let rows = counts.iter().map(cells);
    let text = output::fitted(&["table", "rows", "columns (* key)"], rows);
    output::write(ExitCode::SUCCESS, |out| out.write_all(text.as_bytes()))
}
