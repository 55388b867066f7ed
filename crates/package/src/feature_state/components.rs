//! The states of components, which follow from those of their features.

use std::collections::{BTreeMap, HashMap};

use reseat_database::ComponentId;

use super::requests::Names;
use super::{ComponentState, FeatureState, Limit, SelectionError, SelectionInput, States, holds};
use crate::component::{Component, ComponentAttributes, Location};
use crate::row::Text;
use crate::state::InstallState;

/// Which components belong to which features.
pub(super) struct Members<'s> {
    /// The features of each component.
    features: HashMap<&'s str, Vec<&'s Text>>,
    /// The size of each feature's files in bytes.
    sizes: HashMap<&'s str, u64>,
    /// Components by their codes; empty when no property names one.
    ids: HashMap<ComponentId, &'s str>,
    /// The component of each file; empty when no property names one.
    files: HashMap<&'s str, &'s str>,
}

impl<'s> Members<'s> {
    pub(super) fn new(input: &SelectionInput<'s>) -> Result<Self, SelectionError> {
        let mut sizes: HashMap<&str, u64> = input.features.iter().map(|row| (&*row.feature, 0)).collect();
        let mut features: HashMap<&str, Vec<&Text>> =
            input.components.iter().map(|row| (&*row.component, Vec::new())).collect();
        let mut bytes: HashMap<&str, u64> = HashMap::new();
        for file in input.files {
            *bytes.entry(&file.component).or_default() += file.bytes();
        }
        for row in input.feature_components {
            let broken = |missing| SelectionError::BrokenLink {
                feature: row.feature.clone(),
                component: row.component.clone(),
                missing,
            };
            features.get_mut(&*row.component).ok_or_else(|| broken("component"))?.push(&row.feature);
            let size = sizes.get_mut(&*row.feature).ok_or_else(|| broken("feature"))?;
            *size = size.saturating_add(bytes.get(&*row.component).copied().unwrap_or_default());
        }
        let mut members = Self { features, sizes, ids: HashMap::new(), files: HashMap::new() };
        if input.requests.iter().any(|(property, _)| property.names() == Names::Components) {
            members.ids =
                input.components.iter().filter_map(|row| Some((row.id?, &*row.component))).collect();
        }
        if input.requests.iter().any(|(property, _)| property.names() == Names::Files) {
            members.files = input.files.iter().map(|row| (&*row.file, &*row.component)).collect();
        }
        Ok(members)
    }

    /// Of the features with a component, given by its code, the one that takes the least disk space.
    pub(super) fn cheapest_with_component(
        &self,
        property: &'static str,
        id: &str,
    ) -> Result<&'s str, SelectionError> {
        let component = id.parse().ok().and_then(|id: ComponentId| self.ids.get(&id).copied());
        component
            .and_then(|component| self.cheapest(component))
            .ok_or_else(|| SelectionError::UnknownComponent { property, component: id.to_owned() })
    }

    /// Of the features with a file, the one that takes the least disk space.
    pub(super) fn cheapest_with_file(
        &self,
        property: &'static str,
        file: &str,
    ) -> Result<&'s str, SelectionError> {
        let component = self.files.get(file).copied();
        component
            .and_then(|component| self.cheapest(component))
            .ok_or_else(|| SelectionError::UnknownFile { property, file: file.to_owned() })
    }

    fn cheapest(&self, component: &str) -> Option<&'s str> {
        let features = self.features.get(component)?;
        features.iter().map(|feature| &***feature).min_by_key(|feature| self.sizes.get(feature).copied())
    }

    fn features_of(&self, component: &str) -> &[&'s Text] {
        self.features.get(component).map(Vec::as_slice).unwrap_or_default()
    }
}

