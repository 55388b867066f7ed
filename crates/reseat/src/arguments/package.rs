//! The arguments of the commands for package files.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

/// A command for package files.
#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Show what a package is: product, codes, platform, summary information, tables, cabinets
    #[command(after_help = "\
Examples:
  reseat info app.msi
  reseat info app.msi --json | jq -r .product_code
  reseat info update.msp                        patches, transforms and merge modules too")]
    Info(Package),
    /// List the tables of a package with their columns and numbers of rows
    #[command(after_help = "\
Examples:
  reseat tables app.msi
  reseat tables app.msi --json | jq -r '.[] | select(.rows > 100) | .table'")]
    Tables(Package),
    /// Print the rows of tables
    #[command(after_help = "\
Examples:
  reseat dump app.msi Property                  one table
  reseat dump app.msi | less                    all tables
  reseat dump app.msi File --json | jq '.[0].rows[].FileName'

On a terminal the rows are fitted to its width. Elsewhere each row is one line with a tab between cells, and \\t, \\r, \\n and \\\\
in a cell are escaped.")]
    Dump(Dump),
    /// Ask or change a package by a query
    #[command(after_help = "\
Examples:
  reseat sql app.msi \"SELECT Property, Value FROM Property WHERE Property = 'ProductVersion'\"
  reseat sql app.msi --write \"UPDATE Property SET Value = '2.0' WHERE Property = 'ProductVersion'\"
  reseat sql app.msi < statements.sql           statements that end with ; or each on a line of its own
  reseat sql app.msi                            on a terminal: a prompt, tab completes names")]
    Sql(Sql),
    /// List the streams of a package, or write one out
    #[command(after_help = "\
Examples:
  reseat streams app.msi
  reseat streams app.msi Binary.Banner > banner.bmp
  reseat streams app.msi product.cab --output product.cab")]
    Streams(Streams),
    /// Unpack the files of a package
    #[command(after_help = "\
Examples:
  reseat extract app.msi                        into a new folder app, as its folders would be installed
  reseat extract app.msi out --only '*.dll' --flat
  reseat extract app.msi --list                 which files there are

Files go to the folder of the package's Directory table, with their long names; folders of Windows get their names there: Program
Files, Program Files (x86), Windows, ProgramData and so on. A file that is there already is left alone unless --overwrite is given.")]
    Extract(Extract),
    /// Add the tables and rows of one package to another
    #[command(after_help = "\
Examples:
  reseat merge app.msi part.msi
  reseat merge app.msi part.msi --output whole.msi
  reseat merge app.msi part.msi --conflicts _MergeErrors      save in spite of rows that differ

Both need the same code page, and the same columns in tables that both have. Rows with the same key have to be the same: others are
named, and nothing is saved. Streams of rows come along; cabinets, storages and summary information do not. This is MsiDatabaseMerge
of Windows Installer; merge modules need more than that.

Exit codes: 0 merged, 1 rows differ or the packages cannot be merged, 2 wrong usage.")]
    Merge(Merge),
    /// Show who signed a package, and check whether that holds
    #[command(after_help = "\
Examples:
  reseat signature app.msi
  reseat signature app.msi --store /etc/ssl/certs/ca-certificates.crt
  reseat signature app.msi --json | jq -r .signer.subject

The content's digest and the signer's signature are always checked. Whether the signer's certificate rests on a trusted one is checked
against the certificates in the store, at the time of the timestamp, or now if there is none. Everything is offline: nobody is asked
whether a certificate was revoked.

Exit codes: 0 signed, and all that was checked holds; 1 unsigned, or something does not hold; 2 wrong usage.")]
    Signature(Signature),
    /// Check a package against the rules in its _Validation table
    #[command(after_help = "\
Examples:
  reseat validate app.msi
  reseat validate app.msi --json | jq '.[] | .table' | sort | uniq -c

Exit codes: 0 nothing found, 1 findings, or the package cannot be read, 2 wrong usage.")]
    Validate(Package),
    /// Show what differs between two packages: tables, streams, summary information
    #[command(after_help = "\
Examples:
  reseat diff app-1.0.msi app-1.1.msi
  reseat diff app-1.0.msi app-1.1.msi File Component      only these tables

Exit codes: 0 no difference, 1 differences, 2 wrong usage or a package that cannot be read.")]
    Diff(Diff),
}

/// A package and nothing else.
#[derive(Debug, Args)]
pub struct Package {
    /// The package file: .msi, .msm, .msp or .mst
    pub package: PathBuf,
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub struct Dump {
    /// The package file
    pub package: PathBuf,
    /// The tables [default: all]
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
}

/// Arguments of `sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// The package file
    pub package: PathBuf,
    /// The query [default: statements from standard input]
    pub query: Option<String>,
    /// Save the changes that the statements make; without it they are tried and forgotten
    #[arg(long)]
    pub write: bool,
}

/// Arguments of `streams`.
#[derive(Debug, Args)]
pub struct Streams {
    /// The package file
    pub package: PathBuf,
    /// The stream to write out [default: list them]
    pub name: Option<String>,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE", requires = "name")]
    pub output: Option<PathBuf>,
}

/// Arguments of `extract`.
#[derive(Debug, Args)]
pub struct Extract {
    /// The package file
    pub package: PathBuf,
    /// Where to; it is made if need be [default: a folder with the package's name, here]
    pub folder: Option<PathBuf>,
    /// List the files and unpack none
    #[arg(long)]
    pub list: bool,
    /// Put all files into one folder
    #[arg(long)]
    pub flat: bool,
    /// Only files that match, in any letter case; with a / the whole path has to match. May be given several times
    #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
    pub only: Vec<String>,
    /// Replace files that are there already
    #[arg(long)]
    pub overwrite: bool,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// The package that is added to
    pub base: PathBuf,
    /// The package whose rows are added
    pub reference: PathBuf,
    /// Where the result goes [default: the first package, which is replaced as a whole]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Save in spite of rows that differ, with a table of this name that counts them
    #[arg(long, value_name = "TABLE")]
    pub conflicts: Option<String>,
}

/// Arguments of `signature`.
#[derive(Debug, Args)]
pub struct Signature {
    /// The package file
    pub package: PathBuf,
    /// Trusted certificates, as PEM text
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The one package
    pub one: PathBuf,
    /// The other package
    pub other: PathBuf,
    /// Only these tables, neither streams nor summary information
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
}
