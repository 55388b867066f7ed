//! What the user asks for.

use std::path::PathBuf;

use reseat_package::SequenceTable;

use crate::platform::Platform;

/// How much the user sees and is asked (page `user-interface-levels.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UiLevel {
    /// Nothing is shown or asked: applications in the way are closed.
    Silent = 2,
    /// Progress and questions, without the package's own dialogs.
    Basic = 3,
    /// The same, and the actions of the user interface sequence run. Its modeless dialogs are not shown here.
    Reduced = 4,
    /// As [`UiLevel::Reduced`]: modal dialogs are not shown here either.
    Full = 5,
}

impl UiLevel {
    /// The number that the property `UILevel` shows.
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// The top-level action of an installation (pages `action.md`, `install-action.md`, `admin-action.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopLevel {
    /// A product is installed, changed or removed.
    #[default]
    Install,
    /// The package and all its files are copied, to be installed from there.
    Admin,
    /// The product is made known, to be installed when it is asked for (pages `advertise-action.md`, `advertisement.md`).
    Advertise,
}

impl TopLevel {
    /// Its name, which is that of the action.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Install => "INSTALL",
            Self::Admin => "ADMIN",
            Self::Advertise => "ADVERTISE",
        }
    }

    /// The sequence of its user interface; the installer does not use that of an advertisement.
    pub const fn interface(self) -> Option<SequenceTable> {
        match self {
            Self::Install => Some(SequenceTable::InstallUi),
            Self::Admin => Some(SequenceTable::AdminUi),
            Self::Advertise => None,
        }
    }

    /// The sequence that it runs.
    pub const fn sequence(self) -> SequenceTable {
        match self {
            Self::Install => SequenceTable::InstallExecute,
            Self::Admin => SequenceTable::AdminExecute,
            Self::Advertise => SequenceTable::AdvtExecute,
        }
    }
}

/// What to do with which product.
#[derive(Debug, Clone)]
pub enum Target {
    /// Install this package, or what the properties ask of it.
    Package(PathBuf),
    /// Remove what is named so: a product code, a package file or a product name.
    Product(String),
}

/// What is to be done with custom actions that are programs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CustomActions {
    /// Run them all.
    #[default]
    Run,
    /// Run all but these.
    Skip(Vec<String>),
    /// Run these and no others.
    Only(Vec<String>),
    /// Run none.
    None,
}

impl CustomActions {
    /// Whether the user does not want this one.
    pub fn skips(&self, action: &str) -> bool {
        match self {
            Self::Run => false,
            Self::Skip(names) => names.iter().any(|name| name == action),
            Self::Only(names) => !names.iter().any(|name| name == action),
            Self::None => true,
        }
    }
}

/// A request to install, change or remove a product.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to work on.
    pub target: Target,
    /// Properties from the command line, in order, as `(name, value)`.
    pub properties: Vec<(String, String)>,
    /// How much is shown and asked.
    pub ui_level: UiLevel,
    /// The user cannot cancel; the property `MsiUIHideCancel`.
    pub hides_cancel: bool,
    /// Progress is shown and nothing asked; the property `MsiUIProgressOnly`.
    pub progress_only: bool,
    /// What the package is told about the computer.
    pub platform: Platform,
    /// Go on without the parts that are not supported, saying which.
    pub skip_unsupported: bool,
    /// Which custom actions run.
    pub custom_actions: CustomActions,
    /// Where the verbose log goes; the property `MsiLogFileLocation`.
    pub log_file: Option<PathBuf>,
}

impl Request {
    /// A silent request with nothing special about it.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            properties: Vec::new(),
            ui_level: UiLevel::Silent,
            hides_cancel: false,
            progress_only: false,
            platform: Platform::default(),
            skip_unsupported: false,
            custom_actions: CustomActions::Run,
            log_file: None,
        }
    }

    /// The top-level action, which the property ACTION names. What it does not know is an installation.
    pub fn top_level(&self) -> TopLevel {
        match self.properties.iter().rev().find(|(name, _)| name == "ACTION") {
            Some((_, value)) if value.eq_ignore_ascii_case("ADMIN") => TopLevel::Admin,
            Some((_, value)) if value.eq_ignore_ascii_case("ADVERTISE") => TopLevel::Advertise,
            _ => TopLevel::Install,
        }
    }
}
