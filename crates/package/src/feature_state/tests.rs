use std::borrow::Cow;
use std::collections::HashMap;

use super::*;
use crate::component::ComponentAttributes;
use crate::feature::FeatureAttributes;
use crate::file::FileAttributes;
use crate::file_name::FileName;
use InstallState::{Absent, Advertised, Local, Source, Unknown};

/// A package with a machine: features, components, and what is installed.
#[derive(Default)]
struct World {
    features: Vec<Feature>,
    conditions: Vec<FeatureCondition>,
    components: Vec<Component>,
    links: Vec<FeatureComponent>,
    files: Vec<FileRow>,
    product: bool,
    installed: HashMap<&'static str, InstallState>,
    shared: Vec<&'static str>,
    key_paths: Vec<&'static str>,
    higher_key_files: Vec<&'static str>,
    properties: HashMap<&'static str, &'static str>,
}

impl ConditionContext for World {
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

impl InstalledStates for World {
    fn product(&self) -> bool {
        self.product
    }
    fn feature(&self, feature: &str) -> InstallState {
        self.installed.get(feature).copied().unwrap_or(Absent)
    }
    fn component(&self, component: &Component) -> InstallState {
        self.installed.get(&*component.component).copied().unwrap_or(Absent)
    }
    fn has_other_clients(&self, component: &Component) -> bool {
        self.shared.contains(&&*component.component)
    }
    fn key_path_exists(&self, component: &Component) -> bool {
        self.key_paths.contains(&&*component.component)
    }
    fn has_higher_key_file(&self, component: &Component) -> bool {
        self.higher_key_files.contains(&&*component.component)
    }
}

impl World {
    fn feature(mut self, name: &str, parent: &str, level: i32, attributes: i32) -> Self {
        self.features.push(Feature {
            feature: name.into(),
            parent: (!parent.is_empty()).then(|| parent.into()),
            title: None,
            description: None,
            display: None,
            level,
            directory: None,
            attributes: FeatureAttributes(attributes),
        });
        self
    }

    /// A component of one or more features, named by their letters, with a file of so many bytes.
    fn component(mut self, name: &str, features: &[&str], attributes: i32, size: i32) -> Self {
        let number = self.components.len();
        self.components.push(Component {
            component: name.into(),
            id: format!("{{00000000-0000-0000-0000-0000000000{number:02}}}").parse().ok(),
            directory: "TARGETDIR".into(),
            attributes: ComponentAttributes(attributes),
            condition: None,
            key: None,
        });
        for feature in features {
            self.links.push(FeatureComponent { feature: (*feature).into(), component: name.into() });
        }
        self.files.push(FileRow {
            file: format!("file_{name}").as_str().into(),
            component: name.into(),
            name: FileName::parse("a").unwrap(),
            size,
            version: None,
            language: None,
            attributes: FileAttributes(0),
            sequence: 1,
        });
        self
    }

    fn condition(mut self, text: &str) -> Self {
        self.components.last_mut().unwrap().condition = Some(text.into());
        self
    }

    fn level(mut self, feature: &str, level: i32, condition: &str) -> Self {
        self.conditions.push(FeatureCondition {
            feature: feature.into(),
            level,
            condition: Some(condition.into()),
        });
        self
    }

