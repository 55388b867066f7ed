//! The standard actions, one file for each or for its family.

pub mod app_search;
pub mod assemblies;
pub mod class_info;
pub mod costing;
pub mod duplicate_files;
pub mod environment_strings;
pub mod execute;
pub mod extension_info;
pub mod files;
pub mod folders;
pub mod fonts;
pub mod ini_values;
pub mod install_validate;
pub mod launch_conditions;
pub mod move_files;
pub mod prog_id_info;
pub mod published_components;
pub mod registration;
pub mod registry_values;
pub mod related_products;
pub mod servers;
pub mod service_configuration;
pub mod services;
pub mod shortcuts;
pub mod type_libraries;
