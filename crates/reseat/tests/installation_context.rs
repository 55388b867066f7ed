//! For whom a product is installed: every combination of ALLUSERS and MSIINSTALLPERUSER.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::Place;
use support::product::Product;

#[test]
fn each_combination_of_allusers_and_msiinstallperuser_installs_as_documented() {
    const OWN: &str = "AppData/Local/Programs";
    const ALL: &str = "Program Files";
    let product =
        Product::new().without_row("Property", "ALLUSERS").with_file("Readme", "readme.txt", "text");
    for (arguments, context, folder) in [
        (&[][..], "user", ALL),
        (&["ALLUSERS="], "user", ALL),
        (&["ALLUSERS=1"], "machine", ALL),
        (&["ALLUSERS=1", "MSIINSTALLPERUSER=1"], "machine", ALL),
        (&["MSIINSTALLPERUSER=1"], "user", ALL),
        (&["ALLUSERS=2"], "machine", ALL),
        (&["ALLUSERS=2", "MSIINSTALLPERUSER="], "machine", ALL),
        (&["ALLUSERS=2", "MSIINSTALLPERUSER=1"], "user", OWN),
        (&["ALLUSERS=2", "MSIINSTALLPERUSER=1", "--installer", "4.5"], "machine", ALL),
        (&["ALLUSERS=2", "MSIINSTALLPERUSER=1", "--windows", "6.0"], "machine", ALL),
    ] {
        let place = Place::with_prefix();
        let package = product.save(&place, "test.msi");
        place.install(&package, arguments).expect_code(0);
        assert_eq!(place.products()[0]["context"], context, "{arguments:?}");
        let users = std::fs::read_dir(place.drive_c("users")).unwrap().flatten();
        let own = users.map(|user| user.path().join(OWN).join("Test/readme.txt")).any(|path| path.exists());
        assert_eq!(own, folder == OWN, "{arguments:?}");
        assert_eq!(place.drive_c("Program Files/Test/readme.txt").exists(), folder == ALL, "{arguments:?}");
        // It stays where and whose it is.
        place.reseat(&["repair", "-q", "Test", "--flags", "amus"]).expect_code(0);
        assert_eq!(place.products()[0]["context"], context, "{arguments:?}");
        place.reseat(&["check"]).expect_code(0);
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
        assert_eq!(place.products().len(), 0);
    }
}
