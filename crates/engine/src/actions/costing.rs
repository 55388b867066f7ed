//! CostInitialize, FileCost, CostFinalize and ResolveSource (pages `costinitialize-action.md`, `filecost-action.md`,
//! `costfinalize-action.md`, `resolvesource-action.md`): where everything goes, and what happens to it.
//!
//! Folders and states are found in CostFinalize. How many bytes are needed is summed up in InstallValidate, which is the
//! only one to ask.

use std::collections::HashMap;

use reseat_machine::{Machine, WindowsPath, products};
use reseat_package::feature_state::{InstalledStates, Requests, SelectionInput, select};
use reseat_package::file_versioning::{Decision, Reason};
use reseat_package::{
    Component, Feature, FeatureAttributes, FeatureComponent, FeatureCondition, FileRow, InstallState,
    KeyPath, Text,
};
use reseat_script::Rollback;

use crate::actions::disk_cost::DiskCost;
use crate::actions::{administrative, assemblies, shared_libraries};
use crate::decision::decide_file;
use crate::error::EngineError;
use crate::installed_folders;
use crate::log::service;
use crate::net_assembly;
use crate::request::TopLevel;
use crate::selection::Selection;
use crate::session::Session;
use crate::suspension::Resumed;
use crate::upgrade_rules;

/// Loads the tables that costing needs.
pub fn cost_initialize(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.property("ROOTDRIVE").is_none() {
        session.set_property("ROOTDRIVE", "C:\\");
    }
    session.selection = Some(Selection::load(&session.package)?);
    session.set_property("CostingComplete", "0");
    Ok(())
}

/// Checks that costing was begun.
pub fn file_cost(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    match session.selection {
        Some(_) => Ok(()),
        None => Err(EngineError::Sequence { action: session.action.clone(), needed: "CostInitialize" }),
    }
}

/// Resolves folders, and decides about features and components.
pub fn cost_finalize(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    file_cost(session)?;
    let mut folders = Vec::new();
    let installed = installed_folders::find(session)?;
    if let Some(mut selection) = session.selection.take() {
        let properties = &session.properties;
        match session.top_level {
            TopLevel::Admin => {
                selection.resolve_image(&administrative::folder(session), administrative::names(session));
            }
            _ => selection.resolve_folders(&|name| {
                installed.get(name).map(String::as_str).or_else(|| properties.get(name)).map(str::to_owned)
            }),
        }
        folders.extend(selection.folders().iter().map(|(name, path)| (name.clone(), path.clone())));
        session.selection = Some(selection);
    }
    for (directory, path) in folders {
        session.set_property(&directory, &path);
    }
    net_assembly::find_caches(session)?;
    // Before the states: a feature whose new parent is absent would go with it.
    upgrade_rules::check(session)?;
    let remove = session.property("REMOVE").unwrap_or_default().to_owned();
    decide(session)?;
    upgrade_rules::warn(session, &remove)?;
    set_space(session)?;
    session.set_property("CostingComplete", "1");
    Ok(())
}

/// Sets what packages are told of the room on the disk (pages `outofdiskspace.md`, `primaryvolumepath.md`,
/// `primaryvolumespacerequired.md`): in units of 512 bytes, and by the sizes in the tables. What is really written is
/// found out by InstallValidate, which looks at the files that are there.
fn set_space(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let cost = DiskCost::of_tables(session)?;
    // A volume that is not there is an error only when something is really written to it.
    let is_short = cost.shortage(session.machine(), Rollback::Enabled).is_ok_and(|short| short.is_some());
    let lacks = if is_short { "1" } else { "0" };
    session.set_property("OutOfDiskSpace", lacks);
    session.set_property("OutOfNoRbDiskSpace", lacks);
    let primary = session.property("PRIMARYFOLDER").and_then(|folder| session.directory(folder));
    let primary = primary.and_then(|path| WindowsPath::parse(&path).ok()).map(|path| path.drive());
    let (mut available, mut required) = (0, 0);
    if let Some(drive) = primary {
        available = session.machine().volume_space(drive).map_or(0, |space| space.free / 512);
        required = cost.needed(drive, Rollback::Enabled).div_ceil(512);
        session.set_property("PrimaryVolumePath", &format!("{drive}:"));
    }
    let remaining = i128::from(available) - i128::from(required);
    session.set_property("PrimaryVolumeSpaceAvailable", &available.to_string());
    session.set_property("PrimaryVolumeSpaceRequired", &required.to_string());
    session.set_property("PrimaryVolumeSpaceRemaining", &remaining.to_string());
    Ok(())
}

