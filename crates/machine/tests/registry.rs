//! The registry of a machine: hives, views, the files on disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use reseat_machine::environment::{self, EnvironmentOf};
use reseat_machine::{
    Bitness, ClassesOf, Hive, KnownFolder, Machine, RegistryError, RegistryKey, RegistryValue, View,
};
use tempfile::TempDir;

fn machine(bitness: Bitness) -> (TempDir, Machine) {
    let place = tempfile::tempdir().unwrap();
    let machine = Machine::create_for(&place.path().join("prefix"), bitness, "me").unwrap();
    (place, machine)
}

fn machine_key(path: &str) -> RegistryKey {
    RegistryKey::new(Hive::LocalMachine, path)
}

fn text(value: &str) -> RegistryValue {
    value.into()
}

#[test]
fn classes_are_a_view_of_those_of_user_and_machine() {
    let (_place, machine) = machine(Bitness::X64);
    let registry = machine.registry().unwrap();
    let class = RegistryKey::new(Hive::ClassesRoot, r".thing\Shell");
    registry.set_value(&class, "a", text("machine")).unwrap();
    assert_eq!(registry.value(&machine_key(r"Software\Classes\.thing\shell"), "A"), Some(text("machine")));
    let users = class.in_classes_of(ClassesOf::User);
    registry.set_value(&users, "a", text("user")).unwrap();
    registry.set_value(&users, "b", text("user")).unwrap();
    registry.create_key(&users.join("Open")).unwrap();
    registry.create_key(&class.in_classes_of(ClassesOf::Machine).join("OPEN")).unwrap();
    assert_eq!(registry.value(&class, "a"), Some(text("user")));
    assert_eq!(registry.values(&class).len(), 2);
    assert_eq!(registry.sub_keys(&class), ["Open"]);
    assert!(registry.remove_key(&users));
    assert_eq!(registry.value(&class, "a"), Some(text("machine")));
    assert!(!registry.remove_key(&RegistryKey::new(Hive::ClassesRoot, "")));
}

#[test]
fn users_are_the_user_and_the_default() {
    let (_place, machine) = machine(Bitness::X64);
    let registry = machine.registry().unwrap();
    let sid = registry.user_sid().unwrap();
    let user = RegistryKey::new(Hive::CurrentUser, "Software\\X");
    registry.set_value(&user, "v", text("1")).unwrap();
    let same = RegistryKey::new(Hive::Users, format!("{sid}\\software\\x"));
    assert_eq!(registry.value(&same, "V"), Some(text("1")));
    let default = RegistryKey::new(Hive::Users, r".DEFAULT\Software\X");
    registry.set_value(&default, "v", text("2")).unwrap();
    assert_eq!(registry.value(&user, "v"), Some(text("1")));
    let other = RegistryKey::new(Hive::Users, r"S-1-5-21-9-9-9-9\Software");
    assert!(matches!(registry.create_key(&other), Err(RegistryError::UnknownUser { .. })));
    machine.save_registry().unwrap();
    let default_file = std::fs::read_to_string(&machine.registry_files()[2]).unwrap();
    assert!(default_file.contains("[Software\\\\X]") && default_file.contains("\"v\"=\"2\""));
}

#[test]
fn the_narrow_view_is_redirected_but_for_shared_keys() {
    let narrow = |path: &str| RegistryKey::in_view(Hive::LocalMachine, View::Wow32, path);
    let (_place, wide) = machine(Bitness::X64);
    let registry = wide.registry().unwrap();
    registry.set_value(&narrow(r"Software\Vendor"), "v", text("32")).unwrap();
    assert_eq!(registry.value(&machine_key(r"Software\Vendor"), "v"), None);
    assert_eq!(registry.value(&machine_key(r"Software\Wow6432Node\Vendor"), "v"), Some(text("32")));
    let shared = r"Software\Microsoft\Windows\CurrentVersion\App Paths\a.exe";
    registry.set_value(&narrow(shared), "", text("C:\\a.exe")).unwrap();
    assert_eq!(registry.value(&machine_key(shared), ""), Some(text("C:\\a.exe")));
    let library = r"Software\Classes\TypeLib\{x}";
    registry.create_key(&narrow(library)).unwrap();
    assert!(registry.exists(&machine_key(library)));
    registry.create_key(&narrow(r"Software\Classes\CLSID\{y}")).unwrap();
    assert!(registry.exists(&machine_key(r"Software\Classes\Wow6432Node\CLSID\{y}")));
    assert!(!registry.exists(&machine_key(r"Software\Classes\CLSID\{y}")));

    let (_place, small) = machine(Bitness::X86);
    let registry = small.registry().unwrap();
    registry.set_value(&narrow(r"Software\Vendor"), "v", text("32")).unwrap();
    assert_eq!(registry.value(&machine_key(r"Software\Vendor"), "v"), Some(text("32")));
}

