//! The states of features.

use std::collections::{BTreeMap, HashMap};

use super::components::Members;
use super::requests::{Names, is_all, names};
use super::{FeatureProperty, FeatureState, SelectionError, SelectionInput, holds};
use crate::feature::{Feature, FeatureAttributes};
use crate::row::Text;
use crate::state::InstallState;

/// The documented depth of the feature tree.
const DEPTH_LIMIT: usize = 16;

/// A feature while it is decided about.
pub(super) struct Choice<'s> {
    feature: &'s Feature,
    parent: Option<usize>,
    children: Vec<usize>,
    level: i32,
    installed: InstallState,
    wanted: Option<InstallState>,
    reinstall: bool,
}

impl Choice<'_> {
    fn has(&self, attribute: FeatureAttributes) -> bool {
        self.feature.attributes.has(attribute)
    }

    /// The state when all is done, as far as it is decided.
    fn outcome(&self) -> InstallState {
        self.wanted.unwrap_or(self.installed)
    }

    /// How it is installed when nobody says local or source.
    fn preferred(&self) -> InstallState {
        if self.has(FeatureAttributes::FAVOR_SOURCE) { InstallState::Source } else { InstallState::Local }
    }

    /// Whether its state may change. A disabled feature is not installed, but one that is installed nevertheless can be
    /// removed. The page `remove.md` says otherwise; but level 0 in the table and another one by condition is how
    /// packages (NUnit 2.5.2) enable features, and uninstalling does not look at the Condition table.
    fn may_change(&self) -> bool {
        self.level != 0 || self.installed != InstallState::Absent
    }

    fn is_advertised_first(&self) -> bool {
        self.has(FeatureAttributes::FAVOR_ADVERTISE) && !self.has(FeatureAttributes::DISALLOW_ADVERTISE)
    }

    fn want(&mut self, state: InstallState) {
        self.wanted = Some(state);
        self.reinstall = false;
    }
}

pub(super) fn select(
    input: &SelectionInput<'_>,
    members: &Members<'_>,
) -> Result<BTreeMap<Text, FeatureState>, SelectionError> {
    let mut tree = Tree::new(input)?;
    if !input.requests.preselect() {
        tree.apply_conditions(input)?;
    }
    tree.disable_below_disabled();
    if input.requests.preselect() {
        for (property, list) in input.requests.iter() {
            tree.request(property, list, members)?;
        }
    } else if !input.installed.product() {
        tree.select_by_level(input);
    }
    for (feature, state) in input.requests.explicit() {
        tree.set_explicitly(feature, state)?;
    }
    if input.requests.add_features() && !input.installed.product() {
        tree.force_required(input.install_level);
    }
    tree.follow_parents();
    Ok(tree.finish())
}

/// The features, each parent before its children.
struct Tree<'s> {
    choices: Vec<Choice<'s>>,
    positions: HashMap<&'s str, usize>,
}

impl<'s> Tree<'s> {
    fn new(input: &SelectionInput<'s>) -> Result<Self, SelectionError> {
        let rows: HashMap<&str, &Feature> = input.features.iter().map(|row| (&*row.feature, row)).collect();
        let mut by_depth = Vec::with_capacity(input.features.len());
        for row in input.features {
            by_depth.push((depth(row, &rows)?, row));
        }
        by_depth.sort_by_key(|(depth, _)| *depth);
        let mut tree = Self { choices: Vec::with_capacity(by_depth.len()), positions: HashMap::new() };
        for (_, feature) in by_depth {
            let position = tree.choices.len();
            let parent = feature.parent.as_deref().and_then(|parent| tree.positions.get(parent).copied());
            if let Some(parent) = parent.and_then(|parent| tree.choices.get_mut(parent)) {
                parent.children.push(position);
            }
            tree.positions.insert(&feature.feature, position);
            let installed = match input.installed.feature(&feature.feature) {
                InstallState::Unknown => InstallState::Absent,
                state => state,
            };
            tree.choices.push(Choice {
                feature,
                parent,
                children: Vec::new(),
                level: feature.level,
                installed,
                wanted: None,
                reinstall: false,
            });
        }
        Ok(tree)
    }

