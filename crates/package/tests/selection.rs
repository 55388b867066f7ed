//! What published packages would install.

#![allow(clippy::unwrap_used, reason = "a package that cannot be read fails the test")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use reseat_database::{Database, Reading};
use reseat_package::feature_state::{InstalledStates, Requests, SelectionInput, States, select};
use reseat_package::{
    Component, ConditionContext, Feature, FeatureComponent, FeatureCondition, FileRow, InstallState, Package,
};

/// A machine on which either nothing is installed, or what a selection left there.
#[derive(Default)]
struct Machine {
    properties: HashMap<&'static str, &'static str>,
    states: Option<States>,
}

impl ConditionContext for Machine {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        self.properties.get(name).map(|value| (*value).into())
    }
    fn environment(&self, _name: &str) -> Option<String> {
        None
    }
    fn component_action(&self, _component: &str) -> Option<InstallState> {
        None
    }
    fn component_installed(&self, _component: &str) -> Option<InstallState> {
        None
    }
    fn feature_action(&self, _feature: &str) -> Option<InstallState> {
        None
    }
    fn feature_installed(&self, _feature: &str) -> Option<InstallState> {
        None
    }
}

impl InstalledStates for Machine {
    fn product(&self) -> bool {
        self.states.is_some()
    }
    fn feature(&self, feature: &str) -> InstallState {
        let state = self.states.as_ref().and_then(|states| states.features.get(feature));
        state.map_or(InstallState::Absent, |state| state.outcome())
    }
    fn component(&self, component: &Component) -> InstallState {
        let state = self.states.as_ref().and_then(|states| states.components.get(&component.component));
        state.filter(|_| component.id.is_some()).map_or(InstallState::Absent, |state| state.outcome())
    }
    fn has_other_clients(&self, _component: &Component) -> bool {
        false
    }
    fn key_path_exists(&self, _component: &Component) -> bool {
        false
    }
}

fn open(name: &str) -> Option<Package> {
    let folder = std::env::var_os("RESEAT_PACKAGES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/packages")),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("SKIPPED: no packages at {}", folder.display());
        return None;
    }
    Some(Package::open(Database::open(&folder.join(name), Reading::Permissive).unwrap()).unwrap())
}

fn run(package: &Package, machine: &Machine) -> States {
    let requests = Requests::from_properties(|name| machine.properties.get(name).copied());
    let result = select(&SelectionInput {
        features: &package.rows::<Feature>().unwrap(),
        conditions: &package.rows::<FeatureCondition>().unwrap(),
        components: &package.rows::<Component>().unwrap(),
        feature_components: &package.rows::<FeatureComponent>().unwrap(),
        files: &package.rows::<FileRow>().unwrap(),
        requests: &requests,
        install_level: machine
            .properties
            .get("INSTALLLEVEL")
            .and_then(|level| level.parse().ok())
            .unwrap_or(1),
        context: machine,
        installed: machine,
    });
    result.unwrap()
}

fn installed_features(states: &States) -> Vec<&str> {
    states
        .features
        .values()
        .filter(|state| state.outcome().is_present())
        .map(|state| &*state.feature)
        .collect()
}

#[test]
fn nunit_installs_what_its_conditions_enable_and_uninstalls_all_of_it() {
    let Some(package) = open("nunit-2.5.2.msi") else { return };
    let mut machine = Machine::default();
    let plain = run(&package, &machine);
    assert_eq!(
        installed_features(&plain),
        ["DocumentationFeature", "Net_2.0_GuiRunner", "SamplesFeature", "TopLevelFeature"]
    );
    machine.properties.insert("FRAMEWORK20", "50727-50727");
    let states = run(&package, &machine);
    assert!(installed_features(&states).contains(&"Net_2.0_BaseFeature"));
    let after = Machine { properties: HashMap::from([("REMOVE", "ALL")]), states: Some(states) };
    let removed = run(&package, &after);
    assert!(removed.removes_product());
    assert!(removed.components.values().all(|state| state.outcome() == InstallState::Absent));
}

#[test]
fn putty_brings_its_files_along_with_any_feature() {
    let Some(package) = open("putty-0.68-installer.msi") else { return };
    let chosen = |property, value| Machine { properties: HashMap::from([(property, value)]), states: None };
    let states = run(&package, &chosen("ADDLOCAL", "PathFeature"));
    assert_eq!(installed_features(&states), ["FilesFeature", "PathFeature"]);
    let states = run(&package, &chosen("INSTALLLEVEL", "2"));
    assert_eq!(installed_features(&states).len(), 4);
}

#[test]
fn installing_everything_and_removing_it_leaves_nothing_in_any_package() {
    for name in [
        "7z1900-x64.msi",
        "arcade-setup5.msi",
        "classes.msi",
        "external-cab.msi",
        "firewall4.msi",
        "hotools.msi",
        "hsflowd-setup.msi",
        "instance-transforms.msi",
        "lock-permissions.msi",
        "nunit-2.5.2.msi",
        "omaha-helper.msi",
        "osm2mssql-advinst.msi",
        "osm2mssql-vs.msi",
        "prodA-1.0.0.msi",
        "psmsi-example.msi",
        "putty-0.68-installer.msi",
        "shortcuts.msi",
        "tiny-example.msi",
        "winget-test-v1.msi",
        "wise-test.msi",
        "wixui.msi",
        "xtab-opener.msi",
    ] {
        let Some(package) = open(name) else { return };
        let all = |property, states| Machine { properties: HashMap::from([(property, "ALL")]), states };
        let states = run(&package, &all("ADDLOCAL", None));
        let reinstalled = run(&package, &all("REINSTALL", Some(states.clone())));
        for (component, state) in &reinstalled.components {
            let before = states.components.get(component).map(|state| state.outcome());
            assert_eq!(Some(state.outcome()), before, "{name} {component}");
        }
        let removed = run(&package, &all("REMOVE", Some(states)));
        for (component, state) in &removed.components {
            assert!(state.limit.is_some() || state.outcome() == InstallState::Absent, "{name} {component}");
        }
        assert!(removed.features.values().all(|state| state.outcome() == InstallState::Absent), "{name}");
    }
}