#[test]
fn names_that_no_key_can_have_are_refused() {
    let (_place, machine) = machine(Bitness::X64);
    let registry = machine.registry().unwrap();
    for path in [r"Software\\X", "Software\\a\0b"] {
        assert!(
            matches!(registry.create_key(&machine_key(path)), Err(RegistryError::KeyName { .. })),
            "{path:?}"
        );
    }
    let long = format!("Software\\{}", "x".repeat(256));
    assert!(registry.create_key(&machine_key(&long)).is_err());
    let deep = vec!["a"; 600].join("\\");
    assert!(registry.create_key(&machine_key(&deep)).is_err());
    let result = registry.set_value(&machine_key("Software"), "a\0b", text(""));
    assert!(matches!(result, Err(RegistryError::ValueName { .. })));
}

#[test]
fn only_what_changed_is_written_and_changes_of_others_are_kept() {
    let (_place, machine) = machine(Bitness::X64);
    let [system, user, _] = machine.registry_files();
    let before = std::fs::read(&user).unwrap();
    let time = std::fs::metadata(&user).unwrap().modified().unwrap();
    let registry = machine.registry().unwrap();
    let key = machine_key(r"Software\Ours");
    registry.set_value(&key, "a", text("1")).unwrap();
    machine.save_registry().unwrap();
    assert_eq!(std::fs::read(&user).unwrap(), before);
    assert_eq!(std::fs::metadata(&user).unwrap().modified().unwrap(), time);

    // Another program adds a key and removes ours; we remove and set more.
    let other = Machine::open(machine.prefix()).unwrap();
    let theirs = machine_key(r"Software\Theirs");
    other.registry().unwrap().set_value(&theirs, "b", text("2")).unwrap();
    other.save_registry().unwrap();
    registry.set_value(&key, "c", text("3")).unwrap();
    registry.remove_value(&key, "a");
    machine.save_registry().unwrap();
    assert_eq!(registry.value(&theirs, "b"), Some(text("2")));
    let names: Vec<String> = registry.values(&key).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["c"]);

    other.forget_registry();
    assert_eq!(other.registry().unwrap().value(&key, "c"), Some(text("3")));
    registry.set_value(&key, "d", text("4")).unwrap();
    machine.discard_registry_changes();
    assert_eq!(machine.registry().unwrap().value(&key, "d"), None);
    let folder = system.parent().unwrap();
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn folders_are_where_the_registry_says() {
    let (_place, machine) = machine(Bitness::X64);
    for (folder, expected) in [
        (KnownFolder::ProgramFiles64, r"C:\Program Files"),
        (KnownFolder::CommonFiles32, r"C:\Program Files (x86)\Common Files"),
        (KnownFolder::Desktop, r"C:\users\me\Desktop"),
        (KnownFolder::Temp, r"C:\users\me\Temp"),
        (KnownFolder::CommonAppData, r"C:\ProgramData"),
        (KnownFolder::System64, r"C:\windows\system32"),
        (KnownFolder::WindowsVolume, "C:\\"),
        (KnownFolder::Profile, r"C:\users\me"),
    ] {
        let found = machine.folder(folder);
        assert_eq!(found.as_str(), expected);
        assert!(machine.metadata(&found).unwrap().is_some(), "{found}");
    }
    let key = RegistryKey::new(
        Hive::CurrentUser,
        r"Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders",
    );
    machine.registry().unwrap().set_value(&key, "Desktop", text(r"C:\elsewhere")).unwrap();
    assert_eq!(machine.folder(KnownFolder::Desktop).as_str(), r"C:\elsewhere");
}

#[test]
fn environment_variables_are_texts_with_references() {
    let (_place, machine) = machine(Bitness::X64);
    let registry = machine.registry().unwrap();
    assert_eq!(environment::read(registry, EnvironmentOf::Machine, "os").as_deref(), Some("Windows_NT"));
    environment::write(registry, EnvironmentOf::User, "Mine", r"%OS%\x").unwrap();
    let value = registry.value(&environment::key(EnvironmentOf::User), "MINE");
    assert_eq!(value, Some(RegistryValue::ExpandString(r"%OS%\x".to_owned())));
    assert!(environment::remove(registry, EnvironmentOf::User, "mine"));
    assert!(!environment::remove(registry, EnvironmentOf::User, "mine"));
}

#[test]
fn what_a_killed_process_left_of_saving_is_removed() {
    let place = tempfile::tempdir().unwrap();
    let machine = Machine::create_for(&place.path().join("prefix"), Bitness::X64, "me").unwrap();
    let left = machine.prefix().join("system.reg.reseat-new");
    std::fs::write(&left, "WINE REGISTRY Ver").unwrap();
    machine.discard_registry_changes();
    assert!(!left.exists());
}