    fn apply_conditions(&mut self, input: &SelectionInput<'_>) -> Result<(), SelectionError> {
        for row in input.conditions {
            if !holds("Condition", &row.feature, row.condition.as_ref(), input.context)? {
                continue;
            }
            let position = self.positions.get(&*row.feature).copied();
            if let Some(choice) = position.and_then(|position| self.choices.get_mut(position)) {
                choice.level = row.level;
            }
        }
        Ok(())
    }

    /// A feature beneath a disabled one is disabled too.
    fn disable_below_disabled(&mut self) {
        for position in 0..self.choices.len() {
            let disabled = self.parent(position).is_some_and(|parent| parent.level == 0);
            if let Some(choice) = self.choices.get_mut(position).filter(|_| disabled) {
                choice.level = 0;
            }
        }
    }

    fn parent(&self, position: usize) -> Option<&Choice<'s>> {
        self.choices.get(position)?.parent.and_then(|parent| self.choices.get(parent))
    }

    fn select_by_level(&mut self, input: &SelectionInput<'_>) {
        for position in 0..self.choices.len() {
            let parent = self.parent(position).map(Choice::outcome);
            let Some(choice) = self.choices.get_mut(position).filter(|choice| choice.level > 0) else {
                continue;
            };
            if parent == Some(InstallState::Absent) {
                continue;
            }
            match input.requests.migrated(&choice.feature.feature) {
                Some(InstallState::Absent) => {}
                Some(state) => choice.want(state),
                None if choice.level > input.install_level => {}
                None if choice.is_advertised_first() => choice.want(InstallState::Advertised),
                None => choice.want(choice.preferred()),
            }
        }
    }

    fn set_explicitly(&mut self, feature: &str, state: InstallState) -> Result<(), SelectionError> {
        let position = self.positions.get(feature).copied().ok_or_else(|| {
            SelectionError::UnknownFeature { property: "MsiSetFeatureState", feature: feature.to_owned() }
        })?;
        match state {
            InstallState::Absent => self.remove(position),
            InstallState::Advertised => self.advertise(position),
            InstallState::Local | InstallState::Source | InstallState::Default => self.add(position, state),
            _ => {
                if let Some(choice) = self.choices.get_mut(position) {
                    choice.wanted = None;
                    choice.reinstall = false;
                }
            }
        }
        Ok(())
    }

    fn request(
        &mut self,
        property: FeatureProperty,
        list: &str,
        members: &Members<'_>,
    ) -> Result<(), SelectionError> {
        for position in self.listed(property, list, members)? {
            match (property, property.adds()) {
                (_, Some(state)) => self.add(position, state),
                (FeatureProperty::Remove, _) => self.remove(position),
                (FeatureProperty::Reinstall, _) => self.reinstall(position),
                _ => self.advertise(position),
            }
        }
        Ok(())
    }

    /// The enabled features that a property names.
    fn listed(
        &self,
        property: FeatureProperty,
        list: &str,
        members: &Members<'_>,
    ) -> Result<Vec<usize>, SelectionError> {
        let mut listed = Vec::new();
        if property.names() == Names::Features && is_all(list) {
            listed.extend(0..self.choices.len());
        } else {
            for name in names(list) {
                let feature = match property.names() {
                    Names::Features => name,
                    Names::Components => members.cheapest_with_component(property.name(), name)?,
                    Names::Files => members.cheapest_with_file(property.name(), name)?,
                };
                let position = self.positions.get(feature).copied().ok_or_else(|| {
                    SelectionError::UnknownFeature { property: property.name(), feature: feature.to_owned() }
                })?;
                listed.push(position);
            }
        }
        listed.retain(|position| self.choices.get(*position).is_some_and(Choice::may_change));
        Ok(listed)
    }

    fn add(&mut self, position: usize, state: InstallState) {
        let Some(choice) = self.choices.get_mut(position) else { return };
        choice.want(if state == InstallState::Default { choice.preferred() } else { state });
        self.add_parents(position);
    }

    /// A feature is installed with all that it is a part of.
    fn add_parents(&mut self, position: usize) {
        let mut above = self.choices.get(position).and_then(|choice| choice.parent);
        while let Some(choice) = above.and_then(|above| self.choices.get_mut(above)) {
            if !choice.outcome().is_present() {
                choice.want(choice.preferred());
            }
            above = choice.parent;
        }
    }

    fn remove(&mut self, position: usize) {
        let mut pending = vec![position];
        while let Some(choice) = pending.pop().and_then(|position| self.choices.get_mut(position)) {
            choice.want(InstallState::Absent);
            pending.extend(&choice.children);
        }
    }

    fn reinstall(&mut self, position: usize) {
        let Some(choice) = self.choices.get_mut(position) else { return };
        if choice.installed.is_present() || choice.installed == InstallState::Advertised {
            choice.want(choice.installed);
            choice.reinstall = true;
        }
    }

    fn advertise(&mut self, position: usize) {
        let Some(choice) = self.choices.get_mut(position) else { return };
        if choice.has(FeatureAttributes::DISALLOW_ADVERTISE) {
            choice.want(choice.preferred());
            return self.add_parents(position);
        }
        choice.want(InstallState::Advertised);
        let mut above = choice.parent;
        while let Some(choice) = above.and_then(|above| self.choices.get_mut(above)) {
            if choice.outcome() == InstallState::Absent {
                let allowed = !choice.has(FeatureAttributes::DISALLOW_ADVERTISE);
                choice.want(if allowed { InstallState::Advertised } else { choice.preferred() });
            }
            above = choice.parent;
        }
    }

    /// Features that the user is not offered to leave out are installed with the others.
    fn force_required(&mut self, install_level: i32) {
        for position in 0..self.choices.len() {
            let parent = self.parent(position).map(Choice::outcome);
            let Some(choice) = self.choices.get_mut(position) else { continue };
            if choice.wanted.is_none()
                && choice.has(FeatureAttributes::UI_DISALLOW_ABSENT)
                && choice.level > 0
                && choice.level <= install_level
                && parent.is_none_or(InstallState::is_present)
            {
                choice.want(choice.preferred());
            }
        }
    }

    /// Features that follow their parent, and those whose parent is not there.
    fn follow_parents(&mut self) {
        for position in 0..self.choices.len() {
            let Some((wanted, reinstall, outcome)) =
                self.parent(position).map(|parent| (parent.wanted, parent.reinstall, parent.outcome()))
            else {
                continue;
            };
            let Some(choice) = self.choices.get_mut(position).filter(|choice| choice.may_change()) else {
                continue;
            };
            if let Some(state) = wanted.filter(|_| choice.has(FeatureAttributes::FOLLOW_PARENT)) {
                let bound = choice.has(FeatureAttributes::UI_DISALLOW_ABSENT);
                if bound || choice.outcome() != InstallState::Absent {
                    choice.want(state);
                    choice.reinstall = reinstall && choice.installed != InstallState::Absent;
                }
            }
            if outcome == InstallState::Absent && choice.outcome() != InstallState::Absent {
                let installed = choice.installed != InstallState::Absent;
                choice.wanted = installed.then_some(InstallState::Absent);
                choice.reinstall = false;
            }
        }
    }

    fn finish(self) -> BTreeMap<Text, FeatureState> {
        let state = |choice: Choice<'_>| {
            let requested = choice.wanted.unwrap_or(InstallState::Unknown);
            let changes = choice.reinstall || requested != choice.installed;
            FeatureState {
                feature: choice.feature.feature.clone(),
                installed: choice.installed,
                requested,
                action: if changes { requested } else { InstallState::Unknown },
                reinstall: choice.reinstall,
                level: choice.level,
            }
        };
        self.choices.into_iter().map(|choice| (choice.feature.feature.clone(), state(choice))).collect()
    }
}

/// How many features are above one.
fn depth(row: &Feature, rows: &HashMap<&str, &Feature>) -> Result<usize, SelectionError> {
    let mut current = row;
    for depth in 0..DEPTH_LIMIT {
        let Some(parent) = current.parent.as_ref() else { return Ok(depth) };
        current = rows.get(&**parent).copied().ok_or_else(|| SelectionError::NoParent {
            feature: current.feature.clone(),
            parent: parent.clone(),
        })?;
    }
    Err(SelectionError::TooDeep { feature: row.feature.clone(), limit: DEPTH_LIMIT })
}
