//! The command line, as users type it.

mod cab;
mod direct;
#[cfg(test)]
mod examples;
mod installation;
pub mod package;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::cab::{Cab, Compress};
pub use self::installation::{
    Admin, Install, Manner, MessageLanguage, Msiexec, Patch, Plan, Presented, Progress, Repair, Ui, Uninstall,
};
use crate::restart_arguments::{Free, Rm, Stale, Who};

/// Installs, changes and removes Windows Installer packages on Linux, and closes and restarts what uses their files.
#[derive(Debug, Parser)]
#[command(name = "reseat", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "\
Examples:
  reseat install putty.msi                      install into the default prefix
  reseat install app.msi INSTALLDIR='C:\\App' -q  set a property, ask nothing
  reseat uninstall 'PuTTY release 0.68'         remove a product by its name
  reseat who /usr/lib/libssl.so.3               who uses this file

Exit codes:
  0 success    1 failure, with the documented error number    2 wrong usage
  10 success, and something has to be started again to use the new files")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// The machine: a Wine prefix, or a folder that becomes one [default: WINEPREFIX, else ~/.wine, else one of its own]
    #[arg(long, global = true, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but results and errors; an installation asks nothing and closes what is in the way
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Refuse package files that are damaged but readable, which otherwise is a warning; not for installations
    #[arg(long, global = true)]
    pub strict: bool,
    /// As root, stay root on the prefix of another user, instead of going on as that user
    #[arg(long, global = true)]
    pub as_root: bool,
    /// The language of messages that a package has no text for [default: by LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, value_enum, value_name = "LANGUAGE")]
    pub language: Option<MessageLanguage>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install a package
    #[command(after_help = "\
Examples:
  reseat install app.msi
  reseat install app.msi ADDLOCAL=Main,Help ALLUSERS=1 --log app.log
  reseat install app.msi TRANSFORMS=german.mst
  reseat install app.msi TRANSFORMS=:second.mst MSINEWINSTANCE=1
  reseat install '{55717628-7AE6-4BCF-A046-FA2768945E76}' ADDLOCAL=Help REMOVE=Samples
  reseat install app.msi --windows 6.1 --installer 4.5     what the package is told it runs on")]
    Install(Install),
    /// Remove a product
    #[command(after_help = "\
Examples:
  reseat uninstall '{55717628-7AE6-4BCF-A046-FA2768945E76}'
  reseat uninstall putty-0.68-installer.msi
  reseat uninstall 'PuTTY release 0.68'")]
    Uninstall(Uninstall),
    /// Show what installing a package would do: features, files with their reasons, registry, custom actions, and who
    /// would be closed
    #[command(after_help = "\
Examples:
  reseat plan app.msi                           what install would do
  reseat plan app.msi ADDLOCAL=Main --json | jq -r '.files[] | [.decision, .path, .reason] | @tsv'
  reseat plan app.msi REMOVE=ALL                what removing the product would do

Nothing is changed. Immediate custom actions that are code are named and not run. With --sandbox they run where they can write
nothing that stays, with --run-custom-actions as in an installation.

Exit codes: 0 the installation could go ahead, 1 something would stop it, 2 wrong usage.")]
    Plan(Plan),
    /// Install again what is installed of a product
    #[command(after_help = "\
Examples:
  reseat repair 'PuTTY release 0.68'
  reseat repair app.msi --flags amus            every file, whatever is there
  reseat repair app-1.1.msi --flags vomus       keep this package from now on (minor upgrade)

Flags: files that are missing (p), or older (o), or older or equal (e), or of another version (d), or all (a), or with a
wrong checksum (c); registry values of the user (u) and of the machine (m); shortcuts (s); keep the package anew (v).")]
    Repair(Repair),
    /// Apply patches to installed products, or remove them
    #[command(after_help = "\
