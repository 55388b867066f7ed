//! What an installation writes about itself is what the readers find.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use reseat_database::{ComponentId, ProductCode, UpgradeCode};
use reseat_machine::products::registration::{
    FeatureRegistration, Permanence, ProductRegistration, ProgramsEntry, Removed, process_component,
    publish_features, publish_product, register_product, registry_key_path, unprocess_component,
    unregister_product, version_number,
};
use reseat_machine::products::{
    FeatureState, InstallContext, component_clients, components_of, feature_components, installed_products,
    product, related_products, uninstall_key,
};
use reseat_machine::{Bitness, Machine, Registry, View};

const CODE: &str = "{11111111-2222-3333-4444-555555555555}";
const UPGRADE: &str = "{22222222-2222-3333-4444-555555555555}";
const COMPONENT: &str = "{33333333-2222-3333-4444-555555555555}";

fn registration(context: InstallContext) -> ProductRegistration {
    ProductRegistration {
        code: CODE.parse().unwrap(),
        context,
        view: View::Wow32,
        name: "Größe ☺".to_owned(),
        version: "1.2.300.4".to_owned(),
        language: 1031,
        publisher: "Somebody".to_owned(),
        package_code: "{44444444-2222-3333-4444-555555555555}".parse().unwrap(),
        upgrade_code: Some(UPGRADE.parse().unwrap()),
        local_package: r"C:\windows\Installer\1.msi".to_owned(),
        package_name: "a.msi".to_owned(),
        install_source: "Z:\\tmp\\".to_owned(),
        install_date: "20261122".to_owned(),
        estimated_size: 12,
        product_icon: Some(r"C:\windows\Installer\{x}\icon.exe".to_owned()),
        transforms: Some(":instance.mst".to_owned()),
        instance: true,
        parent: None,
        media: vec![(1, "LABEL".to_owned(), "Disk 1".to_owned())],
        disk_prompt: "[1]".to_owned(),
        media_package_path: String::new(),
        programs: ProgramsEntry { no_modify: true, system_component: true, ..ProgramsEntry::default() },
    }
}

fn remove(registry: &Registry, removed: Vec<Removed>) {
    for removed in removed {
        match removed {
            Removed::Key(key) => assert!(registry.remove_key(&key), "{key}"),
            Removed::ValueAndEmptyKey(key, name) => {
                assert!(registry.remove_value(&key, &name), "{key} {name}");
                if registry.values(&key).is_empty() {
                    registry.remove_key(&key);
                }
            }
        }
    }
}

#[test]
fn a_product_is_found_as_it_was_registered_and_is_gone_after_its_removal() {
    for context in InstallContext::ALL {
        let place = tempfile::tempdir().unwrap();
        let machine = Machine::create_for(&place.path().join("prefix"), Bitness::X64, "me").unwrap();
        let registry = machine.registry().unwrap();
        let (code, component): (ProductCode, ComponentId) =
            (CODE.parse().unwrap(), COMPONENT.parse().unwrap());
        let upgrade: UpgradeCode = UPGRADE.parse().unwrap();
        let features = [
            FeatureRegistration {
                name: "Main".to_owned(),
                parent: None,
                state: FeatureState::Installed,
                components: vec![component],
            },
            FeatureRegistration {
                name: "Sub".to_owned(),
                parent: Some("Main".to_owned()),
                state: FeatureState::Absent,
                components: vec![],
            },
        ];
        let key_path = registry_key_path(2, true, r"Software\X", "Name");
        assert_eq!(key_path, r"22:\Software\X\Name");
        let whole = registration(context);
        let mut written = register_product(registry, &whole);
        written.extend(publish_product(&whole));
        written.extend(publish_features(registry, code, context, &features));
        written.extend(process_component(
            registry,
            code,
            context,
            component,
            &key_path,
            Permanence::Permanent,
        ));
        for (key, name, value) in written {
            registry.set_value(&key, &name, value).unwrap();
        }
        machine.save_registry().unwrap();

        let machine = Machine::open(machine.prefix()).unwrap();
        let registry = machine.registry().unwrap();
        let found = product(registry, code).unwrap();
        assert_eq!(installed_products(registry), std::slice::from_ref(&found));
        assert_eq!((found.context, found.name.as_str()), (context, "Größe ☺"));
        assert_eq!(found.version.as_deref(), Some("1.2.300.4"));
        assert_eq!(found.version_number, Some(0x0102_012c));
        assert_eq!((found.language, found.instance), (Some(1031), true));
        assert_eq!(found.transforms.as_deref(), Some(":instance.mst"));
        assert_eq!(found.upgrade_codes, [upgrade]);
        assert_eq!(related_products(registry, upgrade), [code]);
        assert_eq!(
            found.features,
            [("Main".to_owned(), FeatureState::Installed), ("Sub".to_owned(), FeatureState::Absent)]
        );
        assert_eq!(feature_components(registry, code, context, "Main"), (vec![component], None));
        assert_eq!(feature_components(registry, code, context, "Sub"), (vec![], Some("Main".to_owned())));
        assert_eq!(components_of(registry, code, context), [(component, key_path.clone())]);
        let clients: Vec<_> = component_clients(registry, component).into_iter().map(|c| c.product).collect();
        assert_eq!(clients, [None, Some(code)], "the permanent client and the product");
        let entry = uninstall_key(View::Wow32, code);
        assert_eq!(registry.value(&entry, "SystemComponent").and_then(|value| value.as_dword()), Some(1));

        let mut gone = unregister_product(registry, code, context, View::Wow32, &found.upgrade_codes);
        gone.push(unprocess_component(registry, code, context, component));
        remove(registry, gone);
        assert!(installed_products(registry).is_empty());
        assert!(related_products(registry, upgrade).is_empty());
        let clients: Vec<_> = component_clients(registry, component).into_iter().map(|c| c.product).collect();
        assert_eq!(clients, [None], "a permanent component stays");
    }
}

#[test]
fn versions_are_numbers_of_three_parts() {
    for (version, expected) in [
        ("1.2.3", 0x0102_0003),
        ("0.68.0.0", 0x0044_0000),
        ("255.255.65535.9", 0xffff_ffff),
        ("7", 0x0700_0000),
    ] {
        assert_eq!(version_number(version), expected, "{version}");
    }
}
