//! The arguments of the commands for cabinets.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};

/// Commands for cabinets.
#[derive(Debug, Subcommand)]
pub enum Cab {
    /// List the files in a cabinet, or in the whole set that it belongs to
    #[command(after_help = "\
Examples:
  reseat cab list files.cab
  reseat cab list disk1.cab --json | jq -r '.[].name'

Exit codes: 0 success, 1 a cabinet of the set is missing or damaged, 2 wrong usage.")]
    List {
        /// The cabinet
        cabinet: PathBuf,
    },
    /// Unpack a cabinet, or the whole set that it belongs to
    #[command(after_help = "\
Examples:
  reseat cab extract files.cab out
  reseat cab extract disk1.cab out --only '*.dll'

Exit codes: 0 success, 1 something is missing, damaged or there already, 2 wrong usage.")]
    Extract {
        /// The cabinet
        cabinet: PathBuf,
        /// Where to; it is made if need be
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Only files that match, in any letter case; with a / the whole path has to match. May be given several times
        #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
        only: Vec<String>,
        /// Replace files that are there already
        #[arg(long)]
        overwrite: bool,
    },
    /// Make a cabinet, or a set of cabinets that are no larger than wanted
    #[command(after_help = "\
Examples:
  reseat cab create files.cab Readme=readme.txt Program=build/program     names in the cabinet, and files
  reseat cab create files.cab build/* --compress lzx
  reseat cab create 'disk*.cab' build/* --max-size 1440K                  disk1.cab, disk2.cab and so on

With --max-size the number of each cabinet takes the place of the * in the name, or comes before its extension. Each cabinet
names those beside it, so they have to keep their names.")]
    Create {
        /// The cabinet, which is replaced as a whole
        cabinet: PathBuf,
        /// Files, as FILE or NAME=FILE
        #[arg(required = true, value_name = "[NAME=]FILE")]
        files: Vec<String>,
        /// How the files are compressed
        #[arg(long, value_enum, default_value_t = Compress::Mszip)]
        compress: Compress,
        /// Store without compressing, the same as --compress none
        #[arg(long, conflicts_with = "compress")]
        store: bool,
        /// Make a set of cabinets that have at most so many bytes; K, M and G stand for 1024, 1024² and 1024³
        #[arg(long, value_name = "SIZE", value_parser = size)]
        max_size: Option<u64>,
    },
}

/// How the files of a new cabinet are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    /// Not at all
    None,
    /// MSZIP, which is fast
    Mszip,
    /// LZX with a window of 2 MB, which is smaller
    Lzx,
}

/// A number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']) {
        Some(number) => (
            number,
            match text.to_ascii_lowercase().as_bytes().last() {
                Some(b'k') => 1 << 10,
                Some(b'm') => 1 << 20,
                _ => 1 << 30,
            },
        ),
        None => (text, 1),
    };
    let count: u64 = number.parse().map_err(|error| format!("{error}"))?;
    count.checked_mul(unit).ok_or_else(|| "the number is too large".to_owned())
}
