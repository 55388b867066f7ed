//! `reseat completions` and `reseat manual`.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// Prints the completions for a shell.
pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    clap_complete::generate(shell, &mut Arguments::command(), "reseat", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page for each command.
pub fn manual(folder: &Path) -> Result<ExitCode, Failure> {
    clap_mangen::generate_to(Arguments::command(), folder).map_err(|error| Failure::about(folder, &error))?;
    Ok(ExitCode::SUCCESS)
}
