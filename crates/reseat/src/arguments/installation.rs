//! The arguments of commands that install, change and remove products.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use reseat_engine::{InstallerVersion, Language, WindowsVersion};

/// What a package is told about the computer, and how it is installed.
#[derive(Debug, Default, Args)]
pub struct Presented {
    /// Write the verbose log to a file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// The Windows that the package sees [default: 10.0.19045]
    #[arg(long, value_name = "VERSION")]
    pub windows: Option<WindowsVersion>,
    /// The Windows Installer that the package sees [default: 5.0]
    #[arg(long, value_name = "VERSION")]
    pub installer: Option<InstallerVersion>,
    /// Undo or finish an interrupted installation first
    #[arg(long)]
    pub recover: bool,
    /// Go on without actions and tables that are not supported yet, naming each
    #[arg(long)]
    pub skip_unsupported: bool,
    /// Run no custom action that is a program
    #[arg(long)]
    pub no_custom_actions: bool,
    /// Run the code of the package in a sandbox (bubblewrap): the prefix alone can be written (by a plan not even that), no network
    #[arg(long)]
    pub sandbox: bool,
    /// Run this custom action and no other one that is a program; may be given several times
    #[arg(long, value_name = "NAME", action = ArgAction::Append, conflicts_with = "no_custom_actions")]
    pub allow: Vec<String>,
    /// Do not run this custom action; may be given several times
    #[arg(long, value_name = "NAME", action = ArgAction::Append, conflicts_with_all = ["no_custom_actions", "allow"])]
    pub skip_custom_action: Vec<String>,
    /// How progress is shown on standard error
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub progress: Progress,
    /// Run the actions of the package's own user interface; its dialogs are not shown. Without it they do not run
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub ui: Option<Ui>,
    /// What only Microsoft's command line can ask for.
    #[arg(skip)]
    pub manner: Manner,
}

/// A language in which there are messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MessageLanguage {
    /// English
    En,
    /// German
    De,
}

impl From<MessageLanguage> for Language {
    fn from(language: MessageLanguage) -> Self {
        match language {
            MessageLanguage::En => Self::English,
            MessageLanguage::De => Self::German,
        }
    }
}

/// How an installation is shown, in what only Microsoft's command line can ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Nothing is asked; what is in the way is closed.
    pub no_questions: bool,
    /// Ctrl-C does not end it.
    pub no_cancel: bool,
    /// The end is said even when nothing else is shown.
    pub says_end: bool,
    /// The log goes to the end of the file.
    pub appends_log: bool,
}

/// The level of the user interface that the package is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// UILevel 4
    Reduced,
    /// UILevel 5
    Full,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, else nothing; nothing with --json
    #[default]
    Auto,
    /// One line for each action
    Plain,
    /// A bar
    Bar,
    /// Nothing
    None,
}

/// Arguments of `install`.
#[derive(Debug, Args)]
pub struct Install {
    /// The package file, or the product code of what is installed
    pub package: PathBuf,
    /// Properties, as NAME=VALUE
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// How it is installed
    #[command(flatten)]
    pub presented: Presented,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The package file
    pub package: PathBuf,
    /// Properties, as NAME=VALUE
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// Run immediate custom actions that are programs, which may change the machine
    #[arg(long)]
    pub run_custom_actions: bool,
    /// How it would be installed
    #[command(flatten)]
    pub presented: Presented,
}

/// Arguments of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// The product: its code, its package file, or its name
    pub product: String,
    /// Properties, as NAME=VALUE
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// How it is removed
    #[command(flatten)]
    pub presented: Presented,
}

/// Arguments of `repair`.
#[derive(Debug, Args)]
pub struct Repair {
    /// The product: its code, its package file, or its name
    pub product: PathBuf,
    /// Properties, as NAME=VALUE
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// What is installed again: letters of p, o, e, d, c, a, u, m, s, v
    #[arg(long, default_value = "omus", value_name = "LETTERS")]
    pub flags: String,
    /// How it is done
    #[command(flatten)]
    pub presented: Presented,
}

/// Arguments of `patch`.
#[derive(Debug, Args)]
pub struct Patch {
    /// The patch files, with ; between them; to remove, codes as well
    #[arg(value_name = "PATCH[;PATCH…]")]
    pub patches: String,
    /// The product: its code or its package file [default: all that the patches are for]
    pub product: Option<String>,
    /// Properties, as NAME=VALUE
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// Remove the patches instead
    #[arg(long)]
    pub remove: bool,
    /// How it is done
    #[command(flatten)]
    pub presented: Presented,
}

/// Arguments of `admin`.
#[derive(Debug, Args)]
pub struct Admin {
    /// The package file
    pub package: PathBuf,
    /// The folder [default: that of an image that is patched, else TARGETDIR]
    pub folder: Option<String>,
    /// Properties, as NAME=VALUE
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// How it is done
    #[command(flatten)]
    pub presented: Presented,
}

/// Arguments of `msiexec`.
#[derive(Debug, Args)]
pub struct Msiexec {
    /// Options and properties as msiexec takes them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    pub arguments: Vec<String>,
}

impl Msiexec {
    /// The arguments when the program was called by the name of msiexec.
    pub fn of_link(mut words: impl Iterator<Item = std::ffi::OsString>) -> Option<Self> {
        let called = PathBuf::from(words.next()?);
        let name = called.file_name()?.to_str()?.to_ascii_lowercase();
        let is_msiexec = matches!(name.as_str(), "msiexec" | "msiexec.exe");
        is_msiexec
            .then(|| Self { arguments: words.map(|word| word.to_string_lossy().into_owned()).collect() })
    }
}