Examples:
  reseat patch fix.msp                          every installed product that it is for
  reseat patch 'one.msp;two.msp' '{6EA3AE83-A14F-4B8B-8A86-BB977A9E7833}'
  reseat patch --remove fix.msp app.msi         or by the code of the patch")]
    Patch(Patch),
    /// Make a product known without installing it: shortcuts and servers that install it on demand
    #[command(after_help = "\
Examples:
  reseat advertise app.msi ALLUSERS=1
  reseat install '{55717628-7AE6-4BCF-A046-FA2768945E76}'     install it; the package has to be where it was
  reseat uninstall app.msi                      forget it")]
    Advertise(Install),
    /// Copy a package with all its files, unpacked, to a folder from which it can be installed (administrative installation)
    #[command(after_help = "\
Examples:
  reseat admin app.msi /srv/images/app
  reseat admin app.msi /srv/images/app SHORTFILENAMES=1 COMPANYNAME=Acme
  reseat admin /srv/images/app/app.msi PATCH=fix.msp      patch an image
  reseat install /srv/images/app/app.msi                  install from it

A folder outside the prefix is filled without the prefix being touched; a Windows path such as C:\\Images lies in the prefix.")]
    Admin(Admin),
    /// Microsoft's own command line; also when the program is called through a link named msiexec
    #[command(after_help = "\
Examples:
  reseat msiexec /i app.msi /qn INSTALLDIR='C:\\App' /l*v app.log
  reseat msiexec /x '{55717628-7AE6-4BCF-A046-FA2768945E76}' /quiet
  reseat msiexec /fomus app.msi
  reseat msiexec /?                             all options")]
    Msiexec(Msiexec),
    /// List the installed products
    #[command(after_help = "\
Examples:
  reseat list
  reseat list --json | jq -r '.[] | [.name, .version] | @tsv'")]
    List,
    /// Show an installed product: its features, components and everything that it has brought
    #[command(after_help = "\
Examples:
  reseat show 'PuTTY release 0.68'
  reseat show '{55717628-7AE6-4BCF-A046-FA2768945E76}' --json | jq -r '.items[].what'")]
    Show(Show),
    /// Say which product, feature and component has brought a file, folder, registry key, value or service
    #[command(after_help = "\
Examples:
  reseat why 'C:\\Program Files\\PuTTY\\putty.exe'
  reseat why ~/.wine/drive_c/windows/app.ini    by its Linux path
  reseat why 'HKLM\\Software\\SimonTatham'       a key, and what is below it

Exit codes: 0 found, 1 no installed product has brought it, 2 wrong usage.")]
    Why(Why),
    /// Check that files, registry and the records of installed products agree
    #[command(after_help = "\
Examples:
  reseat check                                  every product
  reseat check 'PuTTY release 0.68' --json

Exit codes: 0 all is as it was installed, 1 something is missing or was changed, 2 wrong usage.")]
    Check(Check),
    /// List the file operations and installations that wait for the next start of Windows, or carry them out
    #[command(after_help = "\
Examples:
  reseat reboot-pending
  reseat reboot-pending --apply

Exit codes: 0 nothing waits, or all was carried out; 10 something waits; 1 something could not be carried out.")]
    RebootPending(RebootPending),
    /// End or undo an installation that was interrupted
    #[command(after_help = "\
Examples:
  reseat recover
  reseat recover --prefix ~/games --json

Exit codes: 0 all is finished or undone, or there was nothing to do, not even a prefix; 1 something could not be undone.")]
    Recover,
    /// Show who uses files, folders, programs or services
    #[command(after_help = "\
Examples:
  reseat who /srv/data/index.db
  reseat who /srv/app                                 a folder, and what is below it
  reseat who nginx                                    a service
  reseat who 'C:\\Program Files\\PuTTY\\putty.exe' --json

Exit codes: 0 in use, 1 free, 2 unknown: something could not be inspected.")]
    Who(Who),
    /// Close what uses files, run a command, start again what was closed
    #[command(after_help = "\
