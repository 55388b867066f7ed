//! The properties that ask for features, in their documented order.

use std::collections::BTreeMap;

use crate::state::InstallState;

/// One of the twelve properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureProperty {
    /// Features are installed locally.
    AddLocal,
    /// Features are removed.
    Remove,
    /// Features run from the source.
    AddSource,
    /// Features are installed as they prefer.
    AddDefault,
    /// Installed features are installed again.
    Reinstall,
    /// Features are advertised.
    Advertise,
    /// Components' features are installed locally.
    CompAddLocal,
    /// Components' features run from the source.
    CompAddSource,
    /// Components' features are installed as they prefer.
    CompAddDefault,
    /// Files' features are installed locally.
    FileAddLocal,
    /// Files' features run from the source.
    FileAddSource,
    /// Files' features are installed as they prefer.
    FileAddDefault,
}

/// What the list of a property names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Features,
    Components,
    Files,
}

impl FeatureProperty {
    /// All of them, in the order in which they are evaluated.
    pub const ALL: [Self; 12] = [
        Self::AddLocal,
        Self::Remove,
        Self::AddSource,
        Self::AddDefault,
        Self::Reinstall,
        Self::Advertise,
        Self::CompAddLocal,
        Self::CompAddSource,
        Self::CompAddDefault,
        Self::FileAddLocal,
        Self::FileAddSource,
        Self::FileAddDefault,
    ];

    /// The property's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddLocal => "ADDLOCAL",
            Self::Remove => "REMOVE",
            Self::AddSource => "ADDSOURCE",
            Self::AddDefault => "ADDDEFAULT",
            Self::Reinstall => "REINSTALL",
            Self::Advertise => "ADVERTISE",
            Self::CompAddLocal => "COMPADDLOCAL",
            Self::CompAddSource => "COMPADDSOURCE",
            Self::CompAddDefault => "COMPADDDEFAULT",
            Self::FileAddLocal => "FILEADDLOCAL",
            Self::FileAddSource => "FILEADDSOURCE",
            Self::FileAddDefault => "FILEADDDEFAULT",
        }
    }

    pub(super) const fn names(self) -> Names {
        match self {
            Self::CompAddLocal | Self::CompAddSource | Self::CompAddDefault => Names::Components,
            Self::FileAddLocal | Self::FileAddSource | Self::FileAddDefault => Names::Files,
            _ => Names::Features,
        }
    }

    /// The state that a property which adds features asks for.
    pub(super) const fn adds(self) -> Option<InstallState> {
        match self {
            Self::AddLocal | Self::CompAddLocal | Self::FileAddLocal => Some(InstallState::Local),
            Self::AddSource | Self::CompAddSource | Self::FileAddSource => Some(InstallState::Source),
            Self::AddDefault | Self::CompAddDefault | Self::FileAddDefault => Some(InstallState::Default),
            Self::Remove | Self::Reinstall | Self::Advertise => None,
        }
    }
}

/// What is asked for: the properties that are set, states of related products, and states set one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    set: Vec<(FeatureProperty, String)>,
    preselected: bool,
    migrated: BTreeMap<String, InstallState>,
    explicit: BTreeMap<String, InstallState>,
}

impl Requests {
    /// Reads the properties, and Preselected.
    pub fn from_properties<'p>(property: impl Fn(&str) -> Option<&'p str>) -> Self {
        let set = FeatureProperty::ALL
            .into_iter()
            .filter_map(|request| Some((request, property(request.name())?.to_owned())))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        Self { set, preselected: property("Preselected") == Some("1"), ..Self::default() }
    }

    /// Takes over a feature's state from a related product (page `migratefeaturestates-action.md`). Of several products'
    /// states, local counts before source, advertised and absent. It has no effect when the selection was made before
    /// or the product is installed.
    pub fn migrate(&mut self, feature: &str, state: InstallState) {
        let kept = self.migrated.entry(feature.to_owned()).or_insert(InstallState::Absent);
        if precedence(state) > precedence(*kept) {
            *kept = state;
        }
    }

    /// Asks for a feature's state by itself, after all properties (function `MsiSetFeatureState`).
    pub fn set_feature(&mut self, feature: &str, state: InstallState) {
        self.explicit.insert(feature.to_owned(), state);
    }

    pub(super) fn migrated(&self, feature: &str) -> Option<InstallState> {
        self.migrated.get(feature).copied()
    }

    pub(super) fn explicit(&self) -> impl Iterator<Item = (&str, InstallState)> {
        self.explicit.iter().map(|(feature, state)| (feature.as_str(), *state))
    }

    /// The properties with their values, in the order in which they are evaluated.
    pub fn iter(&self) -> impl Iterator<Item = (FeatureProperty, &str)> {
        self.set.iter().map(|(property, value)| (*property, value.as_str()))
    }

    /// Whether the selection was made before: the property Preselected is set to 1 then, and the Condition table is not
    /// looked at.
    pub fn preselect(&self) -> bool {
        self.preselected || !self.set.is_empty()
    }

    /// Whether a property adds features.
    pub(super) fn add_features(&self) -> bool {
        self.set.iter().any(|(property, _)| property.adds().is_some())
    }
}

fn precedence(state: InstallState) -> u8 {
    match state {
        InstallState::Local => 3,
        InstallState::Source => 2,
        InstallState::Advertised => 1,
        _ => 0,
    }
}

/// The names of a list that is delimited by commas.
pub(super) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Whether a list is all there is.
pub(super) fn is_all(list: &str) -> bool {
    list.trim().eq_ignore_ascii_case("ALL")
}
