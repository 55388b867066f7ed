//! Digital signatures: of real packages, and of packages that are signed here by another program and then changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::product::Product;
use support::{Place, has_tool, package, run};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn signatures_of_real_packages_are_read_and_checked() {
    let place = Place::new();
    // A name in the signer's subject, whether the content is as signed, and the year of the timestamp.
    for (name, signer, intact, year) in [
        ("putty-0.68-installer.msi", "CN=Simon Tatham", true, "2017"),
        ("omaha-helper.msi", "CN=Google Inc (TEST)", true, "2015"),
        // Somebody changed it afterwards, as osslsigncode finds too.
        ("xtab-opener.msi", "CN=Microsoft Corporation", false, "2015"),
    ] {
        let Some(path) = package(name) else { return };
        let ran = place.reseat(&["signature", text(&path), "--json"]);
        let found = ran.expect_code(i32::from(!intact)).json();
        assert_eq!(found["signed"], true, "{name}");
        assert!(found["signer"]["subject"].as_str().unwrap().contains(signer), "{found}");
        assert_eq!(found["content_is_intact"], intact, "{name}: {found}");
        assert_eq!(found["signature_is_valid"], true, "{name}: {found}");
        assert!(found["timestamp"]["time"].as_str().unwrap().starts_with(year), "{found}");
        assert_eq!(found["chain_holds"], Value::Null, "{name}");
        let info = place.reseat(&["info", text(&path)]);
        assert!(info.expect_code(0).out.contains(signer), "{}", info.out);
    }
    let Some(path) = package("7z1900-x64.msi") else { return };
    let ran = place.reseat(&["signature", text(&path)]);
    assert!(ran.expect_code(1).out.contains("the package is unsigned"), "{}", ran.out);
    assert_eq!(place.reseat(&["signature", text(&path), "--json"]).json()["signed"], false);
}

/// A key with a certificate that rests on `ca`, or on itself.
fn certificate(place: &Place, name: &str, ca: Option<&str>, extensions: &str) {
    let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
    let extensions_file = format!("{name}.cnf");
    let configuration = format!("[req]\ndistinguished_name=dn\n[dn]\n[ext]\n{extensions}\n");
    place.write(&extensions_file, configuration);
    let mut arguments = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &pem];
    arguments.extend(["-subj", &subject, "-days", "3650", "-config", &extensions_file, "-extensions", "ext"]);
    let (ca_pem, ca_key) = (ca.map(|ca| format!("{ca}.pem")), ca.map(|ca| format!("{ca}.key")));
    if let (Some(ca_pem), Some(ca_key)) = (&ca_pem, &ca_key) {
        arguments.extend(["-CA", ca_pem, "-CAkey", ca_key]);
    }
    let ran = run(place.command("openssl").args(arguments));
    assert!(ran.status.success(), "{}", ran.err);
}

#[test]
fn what_another_program_signed_holds_until_it_is_changed() {
    if !has_tool("osslsigncode") || !has_tool("openssl") {
        return;
    }
    let place = Place::new();
    let content = "marker-of-the-content ".repeat(400);
    let product = Product::new().with_file("Readme", "readme.txt", content);
    let unsigned = product.save(&place, "unsigned.msi");
    certificate(&place, "root", None, "basicConstraints=critical,CA:TRUE");
    certificate(&place, "signer", Some("root"), "extendedKeyUsage=codeSigning");
    certificate(&place, "stranger", None, "basicConstraints=critical,CA:TRUE");
    certificate(&place, "server", Some("root"), "extendedKeyUsage=serverAuth");
    let sign = |signer: &str, digest: &str, extended: bool, out: &str| {
        let (pem, key) = (format!("{signer}.pem"), format!("{signer}.key"));
        let mut arguments = vec!["sign", "-certs", &pem, "-key", &key, "-h", digest];
        arguments.extend(extended.then_some("-add-msi-dse"));
        arguments.extend(["-in", text(&unsigned), "-out", out]);
        let ran = run(place.command("osslsigncode").args(arguments));
        assert!(ran.status.success(), "{}{}", ran.out, ran.err);
    };
    for (digest, extended) in [("sha256", true), ("sha256", false), ("sha1", true), ("sha384", false)] {
        let name = format!("{digest}-{extended}.msi");
        sign("signer", digest, extended, &name);
        let ran = place.reseat(&["signature", &name, "--store", "root.pem", "--json"]);
        let found = ran.expect_code(0).json();
        assert_eq!(found["chain"], serde_json::json!(["CN=signer", "CN=root"]), "{name}");
        assert_eq!((&found["content_is_intact"], &found["problems"]), (&true.into(), &serde_json::json!([])));

        let signed = std::fs::read(place.path(&name)).unwrap();
        let mut changed = signed.clone();
        // A byte of the header that says when something was changed is covered by the extended signature alone.
        let entry = 512 * (1 + u32::from_le_bytes(changed[48..52].try_into().unwrap()) as usize);
        if changed[26] == 3 {
            changed[entry + 128 + 100] ^= 1;
            place.write("times.msi", &changed);
            let ran = place.reseat(&["signature", "times.msi"]);
            ran.expect_code(i32::from(extended));
        }
        // A byte within a stream.
        let mut changed = signed;
        let place_of = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).position(|part| part == text);
        let position = place_of(&changed, b"MSCF").expect("the cabinet");
        changed[position + 4] ^= 1;
        place.write("changed.msi", &changed);
        let ran = place.reseat(&["signature", "changed.msi", "--store", "root.pem"]);
        assert!(ran.expect_code(1).out.contains("CHANGED after it was signed"), "{}", ran.out);
    }
    let stranger = place.reseat(&["signature", "sha256-true.msi", "--store", "stranger.pem"]);
    assert!(stranger.expect_code(1).out.contains("is not in the store"), "{}", stranger.out);
    sign("server", "sha256", false, "server.msi");
    let server = place.reseat(&["signature", "server.msi", "--store", "root.pem"]);
    assert!(server.expect_code(1).out.contains("is not for signing programs"), "{}", server.out);
    place.reseat(&["signature", "server.msi", "--store", "absent.pem"]).expect_code(2);
    place.reseat(&["signature", "server.msi", "--store", "unsigned.msi"]).expect_failure(&["no certificate"]);
    place
        .reseat(&["export", "sha256-true.msi", "folder"])
        .expect_code(0)
        .expect_error(&["the signature of 'CN=signer' is left out"]);
    let quiet = place.reseat(&["export", "-q", "sha256-true.msi", "quiet"]);
    assert_eq!(quiet.expect_code(0).err, "");
}

#[test]
fn damaged_signatures_are_problems_and_never_more() {
    let Some(path) = package("putty-0.68-installer.msi") else { return };
    let place = Place::new();
    let signed = std::fs::read(path).unwrap();
    // The signature begins with the identifier of signed data.
    let mark = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    let start = signed.windows(mark.len()).position(|part| part == mark).expect("the signature");
    for step in 0..12 {
        let mut changed = signed.clone();
        changed[start + 7 + step * 31] ^= 0x81;
        place.write("changed.msi", &changed);
        let ran = place.reseat(&["signature", "changed.msi", "--json"]);
        assert!(ran.status.code().is_some_and(|code| code <= 1), "{}", ran.err);
        assert_eq!(ran.json()["signed"], true);
    }
}
