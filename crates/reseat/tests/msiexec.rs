//! Microsoft's command line, as a command and through a link.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::product::Product;
use support::{Place, Ran, package, run};

fn msiexec(place: &Place, arguments: &[&str]) -> Ran {
    place.reseat(&[&["msiexec"], arguments].concat())
}

#[test]
fn a_product_is_installed_repaired_and_removed_letter_by_letter() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_row("Registry", &["Word", "2", r"Software\Test", "Word", "[WORD]", "Main"]);
    let package = product.save(&place, "test.msi");
    let package = package.to_str().unwrap();
    let code = product.product_code();
    let log = place.path("test.log");
    let log = log.to_str().unwrap();
    let readme = place.drive_c("Program Files/Test/readme.txt");

    msiexec(&place, &["/I", package, "/qn", "word=\"a \"\"b\"\" c\"", "/L*v", log]).expect_code(0);
    assert!(place.read("prefix/system.reg").contains(r#""Word"="a \"b\" c""#));
    assert!(place.read("test.log").starts_with("=== Verbose logging started"));
    std::fs::remove_file(&readme).unwrap();
    msiexec(&place, &[&format!("/fomus{code}"), "/quiet", "/l+", log]).expect_code(0);
    assert!(readme.exists());
    assert_eq!(place.read("test.log").matches("=== Verbose logging started").count(), 2);
    let ended = msiexec(&place, &["/qn+", &format!("/X{code}")]);
    ended.expect_code(0).expect_error(&["removed: Test 1.0.0"]);
    assert_eq!(place.products().len(), 0);

    for removal in [&["/x", package, "/q"][..], &["/i", package, "/q", "REMOVE=ALL"]] {
        msiexec(&place, removal).expect_failure(&["1605"]);
    }
    place.reseat(&["plan", package, "REMOVE=ALL"]).expect_failure(&["1605"]);
    msiexec(&place, &["/i", "absent.msi", "/q"]).expect_failure(&["1619"]);
}

#[test]
fn a_wrong_command_line_ends_with_1639_and_help_is_printed_when_asked_for() {
    let place = Place::with_prefix();
    for arguments in [&["/i"][..], &["/unknown"], &["/i", "a.msi", "/x", "b.msi"], &["/y", "a.dll"]] {
        msiexec(&place, arguments).expect_code(2).expect_error(&["error 1639"]);
    }
    for arguments in [&["/?"][..], &["/help"], &[]] {
        assert!(msiexec(&place, arguments).expect_code(0).out.contains("/package"));
    }
}

#[test]
fn a_link_named_msiexec_takes_the_same_command_line() {
    let place = Place::with_prefix();
    let package = Product::new().with_file("Readme", "readme.txt", "text").save(&place, "test.msi");
    let link = place.path("msiexec");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_reseat"), &link).unwrap();
    let mut command = place.command(&link);
    command.env("WINEPREFIX", place.prefix()).args(["/package", package.to_str().unwrap(), "/passive"]);
    run(&mut command).expect_code(0);
    assert_eq!(place.products().len(), 1);
}

#[test]
fn patches_are_applied_and_removed_by_their_options() {
    let (Some(old), Some(patch)) = (package("prodA-1.0.0.msi"), package("prodA-patch-A.msp")) else { return };
    let place = Place::with_prefix();
    let (old, patch) = (old.to_str().unwrap(), patch.to_str().unwrap());
    let version = || place.products()[0]["version"].as_str().unwrap().to_owned();
    msiexec(&place, &["/i", old, "/qn"]).expect_code(0);
    msiexec(&place, &["/p", patch, "/qn"]).expect_code(0);
    assert_eq!(version(), "1.0.1.0");
    msiexec(&place, &["/uninstall", patch, "/package", old, "/qn"]).expect_code(0);
    assert_eq!(version(), "1.0.0.0");
    msiexec(&place, &["/package", old, "/update", patch, "/qn"]).expect_code(0);
    msiexec(&place, &["/uninstall", patch, "/qn"]).expect_code(0);
    assert_eq!(version(), "1.0.0.0");
}
