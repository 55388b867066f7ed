//! The arguments of one command, parsed without the tree of all commands: to build that takes longer than most questions to a
//! package.

use std::ffi::{OsStr, OsString};

use clap::{Args, Parser};

use super::package::PackageCommand;
use super::{Arguments, Command, Global};

/// One command with the options of all commands.
#[derive(Debug, Parser)]
#[command(name = "reseat")]
struct Direct<T: Args> {
    #[command(flatten)]
    arguments: T,
    #[command(flatten)]
    global: Global,
}

impl Arguments {
    /// The words of the command line. Help, wrong usage, and whatever does not begin with one of the commands below go to the
    /// whole tree, so that every message is made in one place.
    pub fn of_line(words: &[OsString]) -> Self {
        Self::direct(words).unwrap_or_else(|| Self::parse_from(words))
    }

    fn direct(words: &[OsString]) -> Option<Self> {
        let words = words.get(1..)?;
        match words.first().and_then(|word| word.to_str())? {
            "info" => package(words, PackageCommand::Info),
            "tables" => package(words, PackageCommand::Tables),
            "dump" => package(words, PackageCommand::Dump),
            "sql" => package(words, PackageCommand::Sql),
            "streams" => package(words, PackageCommand::Streams),
            "extract" => package(words, PackageCommand::Extract),
            "signature" => package(words, PackageCommand::Signature),
            "validate" => package(words, PackageCommand::Validate),
            "diff" => package(words, PackageCommand::Diff),
            "install" => parsed(words, Command::Install),
            "uninstall" => parsed(words, Command::Uninstall),
            "check" => parsed(words, Command::Check),
            "who" => parsed(words, Command::Who),
            "stale" => parsed(words, Command::Stale),
            "path" => parsed(words, Command::Path),
            _ => None,
        }
    }
}

/// The command's name takes the place of the program's.
fn parsed<T: Args>(words: &[impl AsRef<OsStr>], command: fn(T) -> Command) -> Option<Arguments> {
    let direct = Direct::<T>::try_parse_from(words.iter().map(AsRef::as_ref)).ok()?;
    Some(Arguments { command: command(direct.arguments), global: direct.global })
}

fn package<T: Args>(
    words: &[impl AsRef<OsStr>],
    command: impl FnOnce(T) -> PackageCommand,
) -> Option<Arguments> {
    let direct = Direct::<T>::try_parse_from(words.iter().map(AsRef::as_ref)).ok()?;
    Some(Arguments { command: Command::Package(command(direct.arguments)), global: direct.global })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_is_parsed_directly_is_what_the_whole_tree_would_give() {
        for line in [
            "reseat info a.msi",
            "reseat tables --json a.msi",
            "reseat dump a.msi",
            "reseat dump a.msi Property File -q --prefix p",
            "reseat sql a.msi --write -- -x",
            "reseat streams a.msi s -o f",
            "reseat extract a.msi out --only *.dll --only *.exe --flat --overwrite",
            "reseat signature a.msi --store s",
            "reseat validate a.msi",
            "reseat diff a.msi b.msi File",
            "reseat install a.msi A=B --log l --skip-unsupported --allow x --progress plain --windows 6.1 -q",
            "reseat uninstall name --recover",
            "reseat check",
            "reseat who a b --json",
            "reseat path C:\\Windows",
        ] {
            let words = words(line);
            let direct = Arguments::direct(&words).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(format!("{direct:?}"), format!("{:?}", Arguments::parse_from(&words)), "{line}");
        }
    }

    #[test]
    fn help_and_wrong_usage_are_left_to_the_whole_tree() {
        for line in [
            "reseat",
            "reseat --json dump a.msi",
            "reseat dump",
            "reseat dump --help",
            "reseat dump -V",
            "reseat dump a.msi --unknown",
            "reseat streams a.msi -o f",
            "reseat dum a.msi",
            "reseat help dump",
        ] {
            assert!(Arguments::direct(&words(line)).is_none(), "{line}");
        }
    }
}
