//! Which features and components are installed, removed or reinstalled.
//!
//! Follows the pages `addlocal.md`, `remove.md`, `addsource.md`, `adddefault.md`, `reinstall.md`, `advertise.md`,
//! `compaddlocal.md`, `fileaddlocal.md`, `installlevel.md`, `preselected.md`, `feature-table.md`,
//! `condition-table.md` and `component-table.md`. [`select`] is a pure function of its [`SelectionInput`]; what is
//! on the machine comes in through [`InstalledStates`].

mod components;
mod features;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::component::Component;
use crate::condition::{ConditionContext, ConditionError};
use crate::feature::{Feature, FeatureComponent, FeatureCondition};
use crate::file::FileRow;
use crate::row::Text;
use crate::state::InstallState;

pub use requests::{FeatureProperty, Requests};

/// What is known about the machine.
pub trait InstalledStates {
    /// Whether the product is installed.
    fn product(&self) -> bool;
    /// The state of a feature of this product; [`InstallState::Absent`] when it is not installed.
    fn feature(&self, feature: &str) -> InstallState;
    /// The state of a component as this product registered it; [`InstallState::Absent`] when it did not.
    fn component(&self, component: &Component) -> InstallState;
    /// Whether another product uses the component.
    fn has_other_clients(&self, component: &Component) -> bool;
    /// Whether the component's key path exists.
    fn key_path_exists(&self, component: &Component) -> bool;
    /// Whether the component's key file exists in a version that forbids installing the component. It is only asked
    /// for components that would be installed.
    fn has_higher_key_file(&self, _component: &Component) -> bool {
        false
    }
}

/// What the selection depends on.
pub struct SelectionInput<'s> {
    /// The Feature table.
    pub features: &'s [Feature],
    /// The Condition table.
    pub conditions: &'s [FeatureCondition],
    /// The Component table.
    pub components: &'s [Component],
    /// The FeatureComponents table.
    pub feature_components: &'s [FeatureComponent],
    /// The File table; only sizes and components are looked at.
    pub files: &'s [FileRow],
    /// The properties that ask for features.
    pub requests: &'s Requests,
    /// The property INSTALLLEVEL; 1 when it is not set.
    pub install_level: i32,
    /// What conditions refer to.
    pub context: &'s dyn ConditionContext,
    /// What is on the machine.
    pub installed: &'s dyn InstalledStates,
}

/// What happens to a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureState {
    /// The feature.
    pub feature: Text,
    /// Its state before.
    pub installed: InstallState,
    /// The state asked for; [`InstallState::Unknown`] when none is.
    pub requested: InstallState,
    /// The state that it gets; [`InstallState::Unknown`] when nothing is done.
    pub action: InstallState,
    /// Whether it is installed again in the state that it has.
    pub reinstall: bool,
    /// Its level, after the Condition table.
    pub level: i32,
}

impl FeatureState {
    /// The state when all is done.
    pub fn outcome(&self) -> InstallState {
        if self.action == InstallState::Unknown { self.installed } else { self.action }
    }
}

/// Why a component does not get the state asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Its condition does not hold.
    Condition,
    /// It is not written over an existing key path. It is registered nevertheless.
    NeverOverwrite,
    /// Its key file is there in a higher version. It is registered nevertheless.
    HigherKeyFile,
    /// It is permanent.
    Permanent,
    /// Another product uses it. This product is no client of it any more.
    OtherClients,
    /// It has no code, so that it was never registered and cannot be removed.
    Unregistered,
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Condition => "its condition does not hold",
            Self::NeverOverwrite => "its key path is there, and it is never written over",
            Self::HigherKeyFile => "its key file is there in a higher version",
            Self::Permanent => "it is permanent",
            Self::OtherClients => "another product uses it",
            Self::Unregistered => "it has no code",
        })
    }
}

/// What happens to a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentState {
    /// The component.
    pub component: Text,
    /// Its state before.
    pub installed: InstallState,
    /// The state asked for; [`InstallState::Unknown`] when none is.
    pub requested: InstallState,
    /// The state that it gets; [`InstallState::Unknown`] when nothing is done.
    pub action: InstallState,
    /// Whether it is installed again.
    pub reinstall: bool,
    /// Why it does not get the state asked for.
    pub limit: Option<Limit>,
}

impl ComponentState {
    /// The state when all is done.
    pub fn outcome(&self) -> InstallState {
        if self.action == InstallState::Unknown { self.installed } else { self.action }
    }
}

/// The states of all features and components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct States {
    /// Features by their keys.
    pub features: BTreeMap<Text, FeatureState>,
    /// Components by their keys.
    pub components: BTreeMap<Text, ComponentState>,
}

impl States {
    /// Whether every feature that is installed is removed and none is installed: what REMOVE=ALL does.
    pub fn removes_product(&self) -> bool {
        let mut states = self.features.values();
        states.any(|state| state.action == InstallState::Absent)
            && self.features.values().all(|state| state.outcome() == InstallState::Absent)
    }
}

/// A selection that is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A property or function names a feature that is not there; Windows Installer's error for it is 2711.
    #[error("{property} names '{feature}', which is no row of table Feature")]
    UnknownFeature {
        /// The property.
        property: &'static str,
        /// The feature.
        feature: String,
    },
    /// A property names a component that is not there, or that belongs to no feature.
    #[error("{property} names '{component}', which is no component of a feature")]
    UnknownComponent {
        /// The property.
        property: &'static str,
        /// The component's code.
        component: String,
    },
    /// A property names a file that is not there.
    #[error("{property} names '{file}', which is no row of table File")]
    UnknownFile {
        /// The property.
        property: &'static str,
        /// The file.
        file: String,
    },
    /// A feature's parent is not there.
    #[error("table Feature, row '{feature}': column Feature_Parent names '{parent}', which is no row")]
    NoParent {
        /// The feature.
        feature: Text,
        /// The parent.
        parent: Text,
    },
    /// A feature is deeper than 16 levels, or above itself; Windows Installer's error for it is 2701.
    #[error("table Feature, row '{feature}': the feature is deeper than {limit} levels")]
    TooDeep {
        /// The feature.
        feature: Text,
        /// The most levels.
        limit: usize,
    },
    /// A row links a feature or component that is not there.
    #[error("table FeatureComponents, row '{feature}.{component}': there is no such {missing}")]
    BrokenLink {
        /// The feature.
        feature: Text,
        /// The component.
        component: Text,
        /// Which of the two.
        missing: &'static str,
    },
    /// A condition cannot be read.
    #[error("table {table}, row '{row}': condition '{condition}' cannot be read")]
    Condition {
        /// The table.
        table: &'static str,
        /// The row.
        row: Text,
        /// The condition.
        condition: Text,
        /// Why.
        #[source]
        source: ConditionError,
    },
}

/// Decides about all features and components.
///
/// # Errors
/// When a request names what is not there, the features are no tree of at most 16 levels, or a condition cannot be read.
pub fn select(input: &SelectionInput<'_>) -> Result<States, SelectionError> {
    let members = components::Members::new(input)?;
    let features = features::select(input, &members)?;
    components::select(input, &members, features)
}

/// Whether a condition holds; an absent one does.
fn holds(
    table: &'static str,
    row: &Text,
    condition: Option<&Text>,
    context: &dyn ConditionContext,
) -> Result<bool, SelectionError> {
    let Some(text) = condition else { return Ok(true) };
    match crate::Condition::parse(text) {
        Ok(condition) => Ok(condition.evaluate(context)),
        Err(source) => {
            Err(SelectionError::Condition { table, row: row.clone(), condition: text.clone(), source })
        }
    }
}
