//! Products that Wine's msiexec installed, and the removal of one by it after Reseat registered it.

use std::path::PathBuf;

use reseat_machine::products::registration::{
    FeatureRegistration, Permanence, ProductRegistration, ProgramsEntry, Removed, process_component,
    publish_features, publish_product, register_product, unprocess_component, unregister_product,
};
use reseat_machine::products::{
    FeatureState, InstallContext, component_clients, components_of, feature_components, installed_products,
    product, related_products,
};
use reseat_machine::{Bitness, Machine, Registry, RegistryKey, View, WindowsPath};

use crate::runner::{Server, run, wine_is_installed};

fn packages() -> Option<PathBuf> {
    let named = std::env::var_os("RESEAT_PACKAGES").map(PathBuf::from);
    let folder = named
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/packages")));
    let folder = folder.canonicalize().ok();
    if folder.is_none() {
        println!("SKIPPED: the folder of real packages is not there");
    }
    folder
}

fn remove(registry: &Registry, removed: Vec<Removed>) {
    for removed in removed {
        match removed {
            Removed::Key(key) => assert!(registry.remove_key(&key), "{key}"),
            Removed::ValueAndEmptyKey(key, name) => {
                assert!(registry.remove_value(&key, &name), "{key} {name}");
                if registry.values(&key).is_empty() && registry.sub_keys(&key).is_empty() {
                    registry.remove_key(&key);
                }
            }
        }
    }
}

#[test]
fn wine_and_reseat_agree_about_installed_products() {
    if !wine_is_installed() {
        return;
    }
    let Some(packages) = packages() else { return };
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let machine = Machine::create_for(&place.path().join("prefix"), Bitness::X64, "reseat").unwrap();
    let server = Server(&machine, &home);
    let source = machine.windows_path(&packages).unwrap().with_separator();
    for package in ["7z1900-x64.msi", "winget-test-v1.msi"] {
        run(&machine, &home, &["msiexec", "/i", &format!("{source}{package}"), "/qn"]);
    }
    server.end();
    let registry = machine.registry().unwrap();

    // What Wine's installer left is read.
    let installed = installed_products(registry);
    let names: Vec<(&str, InstallContext)> = installed.iter().map(|p| (p.name.as_str(), p.context)).collect();
    assert_eq!(
        names,
        [
            ("AppInstallerTestMsiInstaller", InstallContext::PerUser),
            ("7-Zip 19.00 (x64 edition)", InstallContext::PerMachine)
        ]
    );
    let found = &installed[1];
    assert_eq!(found.code.to_string(), "{23170F69-40C1-2702-1900-000001000000}");
    assert_eq!(found.version.as_deref(), Some("19.00.00.0"));
    assert_eq!(found.language, Some(1033));
    assert_eq!(found.publisher.as_deref(), Some("Igor Pavlov"));
    assert_eq!(found.package_name.as_deref(), Some("7z1900-x64.msi"));
    assert_eq!(found.install_source.as_deref(), Some(source.as_str()));
    assert_eq!(found.upgrade_codes.len(), 1);
    assert_eq!(related_products(registry, found.upgrade_codes[0]), [found.code]);
    let states: Vec<_> = found.features.iter().map(|(name, state)| (name.as_str(), *state)).collect();
    let here = FeatureState::Installed;
    assert_eq!(states, [("Complete", here), ("LanguageFiles", here), ("Program", here)]);
    let components = components_of(registry, found.code, found.context);
    let of_features: Vec<FeatureRegistration> = found
        .features
        .iter()
        .map(|(name, state)| {
            let (components, parent) = feature_components(registry, found.code, found.context, name);
            FeatureRegistration { name: name.clone(), parent, state: *state, components }
        })
        .collect();
    assert_eq!(of_features.iter().map(|feature| feature.components.len()).sum::<usize>(), components.len());
    let clients = component_clients(registry, components[0].0);
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].product, Some(found.code));
    assert_eq!(clients[0].key_path, components[0].1);
    let cached = WindowsPath::parse(found.local_package.as_deref().unwrap()).unwrap();
    assert!(machine.metadata(&cached).unwrap().is_some());

    // What we would write is what is there.
    let registration = ProductRegistration {
        code: found.code,
        context: found.context,
        view: View::Native,
        name: found.name.clone(),
        version: found.version.clone().unwrap(),
        language: 1033,
        publisher: found.publisher.clone().unwrap(),
        package_code: found.package_code.unwrap(),
        upgrade_code: Some(found.upgrade_codes[0]),
        local_package: cached.to_string(),
        package_name: "7z1900-x64.msi".to_owned(),
        install_source: source,
        install_date: found.install_date.clone().unwrap(),
        estimated_size: 0,
        product_icon: None,
        transforms: None,
        instance: false,
        parent: None,
        media: vec![(1, String::new(), String::new())],
        disk_prompt: String::new(),
        media_package_path: String::new(),
        programs: ProgramsEntry {
            help_link: "http://www.7-zip.org/support.html".to_owned(),
            url_info_about: "http://www.7-zip.org/".to_owned(),
            url_update_info: "http://www.7-zip.org/download.html".to_owned(),
            ..ProgramsEntry::default()
        },
    };
    let mut written = register_product(registry, &registration);
    written.extend(publish_product(&registration));
    written.extend(publish_features(registry, found.code, found.context, &of_features));
    for (component, key_path) in &components {
        let (code, context) = (found.code, found.context);
        written.extend(process_component(
            registry,
            code,
            context,
            *component,
            key_path,
            Permanence::Removable,
        ));
    }
    let mut keys: Vec<&RegistryKey> = Vec::new();
    for (key, name, value) in &written {
        // Documented as 1 for all users; Wine has 0.
        if name != "Assignment" {
            assert_eq!(registry.value(key, name).as_ref(), Some(value), "{key} {name}");
        }
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for key in keys {
        for (name, value) in registry.values(key) {
            assert!(written.iter().any(|(k, n, _)| k == key && *n == name), "{key} {name} {value:?}");
        }
    }

    // Taken away and written by us, it is still a product that Wine's installer removes.
    let mut gone =
        unregister_product(registry, found.code, found.context, View::Native, &found.upgrade_codes);
    for (component, _) in &components {
        gone.push(unprocess_component(registry, found.code, found.context, *component));
    }
    remove(registry, gone);
    assert!(product(registry, found.code).is_none());
    assert!(related_products(registry, found.upgrade_codes[0]).is_empty());
    assert!(component_clients(registry, components[0].0).is_empty());
    for (key, name, value) in written {
        registry.set_value(&key, &name, value).unwrap();
    }
    machine.save_registry().unwrap();
    assert_eq!(product(registry, found.code).as_ref(), Some(found));
    let program = WindowsPath::parse(r"C:\Program Files\7-Zip\7z.exe").unwrap();
    assert!(machine.metadata(&program).unwrap().is_some());
    run(&machine, &home, &["msiexec", "/x", &found.code.to_string(), "/qn"]);
    server.end();
    machine.forget_registry();
    machine.forget_names();
    let registry = machine.registry().unwrap();
    assert!(product(registry, found.code).is_none());
    assert!(machine.metadata(&program).unwrap().is_none());
    assert_eq!(installed_products(registry).len(), 1);
}