/// Decides about features and components with the properties as they are.
///
/// # Errors
/// When a property names a feature that is not there, or a table is wrong.
pub fn decide(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.top_level == TopLevel::Admin {
        let states = administrative::states(session)?;
        if let Some(selection) = &mut session.selection {
            selection.set_states(states);
        }
        return Ok(());
    }
    let mut states = {
        let package = &session.package;
        let mut requests = Requests::from_properties(|name| session.property(name));
        for (feature, state) in &session.migrated_features {
            requests.migrate(feature, *state);
        }
        for (feature, state) in &session.feature_requests {
            requests.set_feature(feature, *state);
        }
        let known = Known::find(session)?;
        let mut features = package.rows::<Feature>()?.to_vec();
        let mut conditions = package.rows::<FeatureCondition>()?.to_vec();
        if session.top_level == TopLevel::Advertise {
            only_advertise(&mut features, &mut conditions);
        }
        let input = SelectionInput {
            features: &features,
            conditions: &conditions,
            components: &package.rows::<Component>()?,
            feature_components: &package.rows::<FeatureComponent>()?,
            files: &package.rows::<FileRow>()?,
            requests: &requests,
            install_level: session.properties.integer("INSTALLLEVEL").unwrap_or(1),
            context: &session.context(),
            installed: &known,
        };
        select(&input)?
    };
    for (component, wanted) in &session.component_requests {
        if let Some(state) = states.components.get_mut(component.as_str()) {
            state.requested = *wanted;
            state.action = match wanted {
                InstallState::Absent if !state.installed.is_present() => InstallState::Unknown,
                InstallState::Default | InstallState::Source => InstallState::Local,
                wanted => *wanted,
            };
        }
    }
    // Removing every feature by its name is removing the product (page `remove.md`).
    let removes_all = session.installed.is_some() && states.removes_product();
    if let Some(selection) = &mut session.selection {
        selection.set_states(states);
    }
    if removes_all && !session.removes_product() {
        session.set_property("REMOVE", "ALL");
    }
    Ok(())
}

/// An advertisement installs nothing: features that do not allow it stay away.
fn only_advertise(features: &mut [Feature], conditions: &mut Vec<FeatureCondition>) {
    for feature in features {
        if feature.attributes.has(FeatureAttributes::DISALLOW_ADVERTISE) {
            feature.level = 0;
            conditions.retain(|row| row.feature != feature.feature);
        } else {
            feature.attributes =
                FeatureAttributes(feature.attributes.0 | FeatureAttributes::FAVOR_ADVERTISE.0);
        }
    }
}

/// Sets SourceDir to the folder that the package's sources are in.
pub fn resolve_source(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let folder = session.source_folder();
    let shown = reseat_package::with_backslash(&session.shown_path(&folder));
    session.set_property("SourceDir", &shown);
    session.set_property("SOURCEDIR", &shown);
    Ok(())
}

/// What is on the machine, as the selection asks for it.
struct Known<'k, 's, 'm> {
    session: &'k Session<'s, 'm>,
    machine: &'m Machine,
    features: HashMap<String, InstallState>,
    assembly_names: HashMap<Text, String>,
    resumed: Resumed,
}

impl<'k, 's, 'm> Known<'k, 's, 'm> {
    fn find(session: &'k Session<'s, 'm>) -> Result<Self, EngineError> {
        let features = match &session.installed {
            Some(product) => session.feature_states_of(product).into_iter().collect(),
            None => HashMap::new(),
        };
        let assembly_names = assemblies::full_names(&session.package)?;
        let resumed = Resumed::of(session)?;
        Ok(Self { session, machine: session.machine(), features, assembly_names, resumed })
    }

    /// The products that use a component; a registry that cannot be read has no entries.
    fn clients(&self, component: &Component) -> Vec<products::ComponentClient> {
        let Some(id) = component.id else { return Vec::new() };
        self.machine.registry().map(|registry| products::component_clients(registry, id)).unwrap_or_default()
    }
}

impl InstalledStates for Known<'_, '_, '_> {
    fn product(&self) -> bool {
        self.session.is_installed()
    }

    fn feature(&self, feature: &str) -> InstallState {
        if self.resumed.has_feature(feature) {
            return InstallState::Absent;
        }
        self.features.get(feature).copied().unwrap_or(InstallState::Absent)
    }

    fn component(&self, component: &Component) -> InstallState {
        let Some(product) = &self.session.installed else { return InstallState::Absent };
        if self.resumed.has_component(&component.component) {
            return InstallState::Absent;
        }
        let registered = self.clients(component).iter().any(|client| client.product == Some(product.code));
        if registered { InstallState::Local } else { InstallState::Absent }
    }

    fn has_other_clients(&self, component: &Component) -> bool {
        let own = self.session.package.product_code();
        self.clients(component).iter().any(|client| client.product != Some(own))
            // What cannot be read counts nobody.
            || shared_libraries::has_other_users(self.session, component).unwrap_or(false)
            || assemblies::has_other_clients(self.session, &self.assembly_names, component).unwrap_or(false)
    }

    fn has_higher_key_file(&self, component: &Component) -> bool {
        let KeyPath::File(file) = component.key_path() else { return false };
        let decision = || -> Result<Option<Decision>, EngineError> {
            let Some(file) = self.session.selection()?.file(&file) else { return Ok(None) };
            decide_file(self.session, file, &self.session.file_path(file)?).map(Some)
        };
        // What cannot be read now is reported when the file is decided about.
        let decision = decision().ok().flatten();
        let higher = decision.is_some_and(|it| !it.overwrite && it.reason == Reason::HigherVersion);
        if higher && let Some(id) = component.id {
            service!(
                "Disallowing installation of component: {id} since the same component with higher versioned keyfile exists"
            );
        }
        higher
    }

    fn key_path_exists(&self, component: &Component) -> bool {
        let Some(selection) = &self.session.selection else { return false };
        let exists = |path: String| {
            let path = WindowsPath::parse(&path).ok();
            path.is_some_and(|path| self.machine.metadata(&path).is_ok_and(|metadata| metadata.is_some()))
        };
        match component.key_path() {
            KeyPath::File(_) => selection.key_path_file(&component.component).is_some_and(exists),
            KeyPath::Folder(_) => selection.component_folder(&component.component).is_some_and(exists),
            KeyPath::Registry(row) => super::registry_values::exists(self.session, &row, component),
            KeyPath::OdbcDataSource(_) => false,
        }
    }
}