    fn installed(mut self, states: &[(&'static str, InstallState)]) -> Self {
        self.product = true;
        self.installed.extend(states.iter().copied());
        self
    }

    fn set(mut self, property: &'static str, value: &'static str) -> Self {
        self.properties.insert(property, value);
        self
    }

    fn requests(&self) -> Requests {
        Requests::from_properties(|name| self.properties.get(name).copied())
    }

    fn try_select(&self) -> Result<States, SelectionError> {
        self.select_with(&self.requests())
    }

    fn select_with(&self, requests: &Requests) -> Result<States, SelectionError> {
        let install_level = self.properties.get("INSTALLLEVEL").map_or(1, |level| level.parse().unwrap());
        select(&SelectionInput {
            features: &self.features,
            conditions: &self.conditions,
            components: &self.components,
            feature_components: &self.links,
            files: &self.files,
            requests,
            install_level,
            context: self,
            installed: self,
        })
    }

    #[track_caller]
    fn expect(&self, actions: &[(&str, InstallState)]) {
        let states = self.try_select().unwrap();
        for (name, expected) in actions {
            let feature = states.features.get(*name).map(|state| state.action);
            let action = feature.or_else(|| states.components.get(*name).map(|state| state.action));
            assert_eq!(action, Some(*expected), "{name}");
        }
    }
}

/// A: root, level 1. B: beneath A, level 1. C: beneath A, level 3. D: root, level 1, prefers the source.
fn world() -> World {
    World::default()
        .feature("A", "", 1, 0)
        .feature("B", "A", 1, 0)
        .feature("C", "A", 3, 0)
        .feature("D", "", 1, 1)
        .component("a", &["A"], 0, 100)
        .component("b", &["B"], 0, 100)
        .component("c", &["C"], 0, 100)
        .component("d", &["D"], 2, 100)
}

fn everything() -> [(&'static str, InstallState); 8] {
    [
        ("A", Local),
        ("B", Local),
        ("C", Local),
        ("D", Source),
        ("a", Local),
        ("b", Local),
        ("c", Local),
        ("d", Source),
    ]
}

#[test]
fn a_first_installation_takes_features_up_to_the_install_level() {
    world().expect(&[
        ("A", Local),
        ("B", Local),
        ("C", Unknown),
        ("D", Source),
        ("c", Unknown),
        ("d", Source),
    ]);
    world().set("INSTALLLEVEL", "3").expect(&[("C", Local), ("c", Local)]);
    // A child is not installed without its parent.
    let alone = World::default().feature("A", "", 5, 0).feature("B", "A", 1, 0);
    alone.expect(&[("A", Unknown), ("B", Unknown)]);
    World::default().feature("A", "", 0, 0).expect(&[("A", Unknown)]);
}

#[test]
fn conditions_change_levels_unless_something_is_asked_for() {
    let conditioned = || world().level("B", 0, "NOBODY=\"\"").level("C", 1, "1").level("D", 5, "0");
    conditioned().expect(&[("A", Local), ("B", Unknown), ("C", Local), ("D", Source)]);
    conditioned().set("ADDLOCAL", "B").expect(&[("A", Local), ("B", Local), ("C", Unknown), ("D", Unknown)]);
    conditioned().set("Preselected", "1").expect(&[("A", Unknown), ("B", Unknown)]);
}

#[test]
fn properties_are_evaluated_in_their_documented_order() {
    world().set("ADDLOCAL", "ALL").set("ADDSOURCE", "D").expect(&[("A", Local), ("C", Local), ("D", Source)]);
    world().set("ADDSOURCE", "ALL").set("ADDLOCAL", "D").expect(&[("A", Source), ("D", Source)]);
    world().set("ADDLOCAL", "ALL").set("REMOVE", "B").expect(&[("A", Local), ("B", Unknown), ("b", Unknown)]);
    world().set("ADDLOCAL", "ALL").set("ADVERTISE", "B").expect(&[
        ("B", Advertised),
        ("b", Unknown),
        ("A", Local),
    ]);
    world().set("ADDDEFAULT", "ALL").expect(&everything());
}

#[test]
fn a_feature_is_installed_with_all_that_it_is_a_part_of() {
    world().set("ADDLOCAL", "C").expect(&[
        ("A", Local),
        ("B", Unknown),
        ("C", Local),
        ("D", Unknown),
        ("a", Local),
    ]);
    // A disabled feature is not installed, nor what is beneath it.
    let disabled = || World::default().feature("A", "", 0, 0).feature("B", "A", 1, 0);
    disabled().set("ADDLOCAL", "ALL").expect(&[("A", Unknown), ("B", Unknown)]);
    disabled().set("ADDLOCAL", "B").expect(&[("A", Unknown), ("B", Unknown)]);
}

#[test]
fn an_installed_product_stays_as_it_is_when_nothing_is_asked_for() {
    let states = world().installed(&everything()).try_select().unwrap();
    assert!(states.features.values().all(|state| state.action == Unknown && state.requested == Unknown));
    assert!(states.components.values().all(|state| state.action == Unknown));
}

#[test]
fn removing_takes_children_along() {
    let installed = || world().installed(&everything());
    installed().set("REMOVE", "A").expect(&[
        ("A", Absent),
        ("B", Absent),
        ("C", Absent),
        ("D", Unknown),
        ("b", Absent),
    ]);
    installed().set("REMOVE", "B").expect(&[("A", Unknown), ("B", Absent), ("b", Absent), ("a", Unknown)]);
    let all = installed().set("REMOVE", "ALL");
    all.expect(&[("A", Absent), ("D", Absent), ("a", Absent), ("d", Absent)]);
    assert!(all.try_select().unwrap().removes_product());
    assert!(!installed().set("REMOVE", "A").try_select().unwrap().removes_product());
}

#[test]
fn a_feature_that_only_a_condition_enabled_is_removed_too() {
    let enabled = || World::default().feature("A", "", 0, 0).component("a", &["A"], 0, 1).level("A", 1, "X");
    enabled().set("X", "1").expect(&[("A", Local), ("a", Local)]);
    let installed = || enabled().installed(&[("A", Local), ("a", Local)]);
    installed().set("REMOVE", "ALL").expect(&[("A", Absent), ("a", Absent)]);
    installed().set("REINSTALL", "ALL").expect(&[("A", Local), ("a", Local)]);
}

#[test]
fn a_shared_component_stays_while_a_feature_has_it() {
    let both = || {
        World::default()
            .feature("A", "", 1, 0)
            .feature("B", "", 1, 1)
            .component("ab", &["A", "B"], 2, 1)
            .installed(&[("A", Local), ("B", Source), ("ab", Local)])
    };
    both().set("REMOVE", "A").expect(&[("A", Absent), ("ab", Unknown)]);
    both().set("REMOVE", "ALL").expect(&[("ab", Absent)]);
    // Local wins over source.
    let new =
        World::default().feature("A", "", 1, 0).feature("B", "", 1, 1).component("ab", &["A", "B"], 2, 1);
    new.expect(&[("A", Local), ("B", Source), ("ab", Local)]);
}

#[test]
fn a_components_location_is_stronger_than_the_features() {
    let world = World::default()
        .feature("A", "", 1, 0)
        .feature("B", "", 1, 1)
        .component("source", &["A"], 1, 1)
        .component("local", &["B"], 0, 1);
    world.expect(&[("source", Source), ("local", Local)]);
}

#[test]
fn reinstalling_touches_only_what_is_installed() {
    let partly = || world().installed(&[("A", Local), ("B", Local), ("a", Local), ("b", Local)]);
    partly().set("REINSTALL", "ALL").expect(&[
        ("A", Local),
        ("B", Local),
        ("C", Unknown),
        ("a", Local),
        ("c", Unknown),
    ]);
    let states = partly().set("REINSTALL", "B").try_select().unwrap();
    assert!(states.features["B"].reinstall && !states.features["A"].reinstall);
    assert!(states.components["b"].reinstall && states.components["a"].action == Unknown);
    world().set("REINSTALL", "ALL").expect(&[("A", Unknown), ("a", Unknown)]);
    // Adding what is there already does nothing.
    partly().set("ADDLOCAL", "B").expect(&[("B", Unknown), ("b", Unknown)]);
}

#[test]
fn children_follow_their_parent() {
    let followed = |attributes| World::default().feature("A", "", 1, 1).feature("B", "A", 2, attributes);
    followed(2).expect(&[("A", Source), ("B", Unknown)]);
    followed(2 + 16).expect(&[("A", Source), ("B", Source)]);
    followed(2 + 16).set("ADDLOCAL", "A").expect(&[("A", Local), ("B", Local)]);
    followed(2).set("INSTALLLEVEL", "2").expect(&[("B", Source)]);
    followed(2 + 16).installed(&[("A", Source), ("B", Source)]).set("REMOVE", "A").expect(&[("B", Absent)]);
    followed(2 + 16)
        .installed(&[("A", Source)])
        .set("REINSTALL", "A")
        .expect(&[("A", Source), ("B", Source)]);
}

#[test]
fn required_features_come_with_others() {
    let required = || World::default().feature("A", "", 1, 16).feature("B", "", 1, 0).feature("C", "", 1, 0);
    required().set("ADDLOCAL", "B").expect(&[("A", Local), ("B", Local), ("C", Unknown)]);
    required().set("REINSTALL", "ALL").expect(&[("A", Unknown)]);
}

#[test]
fn advertising_minds_who_may_be_advertised() {
    // Parent and child of the listed feature, with and without the attribute.
    let tree = |top, bottom| {
        World::default().feature("A", "", 1, top).feature("B", "A", 1, 0).feature("C", "B", 1, bottom)
    };
    tree(0, 0).set("ADVERTISE", "B").expect(&[("A", Advertised), ("B", Advertised), ("C", Unknown)]);
    tree(8, 8).set("ADVERTISE", "B").expect(&[("A", Local), ("B", Advertised), ("C", Unknown)]);
    World::default().feature("A", "", 1, 8).set("ADVERTISE", "A").expect(&[("A", Local)]);
    World::default().feature("A", "", 1, 4).expect(&[("A", Advertised)]);
    World::default().feature("A", "", 1, 4).set("ADDDEFAULT", "A").expect(&[("A", Local)]);
}

#[test]
fn components_and_files_choose_the_smallest_feature() {
    let world = || {
        World::default()
            .feature("BIG", "", 5, 0)
            .feature("SMALL", "", 5, 0)
            .component("both", &["BIG", "SMALL"], 0, 10)
            .component("more", &["BIG"], 0, 1000)
    };
    let id = "{00000000-0000-0000-0000-000000000000}";
    world().set("COMPADDLOCAL", id).expect(&[
        ("BIG", Unknown),
        ("SMALL", Local),
        ("both", Local),
        ("more", Unknown),
    ]);
    world().set("FILEADDSOURCE", "file_both").expect(&[("SMALL", Source), ("both", Local)]);
    world().set("FILEADDDEFAULT", "file_more").expect(&[("BIG", Local), ("more", Local)]);
}

#[test]
fn conditions_decide_about_components() {
    let conditioned = |attributes, condition| {
        World::default().feature("A", "", 1, 0).component("a", &["A"], attributes, 1).condition(condition)
    };
    conditioned(0, "X").expect(&[("A", Local), ("a", Unknown)]);
    assert_eq!(conditioned(0, "X").try_select().unwrap().components["a"].limit, Some(Limit::Condition));
    conditioned(0, "X").set("X", "1").expect(&[("a", Local)]);
    // Once installed it stays enabled.
    let installed = |attributes| conditioned(attributes, "X").installed(&[("A", Local), ("a", Local)]);
    installed(0).set("REINSTALL", "ALL").expect(&[("a", Local)]);
    installed(0).set("REMOVE", "ALL").expect(&[("a", Absent)]);
    // Unless it is transitive.
    let mut transitive = installed(64).set("REINSTALL", "ALL");
    transitive.shared.push("a");
    transitive.expect(&[("a", Absent)]);
    installed(64).set("X", "1").set("REINSTALL", "ALL").expect(&[("a", Local)]);
    conditioned(64, "X")
        .set("X", "1")
        .installed(&[("A", Local)])
        .set("REINSTALL", "ALL")
        .expect(&[("a", Local)]);
}

#[test]
fn some_components_are_not_removed() {
    let installed = |attributes| {
        World::default()
            .feature("A", "", 1, 0)
            .component("a", &["A"], attributes, 1)
            .installed(&[("A", Local), ("a", Local)])
            .set("REMOVE", "ALL")
    };
    let limit = |world: &World| {
        let state = world.try_select().unwrap().components["a"].clone();
        assert_eq!((state.requested, state.action), (Absent, Unknown));
        state.limit
    };
    assert_eq!(limit(&installed(16)), Some(Limit::Permanent));
    let mut shared = installed(0);
    shared.shared.push("a");
    assert_eq!(limit(&shared), Some(Limit::OtherClients));
    let mut unregistered = installed(0);
    unregistered.components[0].id = None;
    assert_eq!(limit(&unregistered), Some(Limit::Unregistered));
}

#[test]
fn a_key_path_that_exists_is_not_overwritten_when_so_marked() {
    let mut world = World::default().feature("A", "", 1, 0).component("a", &["A"], 128, 1);
    world.expect(&[("a", Local)]);
    world.key_paths.push("a");
    world.expect(&[("a", Unknown)]);
    assert_eq!(world.try_select().unwrap().components["a"].limit, Some(Limit::NeverOverwrite));
}

#[test]
fn a_key_file_in_a_higher_version_keeps_a_component_from_being_installed() {
    let mut world = World::default().feature("A", "", 1, 0).component("a", &["A"], 0, 1);
    world.higher_key_files.push("a");
    assert_eq!(world.try_select().unwrap().components["a"].limit, Some(Limit::HigherKeyFile));
    world.installed(&[("A", Local), ("a", Local)]).set("REINSTALL", "A").expect(&[("a", Local)]);
}

#[test]
fn takes_over_states_of_related_products() {
    let world = world();
    let mut requests = world.requests();
    for (feature, state) in [("A", Local), ("B", Absent), ("C", Absent), ("C", Local), ("C", Source)] {
        requests.migrate(feature, state);
    }
    let action = |name: &str| world.select_with(&requests).unwrap().features[name].action;
    assert_eq!((action("A"), action("B"), action("C"), action("D")), (Local, Unknown, Local, Source));
}

#[test]
fn a_state_set_by_itself_comes_after_all_properties() {
    let world = world().set("ADDLOCAL", "ALL");
    let mut requests = world.requests();
    requests.set_feature("A", Absent);
    requests.set_feature("D", Local);
    let states = world.select_with(&requests).unwrap();
    assert_eq!((states.features["B"].action, states.features["D"].action), (Unknown, Local));
    requests.set_feature("X", Local);
    assert!(world.select_with(&requests).is_err());
}

#[test]
fn refuses_names_and_trees_that_do_not_exist() {
    let message = |world: World| world.try_select().unwrap_err().to_string();
    assert_eq!(
        message(world().set("ADDLOCAL", "A,X")),
        "ADDLOCAL names 'X', which is no row of table Feature"
    );
    assert_eq!(message(world().set("REMOVE", "a")), "REMOVE names 'a', which is no row of table Feature");
    assert!(message(world().set("COMPADDLOCAL", "{x}")).contains("no component of a feature"));
    assert!(message(world().set("FILEADDLOCAL", "x")).contains("no row of table File"));
    assert!(message(World::default().feature("A", "X", 1, 0)).contains("Feature_Parent names 'X'"));
    assert!(
        message(World::default().feature("A", "B", 1, 0).feature("B", "A", 1, 0)).contains("deeper than 16")
    );
    assert!(message(world().level("A", 1, "(")).contains("condition '(' cannot be read"));
}

#[test]
fn ten_thousand_components_take_linear_time() {
    let mut world = World::default().feature("A", "", 1, 0).feature("B", "A", 1, 0);
    for number in 0..10_000 {
        world = world.component(&format!("c{number}"), &["A", "B"], 0, 1);
    }
    world.components.iter_mut().for_each(|component| component.id = None);
    assert!(world.try_select().unwrap().components.values().all(|state| state.action == Local));
}
