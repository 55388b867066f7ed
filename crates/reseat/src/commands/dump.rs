//! `reseat dump`: the rows of tables.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use reseat_database::{Row, Table};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::arguments::Global;
use crate::arguments::package::Dump;
use crate::failure::Failure;
use crate::{output, package_file};

/// Prints the rows.
pub fn run(global: &Global, arguments: &Dump) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let database = package_file::open(global, path)?;
    let names = match arguments.tables.as_slice() {
        [] => database.table_names().map_err(|error| Failure::about(path, &error))?,
        names => names.to_vec(),
    };
    // All tables are read before the first row is printed: a damaged one gives an error and no half of a dump.
    let mut tables = Vec::with_capacity(names.len());
    for name in &names {
        tables.push(package_file::table(path, &database, name)?);
    }
    package_file::print_warnings(global, path, &database);
    let tables: Vec<&Table> = tables.iter().map(|table| &**table).collect();
    output::write(ExitCode::SUCCESS, |out| match () {
        () if global.json => output::write_json(&Tables(&tables), out),
        () if io::stdout().is_terminal() => write_fitted(&tables, out),
        () => write_lines(&tables, out),
    })
}

/// Tables fitted to the terminal.
fn write_fitted(tables: &[&Table], out: &mut impl Write) -> io::Result<()> {
    for (place, table) in tables.iter().enumerate() {
        if tables.len() > 1 {
            let gap = if place > 0 { "\n" } else { "" };
            writeln!(out, "{gap}{} ({} rows)", output::one_line(table.name()), table.len())?;
        }
        let headings: Vec<String> =
            table.columns().iter().map(|column| output::one_line(&column.name)).collect();
        let rows = table
            .rows()
            .map(|row| row.values().iter().map(|value| package_file::cell(&row, value)).collect());
        out.write_all(output::fitted_as_is(&headings, rows).as_bytes())?;
    }
    Ok(())
}

/// A line for each row, with tabs between cells.
fn write_lines(tables: &[&Table], out: &mut impl Write) -> io::Result<()> {
    for (place, table) in tables.iter().enumerate() {
        if tables.len() > 1 {
            let gap = if place > 0 { "\n" } else { "" };
            writeln!(out, "{gap}# {}", output::one_line(table.name()))?;
        }
        write_line(out, table.columns().iter().map(|column| output::one_line(&column.name)))?;
        for row in table.rows() {
            write_line(out, row.values().iter().map(|value| package_file::cell(&row, value)))?;
        }
    }
    Ok(())
}

fn write_line(out: &mut impl Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            out.write_all(b"\t")?;
        }
        out.write_all(cell.as_bytes())?;
    }
    out.write_all(b"\n")
}

/// Tables as JSON, written row by row.
struct Tables<'t>(&'t [&'t Table]);
struct OneTable<'t>(&'t Table);
struct TableRows<'t>(&'t Table);
struct OneRow<'t>(Row<'t>);

impl Serialize for Tables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|table| OneTable(table)))
    }
}

impl Serialize for OneTable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns: Vec<_> = self.0.columns().iter().map(package_file::json_column).collect();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("table", self.0.name())?;
        map.serialize_entry("columns", &columns)?;
        map.serialize_entry("rows", &TableRows(self.0))?;
        map.end()
    }
}

impl Serialize for TableRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.rows();
        let mut sequence = serializer.serialize_seq(Some(rows.len()))?;
        for row in rows {
            sequence.serialize_element(&OneRow(row))?;
        }
        sequence.end()
    }
}

impl Serialize for OneRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.table().columns();
        let mut map = serializer.serialize_map(Some(columns.len()))?;
        for (column, value) in columns.iter().zip(self.0.values()) {
            map.serialize_entry(&column.name, &package_file::json_value(|| self.0.stream_name(), value))?;
        }
        map.end()
    }
}
