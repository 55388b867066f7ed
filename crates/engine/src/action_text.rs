//! What standard actions do, in words, for packages whose ActionText table does not say it (page `actiontext-table.md`).

use crate::message_text::Language;

/// Our own description of a standard action; empty for those that only hold others.
pub fn description(action: &str, language: Language) -> &'static str {
    let place = DESCRIPTIONS.binary_search_by_key(&action, |(action, _, _)| action);
    match (place.ok().and_then(|place| DESCRIPTIONS.get(place)), language) {
        (Some((_, english, _)), Language::English) => english,
        (Some((_, _, german)), Language::German) => german,
        (None, _) => "",
    }
}

/// Action, English, German.
const DESCRIPTIONS: &[(&str, &str, &str)] = &[
    ("ADVERTISE", "Advertising", "Ankündigen"),
    ("AllocateRegistrySpace", "Making room in the registry", "Platz in der Registrierung schaffen"),
    ("AppSearch", "Looking for installed applications", "Installierte Anwendungen suchen"),
    ("BindImage", "Binding programs", "Programme binden"),
    (
        "CCPSearch",
        "Looking for products that entitle to an upgrade",
        "Produkte suchen, die zum Upgrade berechtigen",
    ),
    ("CostFinalize", "Computing the space needed", "Speicherbedarf berechnen"),
    ("CostInitialize", "Computing the space needed", "Speicherbedarf berechnen"),
    ("CreateFolders", "Making folders", "Ordner anlegen"),
    ("CreateShortcuts", "Making shortcuts", "Verknüpfungen anlegen"),
    ("DeleteServices", "Removing services", "Dienste entfernen"),
    ("DuplicateFiles", "Copying files once more", "Dateien vervielfältigen"),
    ("FileCost", "Computing the space needed", "Speicherbedarf berechnen"),
    ("FindRelatedProducts", "Looking for related products", "Verwandte Produkte suchen"),
    ("ForceReboot", "Restarting", "Neu starten"),
    ("InstallAdminPackage", "Copying files to the image", "Dateien in das Abbild kopieren"),
    ("InstallExecute", "Carrying out what is prepared", "Vorbereitetes ausführen"),
    ("InstallExecuteAgain", "Carrying out what is prepared", "Vorbereitetes ausführen"),
    ("InstallFiles", "Copying files", "Dateien kopieren"),
    ("InstallFinalize", "Completing the installation", "Installation abschließen"),
    ("InstallInitialize", "Beginning the installation", "Installation beginnen"),
    ("InstallODBC", "Installing ODBC", "ODBC installieren"),
    ("InstallServices", "Installing services", "Dienste installieren"),
    ("InstallValidate", "Looking at disk space and files in use", "Platz und verwendete Dateien prüfen"),
    ("IsolateComponents", "Isolating components", "Komponenten isolieren"),
    ("LaunchConditions", "Checking the conditions", "Bedingungen prüfen"),
    ("MigrateFeatureStates", "Taking over the selection of features", "Auswahl der Features übernehmen"),
    ("MoveFiles", "Moving files", "Dateien verschieben"),
    ("MsiConfigureServices", "Configuring services", "Dienste konfigurieren"),
    ("MsiPublishAssemblies", "Registering assemblies", "Assemblys registrieren"),
    (
        "MsiUnpublishAssemblies",
        "Removing the registration of assemblies",
        "Registrierung der Assemblys entfernen",
    ),
    ("PatchFiles", "Patching files", "Dateien aktualisieren"),
    ("ProcessComponents", "Registering components", "Komponenten registrieren"),
    ("PublishComponents", "Registering qualified components", "Qualifizierte Komponenten registrieren"),
    ("PublishFeatures", "Registering features", "Features registrieren"),
    ("PublishProduct", "Registering the product", "Produkt registrieren"),
    (
        "RMCCPSearch",
        "Looking on removable media for products that entitle to an upgrade",
        "Auf Wechselmedien Produkte suchen, die zum Upgrade berechtigen",
    ),
    ("RegisterClassInfo", "Registering COM classes", "COM-Klassen registrieren"),
    ("RegisterComPlus", "Registering COM+ applications", "COM+-Anwendungen registrieren"),
    ("RegisterExtensionInfo", "Registering file extensions", "Dateiendungen registrieren"),
    ("RegisterFonts", "Registering fonts", "Schriftarten registrieren"),
    ("RegisterMIMEInfo", "Registering MIME types", "MIME-Typen registrieren"),
    ("RegisterProduct", "Registering the product", "Produkt registrieren"),
    ("RegisterProgIdInfo", "Registering program identifiers", "Programmkennungen registrieren"),
    ("RegisterTypeLibraries", "Registering type libraries", "Typbibliotheken registrieren"),
    ("RegisterUser", "Registering the user", "Benutzer registrieren"),
    ("RemoveDuplicateFiles", "Removing copied files", "Vervielfältigte Dateien entfernen"),
    ("RemoveEnvironmentStrings", "Changing environment variables", "Umgebungsvariablen ändern"),
    ("RemoveExistingProducts", "Removing older versions", "Ältere Versionen entfernen"),
    ("RemoveFiles", "Removing files", "Dateien entfernen"),
    ("RemoveFolders", "Removing folders", "Ordner entfernen"),
    ("RemoveIniValues", "Removing entries of .ini files", "Einträge in INI-Dateien entfernen"),
    ("RemoveODBC", "Removing ODBC", "ODBC entfernen"),
    ("RemoveRegistryValues", "Removing registry values", "Registrierungswerte entfernen"),
    ("RemoveShortcuts", "Removing shortcuts", "Verknüpfungen entfernen"),
    ("ResolveSource", "Looking for the source", "Quelle suchen"),
    ("ScheduleReboot", "Asking for a restart", "Neustart vormerken"),
    ("SelfRegModules", "Registering modules", "Module registrieren"),
    ("SelfUnregModules", "Removing the registration of modules", "Registrierung der Module entfernen"),
    ("SetODBCFolders", "Preparing ODBC", "ODBC vorbereiten"),
    ("StartServices", "Starting services", "Dienste starten"),
    ("StopServices", "Stopping services", "Dienste anhalten"),
    (
        "UnpublishComponents",
        "Removing the registration of qualified components",
        "Registrierung qualifizierter Komponenten entfernen",
    ),
    ("UnpublishFeatures", "Removing the registration of features", "Registrierung der Features entfernen"),
    (
        "UnregisterClassInfo",
        "Removing the registration of COM classes",
        "Registrierung der COM-Klassen entfernen",
    ),
    (
        "UnregisterComPlus",
        "Removing the registration of COM+ applications",
        "Registrierung der COM+-Anwendungen entfernen",
    ),
    (
        "UnregisterExtensionInfo",
        "Removing the registration of file extensions",
        "Registrierung der Dateiendungen entfernen",
    ),
    ("UnregisterFonts", "Removing the registration of fonts", "Registrierung der Schriftarten entfernen"),
    (
        "UnregisterMIMEInfo",
        "Removing the registration of MIME types",
        "Registrierung der MIME-Typen entfernen",
    ),
    (
        "UnregisterProgIdInfo",
        "Removing the registration of program identifiers",
        "Registrierung der Programmkennungen entfernen",
    ),
    (
        "UnregisterTypeLibraries",
        "Removing the registration of type libraries",
        "Registrierung der Typbibliotheken entfernen",
    ),
    ("ValidateProductID", "Checking the product ID", "Produkt-ID prüfen"),
    ("WriteEnvironmentStrings", "Changing environment variables", "Umgebungsvariablen ändern"),
    ("WriteIniValues", "Writing entries of .ini files", "Einträge in INI-Dateien schreiben"),
    ("WriteRegistryValues", "Writing registry values", "Registrierungswerte schreiben"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard_action::{self, STANDARD_ACTIONS};

    #[test]
    fn every_standard_action_that_does_something_is_described() {
        assert!(DESCRIPTIONS.is_sorted_by_key(|(action, _, _)| action));
        for (action, _, _) in DESCRIPTIONS {
            assert!(standard_action::find(action).is_some(), "{action}");
        }
        const WITHOUT: [&str; 8] = [
            "ADMIN",
            "DisableRollback",
            "ExecuteAction",
            "INSTALL",
            "InstallSFPCatalogFile",
            "MsiEmbeddedChainer",
            "SEQUENCE",
            "SFPCatalog",
        ];
        for action in STANDARD_ACTIONS {
            let described = !description(action.name, Language::German).is_empty();
            assert!(described || WITHOUT.contains(&action.name), "{}", action.name);
        }
    }
}
