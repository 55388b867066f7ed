//! `reseat path`: from Windows paths to Linux paths and back.

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::{Global, PathArguments};
use crate::failure::Failure;
use crate::prefix;

/// Prints the other form of a path.
pub fn run(global: &Global, arguments: &PathArguments) -> Result<ExitCode, Failure> {
    if prefix::is_windows_path(&arguments.path) {
        println!("{}", prefix::locate(global, Path::new(&arguments.path))?.display());
    } else {
        let absolute = std::path::absolute(&arguments.path)?;
        match prefix::open(global)?.windows_path(&absolute) {
            Some(path) => println!("{path}"),
            None => return Err(Failure::usage(format!("no drive of the prefix leads to {}", absolute.display()))),
        }
    }
    Ok(ExitCode::SUCCESS)
}
