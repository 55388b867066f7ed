//! The Feature, Condition and FeatureComponents tables (pages `feature-table.md`, `condition-table.md`,
//! `featurecomponents-table.md`).

use crate::row::{Text, bit_set, table_row};

bit_set! {
    /// The Attributes column of the Feature table.
    FeatureAttributes {
        /// Its components run from the source where they may; without it they are installed locally.
        FAVOR_SOURCE = 1,
        /// Its state is its parent's.
        FOLLOW_PARENT = 2,
        /// It is advertised unless something else is asked for.
        FAVOR_ADVERTISE = 4,
        /// It is never advertised.
        DISALLOW_ADVERTISE = 8,
        /// The user is not offered to leave it out.
        UI_DISALLOW_ABSENT = 16,
        /// It is not advertised where the shell does not support it.
        NO_UNSUPPORTED_ADVERTISE = 32,
    }
}

table_row! {
    /// A feature: a part of the product that can be chosen.
    Feature = "Feature" {
        /// Its key.
        feature: Text = "Feature",
        /// The feature that it is a part of.
        parent: Option<Text> = "Feature_Parent",
        /// Its name as shown.
        title: Option<Text> = "Title",
        /// Its description as shown.
        description: Option<Text> = "Description",
        /// Its place in the selection; 0 or nothing hides it, odd numbers show it expanded.
        display: Option<i32> = "Display",
        /// The install level from which on it is installed; 0 is never.
        level: i32 = "Level",
        /// The folder that the user may change.
        directory: Option<Text> = "Directory_",
        /// How it may be installed.
        attributes: FeatureAttributes = "Attributes",
    }
}

table_row! {
    /// Another level for a feature under a condition.
    FeatureCondition = "Condition" {
        /// The feature.
        feature: Text = "Feature_",
        /// The level that it gets.
        level: i32 = "Level",
        /// When it gets it.
        condition: Option<Text> = "Condition",
    }
}

table_row! {
    /// A component that belongs to a feature.
    FeatureComponent = "FeatureComponents" {
        /// The feature.
        feature: Text = "Feature_",
        /// The component.
        component: Text = "Component_",
    }
}
