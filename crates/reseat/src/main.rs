//! `reseat`: installs, changes and removes Windows Installer packages on Linux.
//!
//! A command parses its arguments, calls one operation of a library, and prints. Results go to standard output,
//! messages to standard error.

// First, for its macros.
#[macro_use]
mod output;

#[cfg(target_env = "musl")]
mod allocator;
mod arguments;
mod closing;
mod commands;
mod crash;
mod extraction;
mod failure;
mod identity;
mod inventories;
mod msiexec_line;
mod package_file;
mod prefix;
mod progress;
mod restart_arguments;
mod terminal;
mod verbose_log;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::arguments::{Arguments, Command, Global, Msiexec};
use crate::failure::Failure;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    crash::name_places_only();
    // The files in question may be held by programs of Wine.
    reseat_restart_manager::look_inside_wine(Box::new(reseat_custom_actions::WineInsight));
    if let Some(arguments) = Msiexec::of_link(std::env::args_os()) {
        let global = Global::default();
        if let Err(failure) = identity::take(&global) {
            return failure.print(&global);
        }
        return commands::msiexec::run(&global, &arguments).unwrap_or_else(|failure| failure.print(&global));
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let Arguments { command, global } = Arguments::of_line(&words);
    if let Some(language) = global.language {
        failure::speak(language.into());
    }
    if global.strict && !command.looks_into_packages() {
        return Failure::usage("--strict is for commands that look into package files").print(&global);
    }
    if command.works_on_prefix()
        && let Err(failure) = identity::take(&global)
    {
        return failure.print(&global);
    }
    let result = match command {
        Command::Install(arguments) => commands::install::install(&global, arguments),
        Command::Uninstall(arguments) => commands::install::uninstall(&global, arguments),
        Command::Plan(arguments) => commands::plan::run(&global, arguments),
        Command::Repair(arguments) => commands::install::repair(&global, arguments),
        Command::Patch(arguments) => commands::install::patch(&global, arguments),
        Command::Advertise(arguments) => commands::install::advertise(&global, arguments),
        Command::Admin(arguments) => commands::admin::run(&global, arguments),
        Command::Msiexec(arguments) => commands::msiexec::run(&global, &arguments),
        Command::List => commands::list::run(&global),
        Command::Show(arguments) => commands::show::run(&global, &arguments),
        Command::Why(arguments) => commands::why::run(&global, &arguments),
        Command::Check(arguments) => commands::check::run(&global, &arguments),
        Command::RebootPending(arguments) => commands::reboot_pending::run(&global, &arguments),
        Command::Recover => commands::recover::run(&global),
        Command::Who(arguments) => commands::who::run(&global, &arguments),
        Command::Free(arguments) => commands::free::run(&global, &arguments),
        Command::Stale(arguments) => commands::stale::run(&global, &arguments),
        Command::Rm(command) => commands::rm::run(&global, command),
        Command::Path(arguments) => commands::path::run(&global, &arguments),
        Command::Package(command) => commands::package::run(&global, command),
        Command::Export(arguments) => commands::package::export(&global, &arguments),
        Command::Import(arguments) => commands::package::import(&global, &arguments),
        Command::Cab(command) => commands::cab::run(&global, &command),
        Command::Transform(command) => commands::transform::run(&global, &command),
        Command::Completions { shell } => commands::help::completions(shell),
        Command::Manual { folder } => commands::help::manual(&folder),
    };
    result.unwrap_or_else(|failure| failure.print(&global))
}
