//! All documented standard actions, each with how it is served (page `standard-actions-reference.md`).
//!
//! An action works, has nothing to do on this kind of machine, or is not supported. One that is not supported stands in
//! the way only when the package gives it something to do: a table that it reads has rows.

use crate::actions::{self, assemblies, self_registration, type_libraries};
use crate::error::EngineError;
use crate::session::Session;

/// How an action is served.
#[derive(Clone, Copy)]
pub enum Service {
    /// It is carried out by this function.
    Works(fn(&mut Session<'_, '_>) -> Result<(), EngineError>),
    /// It is carried out by this function, but for what these tables ask for.
    Partly(fn(&mut Session<'_, '_>) -> Result<(), EngineError>, &'static [&'static str]),
    /// It is carried out by the first function, but for the rows that the second one names.
    Judged(
        fn(&mut Session<'_, '_>) -> Result<(), EngineError>,
        fn(&Session<'_, '_>) -> Result<Vec<String>, EngineError>,
    ),
    /// It has nothing to do here, for this reason.
    Nothing(&'static str),
    /// It cannot be carried out when one of these tables has rows.
    Unsupported(&'static [&'static str]),
}

/// A standard action.
#[derive(Clone, Copy)]
pub struct StandardAction {
    /// The documented name.
    pub name: &'static str,
    /// How it is served.
    pub service: Service,
    /// Whether it writes into the install script when it has anything to do.
    pub writes_script: bool,
}

/// The standard action with this name.
pub fn find(name: &str) -> Option<&'static StandardAction> {
    STANDARD_ACTIONS.iter().find(|action| action.name == name)
}

/// Tables that change what installing means without an action of their own, and are not supported.
pub const UNSUPPORTED_TABLES: &[&str] = &["MsiEmbeddedChainer"];

use Service::{Judged, Nothing, Unsupported, Works};