Examples:
  reseat free /usr/lib/libssl.so.3 -- dpkg -i libssl3.deb
  reseat free /srv/data -- rsync -a new/ /srv/data/
  reseat free --dry-run /opt/app                      what would be closed?

Exit codes: the command's; 128 and the number of the signal that ended it; 125 the files could
not be freed and the command was not run; 126 it cannot be run; 127 it was not found.")]
    Free(Free),
    /// Show what still runs old files that have been replaced or deleted
    #[command(after_help = "\
Examples:
  reseat stale                                        after an upgrade
  reseat stale --restart

Exit codes: 0 nothing is stale or all of it was restarted, 10 something has to be started again.")]
    Stale(Stale),
    /// Work with a Restart Manager session
    #[command(subcommand)]
    Rm(Rm),
    /// Print the Linux path of a Windows path of the prefix, or the other way round
    #[command(after_help = "\
Examples:
  reseat path 'C:\\Program Files\\PuTTY\\putty.exe'
  reseat path ~/.wine/drive_c/windows")]
    Path(PathArguments),
    /// What packages hold, and what can be asked of them
    #[command(flatten)]
    Package(package::PackageCommand),
    /// Write a package as a folder of text tables and streams
    #[command(after_help = "\
Examples:
  reseat export app.msi app.d                   tables as text, streams as files: a folder for git
  reseat import app.d app.msi                   and back")]
    Export(Export),
    /// Make a package from a folder of text tables and streams
    #[command(after_help = "\
Examples:
  reseat import app.d app.msi")]
    Import(Import),
    /// Make, list and unpack cabinets
    #[command(subcommand)]
    Cab(Cab),
    /// Make, apply and show transforms and patches
    #[command(subcommand)]
    Transform(crate::commands::transform::Command),
    /// Print the completions for a shell
    #[command(after_help = "\
Examples:
  reseat completions bash > ~/.local/share/bash-completion/completions/reseat
  reseat completions fish > ~/.config/fish/completions/reseat.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    #[command(after_help = "\
Examples:
  reseat manual ~/.local/share/man/man1          the folder is there already")]
    Manual {
        /// The folder, which must exist
        folder: PathBuf,
    },
}

impl Command {
    /// Whether it reads package files and does not install them.
    pub fn looks_into_packages(&self) -> bool {
        matches!(self, Self::Package(_) | Self::Export(_) | Self::Transform(_))
    }

    /// Whether it reads or changes what is installed in a prefix, and may start programs there.
    pub fn works_on_prefix(&self) -> bool {
        matches!(
            self,
            Self::Install(_)
                | Self::Uninstall(_)
                | Self::Plan(_)
                | Self::Repair(_)
                | Self::Patch(_)
                | Self::Admin(_)
                | Self::Msiexec(_)
                | Self::List
                | Self::Show(_)
                | Self::Why(_)
                | Self::Check(_)
                | Self::RebootPending(_)
                | Self::Recover
        )
    }
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The product: its code, its package file, or its name
    pub product: String,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct Why {
    /// A Windows or Linux path, a registry key, or the name of a service
    #[arg(value_name = "FILE|KEY")]
    pub what: String,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The product: its code, its package file, or its name [default: all]
    pub product: Option<String>,
}

/// Arguments of `reboot-pending`.
#[derive(Debug, Args)]
pub struct RebootPending {
    /// Carry them out
    #[arg(long)]
    pub apply: bool,
}

/// Arguments of `path`.
#[derive(Debug, Args)]
pub struct PathArguments {
    /// A Windows path such as C:\Windows, or a Linux path
    pub path: String,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The package file
    pub package: PathBuf,
    /// The folder, which is made
    pub folder: PathBuf,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The folder
    pub folder: PathBuf,
    /// The package file, which is replaced as a whole
    pub package: PathBuf,
}