pub(super) fn select(
    input: &SelectionInput<'_>,
    members: &Members<'_>,
    features: BTreeMap<Text, FeatureState>,
) -> Result<States, SelectionError> {
    let mut states = States { features, components: BTreeMap::new() };
    for component in input.components {
        let owners: Vec<&FeatureState> = members
            .features_of(&component.component)
            .iter()
            .filter_map(|feature| states.features.get(*feature))
            .collect();
        let state = decide(input, component, &owners)?;
        states.components.insert(component.component.clone(), state);
    }
    Ok(states)
}

fn decide(
    input: &SelectionInput<'_>,
    component: &Component,
    owners: &[&FeatureState],
) -> Result<ComponentState, SelectionError> {
    let installed = match input.installed.component(component) {
        InstallState::Unknown => InstallState::Absent,
        state => state,
    };
    let mut state = ComponentState {
        component: component.component.clone(),
        installed,
        requested: requested(component, owners, installed),
        action: InstallState::Unknown,
        reinstall: owners.iter().any(|owner| owner.reinstall),
        limit: None,
    };
    // A transitive component goes when its condition has become false, whoever else uses it.
    let mut goes = false;
    if state.requested.is_present() {
        let transitive = component.attributes.has(ComponentAttributes::TRANSITIVE);
        let asked = !installed.is_present() || (transitive && state.reinstall);
        let row = &component.component;
        if asked && !holds("Component", row, component.condition.as_ref(), input.context)? {
            if installed.is_present() {
                state.requested = InstallState::Absent;
                goes = true;
            } else {
                state.requested = InstallState::Unknown;
                state.limit = Some(Limit::Condition);
            }
        }
    }
    if state.requested.is_present() {
        install(input, component, owners, &mut state);
    } else if state.requested == InstallState::Absent {
        remove(input, component, goes, &mut state);
    }
    state.reinstall &= state.action.is_present();
    Ok(state)
}

/// What the features ask for. The component stays while one of them that has it stays.
fn requested(component: &Component, owners: &[&FeatureState], installed: InstallState) -> InstallState {
    if owners.iter().all(|owner| owner.requested == InstallState::Unknown) {
        return InstallState::Unknown;
    }
    let outcomes = || owners.iter().map(|owner| owner.outcome());
    if owners.iter().any(|owner| owner.requested.is_present()) {
        return match component.location() {
            Location::LocalOnly => InstallState::Local,
            Location::SourceOnly => InstallState::Source,
            Location::Optional if outcomes().any(|state| state == InstallState::Local) => InstallState::Local,
            Location::Optional => InstallState::Source,
        };
    }
    let removed = !outcomes().any(InstallState::is_present);
    let was_there = installed.is_present() || owners.iter().any(|owner| owner.installed.is_present());
    if removed && was_there { InstallState::Absent } else { InstallState::Unknown }
}

fn install(
    input: &SelectionInput<'_>,
    component: &Component,
    owners: &[&FeatureState],
    state: &mut ComponentState,
) {
    // Without a feature that changes, an installed product's components stay as they are.
    let changes = owners.iter().any(|owner| owner.action.is_present());
    if !changes || (state.requested == state.installed && !state.reinstall) {
        return;
    }
    let kept = component.attributes.has(ComponentAttributes::NEVER_OVERWRITE);
    if kept && input.installed.key_path_exists(component) {
        state.limit = Some(Limit::NeverOverwrite);
        return;
    }
    if !state.installed.is_present()
        && state.requested == InstallState::Local
        && input.installed.has_higher_key_file(component)
    {
        state.limit = Some(Limit::HigherKeyFile);
        return;
    }
    state.action = state.requested;
}

fn remove(input: &SelectionInput<'_>, component: &Component, goes: bool, state: &mut ComponentState) {
    if component.id.is_none() {
        state.limit = Some(Limit::Unregistered);
    } else if !state.installed.is_present() {
        // There is nothing to be removed.
    } else if component.attributes.has(ComponentAttributes::PERMANENT) {
        state.limit = Some(Limit::Permanent);
    } else if !goes && input.installed.has_other_clients(component) {
        state.limit = Some(Limit::OtherClients);
    } else {
        state.action = InstallState::Absent;
    }
}
