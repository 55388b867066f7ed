//! One installation session: a package, its properties, the selection, and the script that grows.
//!
//! A session acquires: it walks the sequence, evaluates conditions and lets the standard actions add operations to the
//! install script. What several sessions of one installation share (the machine, the transaction, the Restart Manager
//! session, who watches) is an [`Installation`]; a nested session, such as the removal of an older product, borrows it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reseat_database::record::{Field, Record};
use reseat_database::{Database, ProductCode};
use reseat_machine::products::{FeatureState, InstallContext, InstalledProduct};
use reseat_machine::{Machine, WindowsPath};
use reseat_package::{
    Condition, Formatted, FormattedText, InstallState, Package, Properties, ReinstallMode, with_backslash,
};
use reseat_script::{Execution, InstallScript, Operation, Step};
use tempfile::TempPath;

use crate::builtin_properties;
use crate::client::{self, Client};
use crate::context::Context;
use crate::custom_action::asynchronous::Asynchronous;
use crate::error::EngineError;
use crate::error_message::followed_by;
use crate::functions::messages::format_by;
use crate::host::CustomActionHost;
use crate::installation::ProductChange;
use crate::interface::{Message, UserInterface};
use crate::log::{plain, service};
use crate::message_text::Language;
use crate::notice::Notice;
use crate::numbered_message::NumberedMessage;
use crate::pending_files::{self, PendingFiles};
use crate::plan::Draft;
use crate::request::{Request, TopLevel};
use crate::restart::Conversation;
use crate::row_fault::RowFault;
use crate::script_end;
use crate::secrets;
use crate::selection::{PlannedFile, Selection};
use crate::sequence::NAMED_SEQUENCE;
use crate::side_by_side;
use crate::source::Sources;
use crate::subject::Basis;

/// What all sessions of one installation share.
pub struct Installation<'m> {
    /// The machine that is installed to.
    pub machine: &'m Machine,
    /// What the user asked for.
    pub request: &'m Request,
    /// Who watches and answers.
    pub interface: &'m mut dyn UserInterface,
    /// What runs custom actions.
    pub host: &'m dyn CustomActionHost,
    /// The open transaction: from the first InstallInitialize to the last InstallFinalize.
    pub transaction: Option<Execution<'m>>,
    /// The Restart Manager session, when there is one.
    pub restart: Option<Conversation>,
    /// Whether something goes on with old files until it is started again.
    pub restart_required: bool,
    /// Whether it stopped for a restart of Windows, after which it goes on.
    pub suspended: bool,
    /// Whether applications in the way are let go on.
    pub ignores_files_in_use: bool,
    /// The services that were removed.
    pub deleted_services: Vec<String>,
    /// Files that something goes on using, and what waits for the next start.
    pub pending: PendingFiles,
    /// The files of packages within packages, until all is committed.
    pub nested_packages: Vec<TempPath>,
    /// The products whose installations are around the one that runs, the outermost first.
    pub around: Vec<ProductCode>,
    /// What a plan collects; nothing in an installation.
    pub plan: Option<Draft>,
}

/// Why the session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The user asked for it.
    Requested,
    /// A newer product removes this one (action RemoveExistingProducts).
    Upgrade,
    /// A custom action of another product asked for it.
    Concurrent,
}

/// What the letters `u`, `m` and `s` of the property REINSTALLMODE are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Registry values of the user.
    UserRegistry,
    /// Registry values of the machine, and what is registered in other ways.
    MachineRegistry,
    /// Shortcuts and icons.
    Shortcuts,
}

