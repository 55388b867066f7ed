//! Libraries under Wine: those that register themselves, of 64 and of 32 bits, and those of assemblies.

use std::path::Path;

use super::support::product::{Product, guid};
use super::support::windows::{compile, compile_with, windows};
use super::support::{Place, run};

const SELF_REGISTRATION: &[(&str, i32)] = &[("SelfUnregModules", 2200), ("SelfRegModules", 5600)];

fn source(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows_code").join(name)
}

#[test]
fn a_library_registers_itself_takes_it_back_and_is_undone() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let library = compile(&["-shared"], &source("registers_itself.c"), &place.path("registers.dll"));
    let product = Product::new()
        .with_file("Library", "registers itself.dll", library)
        .with_key_file("Library")
        .with_row("SelfReg", &["Library", ""])
        .with_standard_actions(SELF_REGISTRATION);
    let is_registered = || windows.registry().contains("\"State\"=\"registered\"");
    windows.install(&place, &product, &[]).expect_code(0);
    assert!(is_registered());
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!is_registered());

    let failing = product.clone().with_standard_actions(&[("InstallExecute", 6450)]).with_action(
        "Stop",
        19,
        "",
        "it is enough",
        6500,
    );
    windows.install(&place, &failing, &[]).expect_failure(&["it is enough"]);
    assert!(!is_registered());
    assert!(!windows.drive_c("Program Files/Test").exists());

    // One that does not register itself ends the installation.
    let wrong = product.without_row("SelfReg", "Library").with_row("SelfReg", &["Readme", ""]);
    let wrong = wrong.with_file("Readme", "readme.dll", "no library");
    windows.install(&place, &wrong, &[]).expect_failure(&["SelfRegModules"]);
    assert!(!windows.drive_c("Program Files/Test").exists());
}

#[test]
fn a_library_of_32_bit_registers_itself_where_wine_has_that_part() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    if !windows.runs_32_bit(&place) {
        return;
    }
    let options = ["-shared", "-Wl,--kill-at"];
    let target = place.path("registers32.dll");
    let library = compile_with("i686-w64-mingw32-gcc", &options, &source("registers_itself.c"), &target);
    let product = Product::new()
        .with_file("Library", "registers itself.dll", library)
        .without_row("Component", "Main")
        .with_row("Component", &["Main", &guid(3, 0), "INSTALLDIR", "0", "", "Library"])
        .with_row("SelfReg", &["Library", ""])
        .with_standard_actions(SELF_REGISTRATION);
    let key = r"[Software\\Wow6432Node\\ReseatSelfRegistration]";
    let is_registered = || windows.registry().contains(key);
    windows.install(&place, &product, &[]).expect_code(0);
    assert!(is_registered(), "it writes into the 32-bit part of the registry");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!is_registered());

    let failing = product.with_standard_actions(&[("InstallExecute", 6450)]);
    let failing = failing.with_action("Stop", 19, "", "it is enough", 6500);
    windows.install(&place, &failing, &[]).expect_failure(&["it is enough"]);
    assert!(!is_registered());
    assert!(!windows.drive_c("Program Files/Test").exists());
}

#[test]
fn without_wine_self_registration_is_refused_by_name() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_file("Library", "registers.dll", "library")
        .with_row("SelfReg", &["Library", ""])
        .with_standard_actions(&[("SelfRegModules", 5600)]);
    let package = product.save(&place, "test.msi");
    let mut command = place.reseat_command(&["install", "-q", package.to_str().unwrap()]);
    command.env("RESEAT_WINDOWS_DIR", place.path("absent"));
    run(&mut command).expect_failure(&["SelfRegModules"]);
    assert!(!place.drive_c("Program Files/Test").exists());
}

/// The name of an assembly as manifests have it.
fn identity(name: &str, language: &str) -> String {
    format!(
        r#"<assemblyIdentity type="win32" name="{name}" version="1.0.0.0" processorArchitecture="amd64" publicKeyToken="1111111111222222"{language}/>"#
    )
}

fn manifest(content: &str) -> String {
    format!(
        r#"<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">{content}</assembly>"#
    )
}

#[test]
fn a_program_finds_the_library_of_the_assembly_that_its_manifest_names() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let library = place.path("reseat_number.dll");
    let content = compile(&["-shared"], &source("number.c"), &library);
    let program = compile(&[library.to_str().unwrap()], &source("asks_for_number.c"), &place.path("app.exe"));
    for (language, in_manifest) in [("", ""), ("en-US", " language=\"en-US\"")] {
        let needs = identity("Reseat.Numbers", in_manifest);
        let needs = format!("<dependency><dependentAssembly>{needs}</dependentAssembly></dependency>");
        let app = manifest(&format!("{}{needs}", identity("Reseat.App", "")));
        let own = manifest(&format!(
            "{}<file name=\"reseat_number.dll\"/>",
            identity("Reseat.Numbers", in_manifest)
        ));
        let mut product = Product::new()
            .with_file("Library", "reseat_number.dll", content.clone())
            .with_key_file("Library")
            .with_file("Manifest", "numbers.manifest", own)
            .with_row("MsiAssembly", &["Main", "Main", "Manifest", "", "1"])
            .with_standard_actions(&[("MsiPublishAssemblies", 6250), ("MsiUnpublishAssemblies", 1750)])
            .with_row("Component", &["Own", &guid(3, 1), "INSTALLDIR", "256", "", "App"])
            .with_row("FeatureComponents", &["Main", "Own"])
            .with_file("App", "app.exe", program.clone())
            .with_file("AppManifest", "app.exe.manifest", app)
            .with_file_in("App", "Own")
            .with_file_in("AppManifest", "Own")
            // It fails unless the library gives it the number.
            .with_action("Run", 18 + super::DEFERRED, "App", "", 4100);
        let parts = [
            ("type", "win32"),
            ("name", "Reseat.Numbers"),
            ("version", "1.0.0.0"),
            ("publicKeyToken", "1111111111222222"),
            ("processorArchitecture", "amd64"),
            ("language", language),
        ];
        for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
            product.row("MsiAssemblyName", &["Main", name, value]);
        }
        windows.install(&place, &product, &[]).expect_code(0);
        assert!(!windows.drive_c("Program Files/Test/reseat_number.dll").exists());
        windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
        // With another version of the assembly it does not start.
        let mut other = product.without_row("MsiAssemblyName", "Main");
        for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
            other.row("MsiAssemblyName", &["Main", name, if *name == "version" { "9.0.0.0" } else { value }]);
        }
        windows.install(&place, &other, &[]).expect_failure(&["1722"]);
    }
}
