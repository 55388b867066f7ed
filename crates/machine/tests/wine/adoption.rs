//! A prefix that Reseat made, in Wine's hands: adopted at the first start, and its registry and shortcuts understood.

use std::io::Write;
use std::process::Stdio;

use reseat_machine::file_version;
use reseat_machine::{
    Bitness, Hive, KnownFolder, Machine, MachineError, RegistryKey, RegistryValue, ShellLink, View,
    WindowsPath,
};

use crate::runner::{Server, command, run, wine_is_installed};

fn text(value: &str) -> RegistryValue {
    RegistryValue::String(value.to_owned())
}

#[test]
fn wine_adopts_a_new_prefix_and_agrees_about_its_registry() {
    if !wine_is_installed() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let machine = Machine::create_for(&place.path().join("prefix"), Bitness::X64, "reseat").unwrap();
    let server = Server(&machine, &home);
    let registry = machine.registry().unwrap();

    let key = RegistryKey::new(Hive::LocalMachine, r"Software\Reseat Test\[Key] é ☺");
    let values = [
        ("", text("default")),
        ("text", text("a\\b \"quoted\" é ☺f tab\there")),
        ("expand", RegistryValue::ExpandString(r"%SystemRoot%\x".to_owned())),
        ("number", RegistryValue::Dword(0xdead_beef)),
        ("wide", RegistryValue::Qword(0x0123_4567_89ab_cdef)),
        ("bytes", RegistryValue::Binary((0..=255).collect())),
        ("list", RegistryValue::MultiString(vec!["one".to_owned(), "two ü".to_owned()])),
        ("other", RegistryValue::Other { kind: 0x1234, data: vec![1, 2, 3] }),
        ("none", RegistryValue::None),
    ];
    for (name, value) in &values {
        registry.set_value(&key, name, value.clone()).unwrap();
    }
    let user = RegistryKey::new(Hive::CurrentUser, r"Software\Reseat Test");
    registry.set_value(&user, "of the user", text("u")).unwrap();
    let narrow = RegistryKey::in_view(Hive::LocalMachine, View::Wow32, r"Software\Reseat Narrow");
    registry.set_value(&narrow, "width", RegistryValue::Dword(32)).unwrap();
    let path =
        RegistryKey::new(Hive::LocalMachine, r"System\CurrentControlSet\Control\Session Manager\Environment");
    let old = registry.value(&path, "PATH").unwrap();
    let new_path = format!("{};C:\\Reseat", old.as_text().unwrap());
    registry.set_value(&path, "PATH", RegistryValue::ExpandString(new_path.clone())).unwrap();
    machine.save_registry().unwrap();
    assert_eq!(machine.wine_server(), None);

    let mut link = ShellLink::new(WindowsPath::parse(r"C:\windows\system32\cmd.exe").unwrap());
    link.arguments = Some(r"/c echo from the shortcut> C:\out.txt".to_owned());
    link.working_directory = Some("C:\\".to_owned());
    let link_path = WindowsPath::parse(r"C:\test.lnk").unwrap();
    machine.create_file(&link_path).unwrap().write_all(&link.to_bytes()).unwrap();

    // The first start makes the prefix Wine's own.
    run(&machine, &home, &["reg", "export", r"HKLM\Software\Reseat Test", r"C:\out.reg", "/y"]);
    let exported = std::fs::read(machine.prefix().join("drive_c/out.reg")).unwrap();
    let units: Vec<u16> =
        exported.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let shown = String::from_utf16(&units).unwrap();
    for expected in [
        r"\Reseat Test\[Key] é ☺]",
        "@=\"default\"",
        "\"number\"=dword:deadbeef",
        "\"text\"=\"a\\\\b \\\"quoted\\\" é ☺f tab\there\"",
        "\"wide\"=hex(b):ef,cd,ab,89,67,45,23,01",
        "\"other\"=hex(1234):01,02,03",
        "\"none\"=hex(0):",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let shown = run(&machine, &home, &["reg", "query", r"HKCU\Software\Reseat Test"]);
    assert!(shown.contains("of the user"), "{shown}");
    let shown = run(&machine, &home, &["reg", "query", r"HKLM\Software\Reseat Narrow", "/reg:32"]);
    assert!(shown.contains("0x20"), "{shown}");
    // The program is started, not waited for; it has ended when the server has.
    run(&machine, &home, &["start", r"C:\test.lnk"]);
    server.wait();
    let out = std::fs::read_to_string(machine.prefix().join("drive_c/out.txt")).unwrap();
    assert_eq!(out.trim(), "from the shortcut");

    // While a program runs, its server owns the registry.
    let mut running = command("wine", &machine, &home)
        .args(["cmd", "/c", "echo ready& set /p x="])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 5];
    std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let pid = machine.wine_server().expect("a wineserver runs");
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert!(name.starts_with("wineserver"), "{name}");
    registry.set_value(&user, "unsaved", RegistryValue::Dword(1)).unwrap();
    let error = machine.save_registry().unwrap_err();
    assert!(matches!(error, MachineError::WineServerRuns { pid: found } if found == pid), "{error}");
    let added = ["reg", "add", r"HKCU\Software\Reseat Test\By [Wine]", "/v", "né☺1", "/d", "x☺ü]\"", "/f"];
    run(&machine, &home, &added);
    drop(running.stdin.take());
    running.wait().unwrap();
    server.end();
    assert_eq!(machine.wine_server(), None);

    // What Wine wrote is read, what was not saved is kept, and saved now.
    machine.save_registry().unwrap();
    let by_wine = user.join("By [Wine]");
    assert_eq!(registry.value(&by_wine, "NÉ☺1"), Some(text("x☺ü]\"")));
    assert_eq!(registry.value(&user, "unsaved"), Some(RegistryValue::Dword(1)));
    let again = Machine::open(machine.prefix()).unwrap();
    assert_eq!(again.bitness(), Bitness::X64);
    let kept = again.registry().unwrap();
    for (name, value) in &values {
        assert_eq!(kept.value(&key, name).as_ref(), Some(value), "{name}");
    }
    assert_eq!(kept.value(&user, "unsaved"), Some(RegistryValue::Dword(1)));
    assert_eq!(kept.value(&narrow, "width"), Some(RegistryValue::Dword(32)));
    let kept_path = kept.value(&path, "PATH").unwrap();
    println!("PATH kept: {kept_path:?}");
    let library = WindowsPath::parse(r"C:\windows\system32\MSI.DLL").unwrap();
    let version = file_version::read(&again.open_file(&library).unwrap()).unwrap().unwrap();
    assert!(version.version >= "4.0".parse().unwrap() && version.languages == [1033], "{version:?}");
    for (folder, expected) in [
        (KnownFolder::ProgramFiles32, r"C:\Program Files (x86)"),
        (KnownFolder::System32, r"C:\windows\syswow64"),
        (KnownFolder::CommonDesktop, r"C:\users\Public\Desktop"),
        (KnownFolder::CommonPrograms, r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs"),
    ] {
        assert_eq!(again.folder(folder).as_str(), expected);
    }
    drop(server);
}
