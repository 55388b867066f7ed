//! The standard actions, one file for each or for its family.

pub mod app_search;
pub mod costing;
pub mod duplicate_files;
pub mod environment_strings;
pub mod execute;
pub mod files;
pub mod folders;
pub mod install_validate;
pub mod launch_conditions;
pub mod registration;
pub mod registry_values;
pub mod related_products;
pub mod shortcuts;