/// One session.
pub struct Session<'s, 'm> {
    pub(crate) installation: &'s mut Installation<'m>,
    pub(crate) package: Arc<Package>,
    /// A file that holds the package as it is.
    pub(crate) package_path: PathBuf,
    /// The package's file, kept open: the cached package of a product is gone when its removal is committed, and actions
    /// behind that still need its streams.
    pub(crate) package_file: Option<Arc<File>>,
    /// What the package was made of: file, source, transforms, patches.
    pub(crate) basis: Basis,
    /// The package of an administrative image until it is copied.
    pub(crate) image: Option<tempfile::TempPath>,
    /// The product as it was installed before, if it was.
    pub(crate) installed: Option<InstalledProduct>,
    pub(crate) purpose: Purpose,
    /// What is done.
    pub(crate) top_level: TopLevel,
    /// The properties that the session was begun with, before the package's own.
    pub(crate) given: Vec<(String, String)>,
    /// Properties that follow from what the session works on, which come after all others.
    pub(crate) derived: Vec<(String, String)>,
    /// Whether the user interface sequence runs, or has run.
    pub(crate) client: Client,
    pub(crate) properties: Properties,
    /// Folders, features, components and files with their states; from CostInitialize on.
    pub(crate) selection: Option<Selection>,
    /// Features of products that this one replaces, as they were installed (action MigrateFeatureStates).
    pub(crate) migrated_features: Vec<(String, InstallState)>,
    /// The open sources, once a file has asked for them.
    pub(crate) sources: Option<Sources>,
    /// Operations that have not been executed yet.
    pub(crate) script: InstallScript,
    /// Whether the components of the IsolatedComponent table are isolated (action IsolateComponents).
    pub(crate) isolates: bool,
    /// Whether InstallInitialize has run and InstallFinalize has not.
    pub(crate) in_script: bool,
    /// Whether there is too little room for a rollback, and the installation goes on without (property PROMPTROLLBACKCOST).
    pub(crate) lacks_room_for_rollback: bool,
    /// Whether this session opened the transaction, and so commits it.
    pub(crate) owns_transaction: bool,
    /// The action that is running.
    pub(crate) action: String,
    /// Custom actions that run once and have run.
    pub(crate) done: HashSet<String>,
    /// States of features that custom actions have asked for, in their order (function MsiSetFeatureState).
    pub(crate) feature_requests: Vec<(String, InstallState)>,
    /// States of components that custom actions have asked for (function MsiSetComponentState).
    pub(crate) component_requests: BTreeMap<String, InstallState>,
    /// How many actions run within another one.
    pub(crate) nested: u32,
    /// Actions that run beside the sequence.
    pub(crate) asynchronous: VecDeque<Asynchronous<'m>>,
    /// The first failure of an asynchronous action, which counts at the end of the sequence.
    pub(crate) late_failure: Option<EngineError>,
    /// Whether InstallFinalize has run.
    pub(crate) is_finished: bool,
    /// Whether an action has ended the sequence before InstallFinalize, without an error.
    pub(crate) ended_early: bool,
}

