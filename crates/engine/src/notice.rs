//! What is worth telling and has no documented number, in English and German.

use crate::message_text::Language;

/// Something that did not go as it should, or that the user will want to know.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// An action that ran beside others did not come to its end.
    AsynchronousEnded { action: &'a str },
    /// What cannot run here, and whose result does not count.
    DidNotRun { part: &'a str },
    /// What failed, and does not count.
    Ignored { failure: &'a str },
    /// The user asked for it.
    ActionSkipped { action: &'a str },
    /// A part that is not supported comes later.
    WillBeSkipped { part: &'a str },
    /// The same, and its turn is now.
    Skipped { part: &'a str },
    /// Passwords of services have no place.
    PasswordNotKept { service: &'a str },
    /// A service cannot be asked for its state.
    ServiceNotControlled { service: &'a str, cause: &'a str },
    /// Some applications could not be closed.
    NotClosed { cause: &'a str },
    /// An application goes on with old files.
    GoesOn { name: &'a str, process: u32, critical: Option<&'a str> },
    /// A file is in use, by whom is not known.
    InUse { file: &'a str },
    /// The Restart Manager cannot be had.
    NoRestartManager { cause: &'a str },
    /// Applications could not be started again.
    NotRestarted { cause: &'a str },
    /// Two rows lead to one file.
    SameTarget { row: &'a str, path: &'a str },
    /// A source is not as long as the File table says.
    OtherSize { row: &'a str, size: u64, promised: u64 },
    /// The interfaces of a type library stay unregistered.
    Interfaces { library: &'a str },
    /// Rollback is disabled, by whom.
    RollbackDisabled { by: DisabledBy },
    /// A rollback stopped half-way.
    RollbackIncomplete,
    /// What went wrong when a transaction was ended.
    AtEnd { undoing: bool, what: &'a str },
    /// A folder of the user lies outside the prefix.
    FolderReplaced { link: &'a str, instead: &'a str, property: &'a str, remedy: &'a str },
    /// A patch of an installed product is gone.
    PatchLost { patch: &'a str, path: &'a str },
    /// An update puts a feature above an installed one.
    FeatureGoes { feature: &'a str, above: &'a str },
}

/// Who has disabled rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledBy {
    /// The property DISABLEROLLBACK.
    Property,
    /// There is no room for what it would keep.
    Room,
    /// The package, from the beginning.
    Package,
    /// The policy DisableRollback.
    Policy,
    /// The package, for what follows.
    PackageFromHere,
}

impl Notice<'_> {
    /// The text.
    pub fn text(self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::German => self.german(),
        }
    }

    fn english(self) -> String {
        match self {
            Self::AsynchronousEnded { action } => {
                format!("custom action {action}, which ran asynchronously, was ended")
            }
            Self::DidNotRun { part } => format!("{part} did not run"),
            Self::Ignored { failure } => format!("{failure}; its result is ignored"),
            Self::ActionSkipped { action } => format!("custom action {action} is skipped, as asked"),
            Self::WillBeSkipped { part } => format!("will be skipped, not supported yet: {part}"),
            Self::Skipped { part } => format!("skipped, not supported yet: {part}"),
            Self::PasswordNotKept { service } => {
                format!("the password of service {service} is not kept: services run as the prefix's user")
            }
            Self::ServiceNotControlled { service, cause } => {
                format!("service {service} cannot be controlled: {cause}")
            }
            Self::NotClosed { cause } => cause.to_owned(),
            Self::GoesOn { name, process, critical } => {
                let why = critical.map(|reason| format!(": {reason}")).unwrap_or_default();
                format!(
                    "{name} (process {process}) goes on{why}; the files that it uses stay until a restart"
                )
            }
            Self::InUse { file } => {
                format!("{file} is in use by something that could not be found; it stays until a restart")
            }
            Self::NoRestartManager { cause } => format!("the Restart Manager is not available: {cause}"),
            Self::NotRestarted { cause } => cause.to_owned(),
            Self::SameTarget { row, path } => {
                format!("table File, row {row}: {path} is also the target of another row; the later one wins")
            }
            Self::OtherSize { row, size, promised } => format!(
                "table File, row {row}: the source has {size} bytes and the table says {promised}; it is installed as it is"
            ),
            Self::Interfaces { library } => {
                format!("the interfaces in the type library {library} are not registered")
            }
            Self::RollbackDisabled { by } => {
                let what = match by {
                    DisabledBy::Property => "rollback is disabled by DISABLEROLLBACK",
                    DisabledBy::Room => "rollback is disabled because there is too little room for it",
                    DisabledBy::Package => "rollback is disabled by the package",
                    DisabledBy::Policy => "rollback is disabled by the policy DisableRollback",
                    DisabledBy::PackageFromHere => "the package disables rollback for what follows",
                };
                format!("{what}: a failure, a cancel or a power loss leaves what was done by then")
            }
            Self::RollbackIncomplete => {
                "the installation could not be undone to its end; 'reseat recover' tries again".to_owned()
            }
            Self::AtEnd { undoing: false, what } => format!("commit: {what}"),
            Self::AtEnd { undoing: true, what } => format!("rollback: {what}"),
            Self::FolderReplaced { link, instead, property, remedy } => format!(
                "{link}, outside the prefix: {instead} stands in for it (property {property}); \"{remedy}\" puts a folder of the \
                 prefix in the place of the link"
            ),
            Self::PatchLost { patch, path } => format!("patch {patch} is not where it was kept: {path}"),
            Self::FeatureGoes { feature, above } => format!(
                "the installed feature {feature} is removed: this package puts the new feature {above} above it, which is not \
                 installed; ADDLOCAL={above},{feature} installs both"
            ),
        }
    }

    fn german(self) -> String {
        match self {
            Self::AsynchronousEnded { action } => {
                format!("Die benutzerdefinierte Aktion {action}, die asynchron lief, wurde beendet")
            }
            Self::DidNotRun { part } => format!("Nicht ausgeführt: {part}"),
            Self::Ignored { failure } => format!("{failure}; das Ergebnis zählt nicht"),
            Self::ActionSkipped { action } => {
                format!("Die benutzerdefinierte Aktion {action} wird wie gewünscht ausgelassen")
            }
            Self::WillBeSkipped { part } => format!("Wird ausgelassen, noch nicht unterstützt: {part}"),
            Self::Skipped { part } => format!("Ausgelassen, noch nicht unterstützt: {part}"),
            Self::PasswordNotKept { service } => format!(
                "Das Kennwort des Dienstes {service} wird nicht aufbewahrt: Dienste laufen als Benutzer des Präfixes"
            ),
            Self::ServiceNotControlled { service, cause } => {
                format!("Der Dienst {service} lässt sich nicht steuern: {cause}")
            }
            Self::NotClosed { cause } => format!("Nicht alle Anwendungen wurden geschlossen: {cause}"),
            Self::GoesOn { name, process, critical } => {
                let why = critical.map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!(
                    "{name} (Prozess {process}) läuft weiter{why}; die Dateien, die es verwendet, bleiben bis zu einem Neustart"
                )
            }
            Self::InUse { file } => {
                format!("{file} ist in Gebrauch, von wem, war nicht zu finden; die Datei bleibt bis zu einem Neustart")
            }
            Self::NoRestartManager { cause } => {
                format!("Der Neustart-Manager steht nicht zur Verfügung: {cause}")
            }
            Self::NotRestarted { cause } => {
                format!("Nicht alle Anwendungen wurden wieder gestartet: {cause}")
            }
            Self::SameTarget { row, path } => format!(
                "Tabelle File, Zeile {row}: {path} ist auch das Ziel einer anderen Zeile; die spätere gilt"
            ),
            Self::OtherSize { row, size, promised } => format!(
                "Tabelle File, Zeile {row}: Die Quelle hat {size} Bytes, die Tabelle sagt {promised}; sie wird installiert, wie sie ist"
            ),
            Self::Interfaces { library } => {
                format!("Die Schnittstellen der Typbibliothek {library} werden nicht registriert")
            }
            Self::RollbackDisabled { by } => {
                let what = match by {
                    DisabledBy::Property => "DISABLEROLLBACK schaltet das Zurücknehmen ab",
                    DisabledBy::Room => {
                        "Das Zurücknehmen ist abgeschaltet, weil der Platz dafür nicht reicht"
                    }
                    DisabledBy::Package => "Das Paket schaltet das Zurücknehmen ab",
                    DisabledBy::Policy => "Die Richtlinie DisableRollback schaltet das Zurücknehmen ab",
                    DisabledBy::PackageFromHere => {
                        "Das Paket schaltet das Zurücknehmen für alles Weitere ab"
                    }
                };
                format!(
                    "{what}: Nach einem Fehler, einem Abbruch oder einem Stromausfall bleibt, was bis dahin getan war"
                )
            }
            Self::RollbackIncomplete => {
                "Die Installation ließ sich nicht ganz zurücknehmen; \"reseat recover\" versucht es noch einmal"
                    .to_owned()
            }
            Self::AtEnd { undoing: false, what } => format!("Beim Abschließen: {what}"),
            Self::AtEnd { undoing: true, what } => format!("Beim Zurücknehmen: {what}"),
            Self::FolderReplaced { link, instead, property, remedy } => format!(
                "{link}, außerhalb des Präfixes: {instead} tritt an seine Stelle (Eigenschaft {property}); \"{remedy}\" setzt einen \
                 Ordner des Präfixes an die Stelle des Links"
            ),
            Self::PatchLost { patch, path } => {
                format!("Der Patch {patch} ist nicht mehr da, wo er aufbewahrt war: {path}")
            }
            Self::FeatureGoes { feature, above } => format!(
                "Das installierte Feature {feature} wird entfernt: Dieses Paket stellt das neue Feature {above} darüber, das nicht \
                 installiert ist; ADDLOCAL={above},{feature} installiert beide"
            ),
        }
    }
}
