//! The commands for package files; here `reseat export` and `reseat import`: a package as a folder of text tables and
//! streams, and back. Each of the others has a file of its own.

use std::process::ExitCode;

use reseat_database::folder;
use serde_json::json;

use crate::arguments::package::PackageCommand;
use crate::arguments::{Export, Global, Import};
use crate::commands::{diff, dump, extract, info, merge, signature, sql, streams, tables, validate};
use crate::failure::Failure;
use crate::{output, package_file, progress};

/// Runs a command for a package file.
pub fn run(global: &Global, command: PackageCommand) -> Result<ExitCode, Failure> {
    match command {
        PackageCommand::Info(arguments) => info::run(global, &arguments),
        PackageCommand::Tables(arguments) => tables::run(global, &arguments),
        PackageCommand::Dump(arguments) => dump::run(global, &arguments),
        PackageCommand::Sql(arguments) => sql::run(global, arguments),
        PackageCommand::Streams(arguments) => streams::run(global, &arguments),
        PackageCommand::Extract(arguments) => extract::run(global, &arguments),
        PackageCommand::Merge(arguments) => merge::run(global, &arguments),
        PackageCommand::Signature(arguments) => signature::run(global, &arguments),
        PackageCommand::Validate(arguments) => validate::run(global, &arguments),
        PackageCommand::Diff(arguments) => diff::run(global, &arguments),
    }
}

/// Writes a package as a folder.
pub fn export(global: &Global, arguments: &Export) -> Result<ExitCode, Failure> {
    let database = package_file::open(global, &arguments.package)?;
    package_file::print_warnings(global, &arguments.package, &database);
    let bar = progress::bytes(global, package_file::stream_bytes(&database));
    folder::export_with(&database, &arguments.folder, &mut |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    if let Some(signer) = signature::signer(&database).filter(|_| !global.quiet) {
        eprintln!(
            "reseat: warning: {}: the signature of '{}' is left out: it would not fit what is imported",
            arguments.package.display(),
            output::one_line(&signer)
        );
    }
    output::made(global, &json!({ "folder": arguments.folder.display().to_string() }))
}

/// Makes a package from a folder.
pub fn import(global: &Global, arguments: &Import) -> Result<ExitCode, Failure> {
    let database = folder::import(&arguments.folder)?;
    let bar = progress::bytes(global, package_file::stream_bytes(&database));
    database.save_with(&arguments.package, &mut |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    output::made(global, &json!({ "package": arguments.package.display().to_string() }))
}