impl<'s, 'm> Session<'s, 'm> {
    /// The machine.
    pub(crate) fn machine(&self) -> &'m Machine {
        self.installation.machine
    }

    /// Whether the product was installed before, and not only advertised.
    pub(crate) fn is_installed(&self) -> bool {
        self.installed.as_ref().is_some_and(|product| !product.advertised)
    }

    /// Whether the whole product is to be removed.
    pub(crate) fn removes_product(&self) -> bool {
        self.installed.is_some()
            && self.property("REMOVE").is_some_and(|value| value.eq_ignore_ascii_case("ALL"))
    }

    /// What becomes of the product.
    pub(crate) fn change(&self) -> ProductChange {
        if self.ended_early {
            return ProductChange::Unchanged;
        }
        if self.top_level == TopLevel::Admin {
            return ProductChange::Copied;
        }
        match (self.is_installed(), self.removes_product()) {
            (_, true) => ProductChange::Removed,
            (false, _) if self.top_level == TopLevel::Advertise => ProductChange::Advertised,
            (false, _) => ProductChange::Installed,
            (true, false) => ProductChange::Configured,
        }
    }

    /// A property's value.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name)
    }

    /// The package's database, to be changed in what is temporary: later actions see it, the file stays as it is.
    pub(crate) fn database_mut(&mut self) -> &mut Database {
        Arc::make_mut(&mut self.package).database_mut()
    }

    /// Sets a property, deletes it when the value is empty, and logs the change.
    pub(crate) fn set_property(&mut self, name: &str, value: &str) {
        if let Some(change) = self.properties.set(name, value) {
            if name == "MsiHiddenProperties" {
                self.hide_secrets();
            } else if self.properties.is_hidden(name) {
                secrets::hide(value);
            }
            service!("{}", self.properties.change_line(name, &change));
        }
    }

    /// Remembers the values of hidden properties, so that they are shown nowhere.
    pub(crate) fn hide_secrets(&self) {
        for (name, value) in self.properties.iter() {
            if self.properties.is_hidden(name) {
                secrets::hide(value);
            }
        }
    }

    /// What conditions and Formatted texts see.
    pub(crate) fn context(&self) -> Context<'_, 's, 'm> {
        Context { session: self }
    }

    /// Resolves a Formatted text.
    pub(crate) fn format(&self, text: &str) -> FormattedText {
        Formatted::resolve(text, &self.context())
    }

    /// Evaluates a condition from a table.
    pub(crate) fn holds(&self, table: &'static str, row: &str, condition: &str) -> Result<bool, EngineError> {
        let condition = Condition::parse(condition).map_err(|cause| {
            let condition = condition.to_owned();
            let fault = match table.contains("Sequence") || table == NAMED_SEQUENCE {
                true => RowFault::ActionCondition { condition, cause },
                false => {
                    let reason = format!("the condition '{condition}' is wrong: {cause}");
                    RowFault::Value { column: "Condition", reason }
                }
            };
            EngineError::row(table, row, fault)
        })?;
        Ok(condition.evaluate(&self.context()))
    }

    /// The selection, which an action needs to have been costed.
    pub(crate) fn selection(&self) -> Result<&Selection, EngineError> {
        self.selection
            .as_ref()
            .ok_or_else(|| EngineError::Sequence { action: self.action.clone(), needed: "CostFinalize" })
    }

    /// Adds an operation to the install script.
    pub(crate) fn add(&mut self, operation: Operation) -> Result<(), EngineError> {
        if !self.in_script && self.is_finished {
            if self.installation.plan.is_none() {
                return Err(EngineError::BehindScript { action: self.action.clone() });
            }
            script_end::note(self);
            return Ok(());
        }
        if !self.in_script {
            return Err(EngineError::Sequence { action: self.action.clone(), needed: "InstallInitialize" });
        }
        for operation in pending_files::now(self, operation) {
            self.script.steps.push(Step { action: self.action.clone(), operation });
        }
        Ok(())
    }

    /// Reads a path that the package's texts have led to.
    pub(crate) fn windows_path(
        &self,
        table: &'static str,
        row: &str,
        text: &str,
    ) -> Result<WindowsPath, EngineError> {
        WindowsPath::parse(text).map_err(|error| EngineError::row(table, row, error))
    }

    /// Tells the watcher.
    pub(crate) fn tell(&mut self, message: &Message) {
        match message {
            Message::Warning { number: Some(number), text } => plain!("Warning {number}. {text}"),
            Message::Warning { number: None, text } => plain!("Warning. {text}"),
            Message::Information(text) => plain!("Info. {text}"),
            Message::Error { number: Some(number), text } => plain!("Error {number}. {text}"),
            Message::Error { number: None, text } => plain!("Error. {text}"),
            Message::ActionData(text) if self.logs_data() => plain!("{}: {text}", self.action),
            Message::ActionData(_) | Message::ActionStart { .. } | Message::Progress { .. } => {}
        }
        self.installation.interface.message(message);
    }

    /// Whether what the running action works on is logged: LOGACTION names the actions for which it is (page
    /// `logaction.md`).
    fn logs_data(&self) -> bool {
        let Some(listed) = self.property("LOGACTION") else { return true };
        listed.split(';').any(|name| name.eq_ignore_ascii_case(&self.action))
    }

    /// The text of a documented message: the package's own, else ours.
    pub(crate) fn message_text(&self, message: &NumberedMessage) -> String {
        let language = self.installation.interface.language();
        message.text(language, Some(&self.package), Some(&self.context()))
    }

    /// The text of a documented message for the log, which is in English where the package has no text.
    pub(crate) fn logged_text(&self, number: u32, fields: &[&str]) -> String {
        let message = NumberedMessage::new(number, fields.iter().map(|field| (*field).to_owned()));
        message.text(Language::English, Some(&self.package), Some(&self.context()))
    }

    /// Warns with a documented message, and says what it has no fields for; the first of the fields is field 2.
    pub(crate) fn warn(&mut self, number: u32, fields: &[&str], more: &str) {
        let message = NumberedMessage::new(number, fields.iter().map(|field| (*field).to_owned()));
        service!("Note: {message}");
        let text = self.warning_text(&message, more);
        self.tell(&Message::Warning { number: Some(number), text });
    }

    /// Warns of what has no documented number.
    pub(crate) fn warn_of_notice(&mut self, notice: Notice<'_>) {
        let text = notice.text(self.installation.interface.language());
        self.tell(&Message::warning(text));
    }

    /// Tells what has no documented number.
    pub(crate) fn inform(&mut self, notice: Notice<'_>) {
        let text = notice.text(self.installation.interface.language());
        self.tell(&Message::Information(text));
    }

    /// Tells of a failure that does not count.
    pub(crate) fn inform_of_ignored(&mut self, error: &EngineError) {
        let language = self.installation.interface.language();
        let failure = error.told(language, Some(&self.package), Some(&self.context()));
        self.inform(Notice::Ignored { failure: &failure });
    }

    /// What [`Session::warn`] says.
    pub(crate) fn warning_text(&self, message: &NumberedMessage, more: &str) -> String {
        let text = self.message_text(message);
        if more.is_empty() { text } else { followed_by(text, more) }
    }

    /// Warns of what would end the installation if it had to succeed.
    pub(crate) fn warn_of(&mut self, error: &EngineError) {
        let language = self.installation.interface.language();
        let text = error.told(language, Some(&self.package), Some(&self.context()));
        self.tell(&Message::Warning { number: error.numbered().map(|message| message.number()), text });
    }

    /// Tells what the running action works on, with the fields that its page documents, from the first one on.
    pub(crate) fn tell_data(&mut self, fields: &[&str]) {
        let mut own: Vec<&str> = fields.iter().copied().filter(|field| !field.is_empty()).collect();
        own.dedup();
        self.tell_fields(fields, &own.join(", "));
    }

    /// Tells which file the running action works on: field 1 is its name, 6 its size in bytes, 9 its folder.
    pub(crate) fn tell_file(&mut self, path: &WindowsPath, size: Option<u64>) {
        let name = path.file_name().unwrap_or_default();
        let size = size.map(|size| size.to_string()).unwrap_or_default();
        let folder = path.parent().map(|folder| folder.with_separator()).unwrap_or_default();
        self.tell_fields(&[name, "", "", "", "", &size, "", "", &folder], path.as_str());
    }

    /// By the template of the package's ActionText table, else in our own words.
    fn tell_fields(&mut self, fields: &[&str], own: &str) {
        // A table that cannot be read was found out when the action began.
        let template = self.package.action_template(&self.action).ok().flatten();
        let text = match template {
            Some(template) => {
                let record = Record::of(fields.iter().map(|field| Field::Text((*field).to_owned())));
                format_by(&record, &template, Some(&self.context()))
            }
            None => own.to_owned(),
        };
        self.tell(&Message::ActionData(text));
    }

    /// A directory's target folder, or the folder that a property names.
    pub(crate) fn directory(&self, directory: &str) -> Option<String> {
        let folder = self.selection.as_ref().and_then(|selection| selection.folders().get(directory));
        folder.map(String::as_str).or_else(|| self.property(directory)).map(str::to_owned)
    }

    /// The target folder that a row of a table names.
    pub(crate) fn directory_path(
        &self,
        table: &'static str,
        row: &str,
        directory: &str,
    ) -> Result<WindowsPath, EngineError> {
        let folder = self
            .directory(directory)
            .ok_or_else(|| EngineError::row(table, row, self.no_folder(directory)))?;
        self.windows_path(table, row, &folder)
    }

    /// Why a directory has no target folder.
    pub(crate) fn no_folder(&self, directory: &str) -> RowFault {
        let directory = directory.to_owned();
        match self.package.directories().is_ok_and(|tree| tree.get(&directory).is_some()) {
            true => RowFault::NoFolderPath { directory },
            false => RowFault::NoDirectory { directory },
        }
    }

    /// Sets a directory's target folder, and so those beneath it (custom action type 35).
    pub(crate) fn set_directory(&mut self, directory: &str, path: &str) -> Result<(), EngineError> {
        let path = with_backslash(path);
        let mut changed = vec![(directory.to_owned(), path.clone())];
        if let Some(selection) = &mut self.selection {
            selection.move_folder(directory, &path);
            changed = selection.folders().iter().map(|(name, path)| (name.clone(), path.clone())).collect();
        }
        for (name, path) in changed {
            if self.property(&name) != Some(&path) {
                self.set_property(&name, &path);
            }
        }
        Ok(())
    }

    /// The target path of a file.
    pub(crate) fn file_path(&self, file: &PlannedFile) -> Result<WindowsPath, EngineError> {
        let target = self.selection()?.target(file).ok_or_else(|| {
            EngineError::row(
                "File",
                &file.row.file,
                format!("its component {} has no folder", file.row.component),
            )
        })?;
        self.windows_path("File", &file.row.file, &target)
    }

    /// The sources, opened when they are asked for the first time.
    pub(crate) fn take_sources(&mut self) -> Result<Sources, EngineError> {
        match self.sources.take() {
            Some(sources) => Ok(sources),
            None => Sources::new(self.package.clone(), self.source_folder()),
        }
    }

    /// Where the package can be read, also after it was removed.
    pub(crate) fn package_place(&self) -> PathBuf {
        readable(&self.package_path, self.package_file.as_deref())
    }

    /// The folder in which the package's sources lie.
    pub(crate) fn source_folder(&self) -> PathBuf {
        self.basis.origin.folder.clone()
    }

    /// A path of this machine as packages see it.
    pub(crate) fn shown_path(&self, path: &Path) -> String {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match self.machine().windows_path(&absolute) {
            Some(path) => path.to_string(),
            None => absolute.display().to_string(),
        }
    }

    /// Whether the product is installed for all users (property ALLUSERS).
    pub(crate) fn is_per_machine(&self) -> bool {
        match &self.installed {
            Some(product) => product.context == InstallContext::PerMachine,
            None => self.property("ALLUSERS") == Some("1"),
        }
    }

    /// How files and registry values are installed again (property REINSTALLMODE).
    pub(crate) fn reinstall_mode(&self) -> Result<ReinstallMode, EngineError> {
        match self.property("REINSTALLMODE") {
            None => Ok(ReinstallMode::default()),
            Some(text) => ReinstallMode::parse(text)
                .map_err(|error| EngineError::CommandLine { reason: error.to_string() }),
        }
    }

    /// Whether what a component has of this kind is written: always when it is installed for the first time, and when it is
    /// installed again as the property REINSTALLMODE says.
    pub(crate) fn writes_again(&self, component: &str, what: Again) -> Result<bool, EngineError> {
        let again = self.selection()?.component(component).is_some_and(|state| state.reinstall);
        let mode = self.reinstall_mode()?;
        Ok(!again
            || match what {
                Again::UserRegistry => mode.user_registry,
                Again::MachineRegistry => mode.machine_registry,
                Again::Shortcuts => mode.shortcuts,
            })
    }

    /// The folders that every machine has and no product removes.
    pub(crate) fn standard_folders(&self) -> HashSet<WindowsPath> {
        let folders = builtin_properties::known_folders(self.machine(), self.is_per_machine());
        let assemblies = side_by_side::folder(self.machine());
        folders.into_iter().map(|(_, folder)| self.machine().folder(folder)).chain(assemblies).collect()
    }

    /// The states of the features of an installed product, by name.
    pub(crate) fn feature_states_of(&self, product: &InstalledProduct) -> Vec<(String, InstallState)> {
        let state = |present| match present {
            FeatureState::Installed => InstallState::Local,
            FeatureState::Advertised => InstallState::Advertised,
            FeatureState::Absent => InstallState::Absent,
        };
        product.features.iter().map(|(name, present)| (name.clone(), state(*present))).collect()
    }

    /// Sets the properties anew: the package's, those that the session was begun with, and the installer's own.
    ///
    /// # Errors
    /// When the Property table cannot be read, or a property may not be set.
    pub(crate) fn begin_properties(&mut self) -> Result<(), EngineError> {
        self.properties = Properties::new();
        let given = self.given.clone();
        builtin_properties::set_all(self, &given)?;
        for (name, value) in self.derived.clone() {
            self.set_property(&name, &value);
        }
        Ok(())
    }

    /// Walks the sequence of the top-level action, and before it that of the user interface where it is asked for.
    ///
    /// # Errors
    /// The first error of an action; what was executed by then is still to be rolled back.
    pub(crate) fn run(&mut self) -> Result<(), EngineError> {
        client::run(self)
    }
}

/// A path of a file, or of its open handle when it was removed.
pub(crate) fn readable(path: &Path, file: Option<&File>) -> PathBuf {
    match file {
        Some(file) if !path.exists() => format!("/proc/self/fd/{}", file.as_raw_fd()).into(),
        _ => path.to_owned(),
    }
}