/// Every standard action, in the order of the alphabet.
pub const STANDARD_ACTIONS: &[StandardAction] = &[
    action("ADMIN", Works(actions::top_level::execute_action)),
    action("ADVERTISE", Works(actions::top_level::execute_action)),
    action("AllocateRegistrySpace", Nothing("the registry of this machine has no size limit")),
    action("AppSearch", Works(actions::app_search::app_search)),
    action("BindImage", Nothing("imports are bound by the loader at each start")),
    action("CCPSearch", Works(actions::app_search::ccp_search)),
    action("CostFinalize", Works(actions::costing::cost_finalize)),
    action("CostInitialize", Works(actions::costing::cost_initialize)),
    writer("CreateFolders", Works(actions::folders::create_folders)),
    writer("CreateShortcuts", Works(actions::shortcuts::create_shortcuts)),
    writer("DeleteServices", Works(actions::services::delete_services)),
    action("DisableRollback", Works(actions::execute::disable_rollback)),
    writer("DuplicateFiles", Works(actions::duplicate_files::duplicate_files)),
    action("ExecuteAction", Works(actions::top_level::execute_action)),
    action("FileCost", Works(actions::costing::file_cost)),
    action("FindRelatedProducts", Works(actions::related_products::find_related_products)),
    action("ForceReboot", Works(actions::execute::force_reboot)),
    action("INSTALL", Works(actions::top_level::execute_action)),
    action("InstallAdminPackage", Works(actions::administrative::install_admin_package)),
    action("InstallExecute", Works(actions::execute::install_execute)),
    action("InstallExecuteAgain", Works(actions::execute::install_execute)),
    writer("InstallFiles", Works(actions::files::install_files)),
    action("InstallFinalize", Works(actions::execute::install_finalize)),
    action("InstallInitialize", Works(actions::execute::install_initialize)),
    writer("InstallODBC", Works(actions::odbc::install_odbc)),
    action("InstallSFPCatalogFile", Unsupported(&["SFPCatalog"])),
    writer("InstallServices", Works(actions::services::install_services)),
    action("InstallValidate", Works(actions::install_validate::install_validate)),
    action("IsolateComponents", Works(actions::isolated_components::isolate_components)),
    action("LaunchConditions", Works(actions::launch_conditions::launch_conditions)),
    action("MigrateFeatureStates", Works(actions::related_products::migrate_feature_states)),
    writer("MoveFiles", Works(actions::move_files::move_files)),
    writer("MsiConfigureServices", Works(actions::service_configuration::configure_services)),
    writer("MsiPublishAssemblies", Judged(assemblies::publish_assemblies, assemblies::without_place)),
    writer("MsiUnpublishAssemblies", Judged(assemblies::unpublish_assemblies, assemblies::without_place)),
    action("PatchFiles", Unsupported(&["Patch"])),
    writer("ProcessComponents", Works(actions::registration::process_components)),
    writer("PublishComponents", Works(actions::published_components::publish_components)),
    writer("PublishFeatures", Works(actions::registration::publish_features)),
    writer("PublishProduct", Works(actions::registration::publish_product)),
    action("RMCCPSearch", Works(actions::app_search::rmccp_search)),
    writer("RegisterClassInfo", Works(actions::class_info::register_class_info)),
    action("RegisterComPlus", Unsupported(&["Complus"])),
    writer("RegisterExtensionInfo", Works(actions::extension_info::register_extension_info)),
    writer("RegisterFonts", Works(actions::fonts::register_fonts)),
    writer("RegisterMIMEInfo", Works(actions::extension_info::register_mime_info)),
    writer("RegisterProduct", Works(actions::registration::register_product)),
    writer("RegisterProgIdInfo", Works(actions::prog_id_info::register_prog_id_info)),
    writer(
        "RegisterTypeLibraries",
        Judged(type_libraries::register_type_libraries, type_libraries::without_version),
    ),
    writer("RegisterUser", Works(actions::registration::register_user)),
    writer("RemoveDuplicateFiles", Works(actions::duplicate_files::remove_duplicate_files)),
    writer("RemoveEnvironmentStrings", Works(actions::environment_strings::remove_environment_strings)),
    action("RemoveExistingProducts", Works(actions::related_products::remove_existing_products)),
    writer("RemoveFiles", Works(actions::files::remove_files)),
    writer("RemoveFolders", Works(actions::folders::remove_folders)),
    writer("RemoveIniValues", Works(actions::ini_values::remove_ini_values)),
    writer("RemoveODBC", Works(actions::odbc::remove_odbc)),
    writer("RemoveRegistryValues", Works(actions::registry_values::remove_registry_values)),
    writer("RemoveShortcuts", Works(actions::shortcuts::remove_shortcuts)),
    action("ResolveSource", Works(actions::costing::resolve_source)),
    action("SEQUENCE", Works(actions::top_level::sequence)),
    action("ScheduleReboot", Works(actions::execute::schedule_reboot)),
    writer("SelfRegModules", Judged(self_registration::self_reg_modules, self_registration::obstacles)),
    writer("SelfUnregModules", Judged(self_registration::self_unreg_modules, self_registration::obstacles)),
    action("SetODBCFolders", Works(actions::odbc::set_odbc_folders)),
    writer("StartServices", Works(actions::services::start_services)),
    writer("StopServices", Works(actions::services::stop_services)),
    writer("UnpublishComponents", Works(actions::published_components::unpublish_components)),
    writer("UnpublishFeatures", Works(actions::registration::unpublish_features)),
    writer("UnregisterClassInfo", Works(actions::class_info::unregister_class_info)),
    action("UnregisterComPlus", Unsupported(&["Complus"])),
    writer("UnregisterExtensionInfo", Works(actions::extension_info::unregister_extension_info)),
    writer("UnregisterFonts", Works(actions::fonts::unregister_fonts)),
    writer("UnregisterMIMEInfo", Works(actions::extension_info::unregister_mime_info)),
    writer("UnregisterProgIdInfo", Works(actions::prog_id_info::unregister_prog_id_info)),
    writer(
        "UnregisterTypeLibraries",
        Judged(type_libraries::unregister_type_libraries, type_libraries::without_version),
    ),
    action("ValidateProductID", Works(actions::launch_conditions::validate_product_id)),
    writer("WriteEnvironmentStrings", Works(actions::environment_strings::write_environment_strings)),
    writer("WriteIniValues", Works(actions::ini_values::write_ini_values)),
    writer("WriteRegistryValues", Works(actions::registry_values::write_registry_values)),
];

const fn action(name: &'static str, service: Service) -> StandardAction {
    StandardAction { name, service, writes_script: false }
}

const fn writer(name: &'static str, service: Service) -> StandardAction {
    StandardAction { name, service, writes_script: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `docs/standard-actions.md` says.
    fn page() -> String {
        let mut page = "\
# Standard actions

What becomes of each standard action of the reference (page `standard-actions-reference.md`). This page is made from the table in
`crates/engine/src/standard_action.rs`; a test holds the two together. What is refused is named before anything is changed;
`--skip-unsupported` goes on without it.

| action | here |
|---|---|
"
        .to_owned();
        for action in STANDARD_ACTIONS {
            let here = match action.service {
                Service::Works(_) => "works".to_owned(),
                Service::Partly(_, tables) => {
                    format!("works, but is refused for rows of {}", tables.join(", "))
                }
                Service::Judged(..) => "works, but for rows that are refused by name".to_owned(),
                Service::Nothing(reason) => format!("has nothing to do: {reason}"),
                Service::Unsupported(tables) => {
                    format!("is refused when there are rows in {}", tables.join(", "))
                }
            };
            page.push_str(&format!("| {} | {here} |\n", action.name));
        }
        page.push_str(&format!(
            "\nTables without an action of their own that are refused: {}.\n",
            UNSUPPORTED_TABLES.join(", ")
        ));
        page
    }

    #[test]
    fn the_page_of_standard_actions_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/standard-actions.md");
        if std::env::var_os("RESEAT_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == page(),
            "RESEAT_WRITE_DOCS=1 cargo test -p reseat-engine page_of_standard writes it"
        );
    }

    #[test]
    fn every_name_stands_once_and_in_order() {
        for pair in STANDARD_ACTIONS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
    }
}
