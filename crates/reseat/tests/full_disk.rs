//! A disk that is really full, at any moment of an installation: everything is undone on the full disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Place, everything, run};

const DEFERRED: i32 = 1024;
const COMMIT: i32 = DEFERRED + 512;

/// Mounts a small disk, installs on it and says how it was before and after. `fill` of the package makes it full.
const SCRIPT: &str = r#"
    disk=$1 base=$2 reseat=$3 package=$4
    mount -t tmpfs -o size=3m none "$disk" || exit 99
    cp -a "$base" "$disk/prefix" || exit 98
    look() {
        cd "$disk/prefix" || exit 97
        find . ! -name .reseat.lock ! -type d -printf '%P %y %m %s %T@ %l\n' | sort
        find . -type d -printf '%P %y %m\n' | sort
        find . -type f ! -name .reseat.lock -exec sha256sum {} + | sort
    }
    look >"$disk.before"
    shift 4
    "$reseat" --prefix "$disk/prefix" install -q "$package" "$@" >"$disk.said" 2>&1
    code=$?
    df --output=avail -k "$disk" | tail -n 1 >"$disk.left"
    look >"$disk.after"
    "$reseat" --prefix "$disk/prefix" recover >"$disk.recovered" 2>&1 || echo "recovery failed" >>"$disk.recovered"
    exit $code
"#;

/// Makes the disk full but for so many blocks of a kilobyte.
const FILL: &str = "#!/bin/sh\n\
    left=$(df --output=avail -k \"$1\" | tail -n 1)\n\
    test \"$left\" -le \"$2\" || head -c \"$((left - $2))K\" /dev/zero >\"$1/filler\"\nexit 0\n";

#[test]
fn on_a_disk_that_becomes_full_at_any_moment_everything_is_undone() {
    let place = Place::with_prefix();
    everything::prepare(&place);
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let root = support::is_root();
    let mut may = place.command("unshare");
    may.args(if root { &["--mount"][..] } else { &["--mount", "--user", "--map-root-user"] });
    may.args(["mount", "-t", "tmpfs", "none"]).arg(&disk);
    if !run(&mut may).status.success() {
        println!("SKIPPED: this machine allows no disk of one's own");
        return;
    }
    let (mut full, mut installed) = (0, 0);
    for (sequence, kind) in [
        (1510, DEFERRED),
        (3990, DEFERRED),
        (4050, DEFERRED),
        (5850, DEFERRED),
        (6560, DEFERRED),
        (4020, COMMIT),
    ] {
        for left in [0, 40, 1000] {
            let line = format!("\"{}\" {left}", disk.display());
            let product = everything::everything(&place, "1.0.0").with_binary("fill", FILL).with_action(
                "Fill",
                2 + kind,
                "fill",
                &line,
                sequence,
            );
            let package = product.save(&place, "test.msi");
            let mut command = place.command("timeout");
            command.args(["-s", "KILL", "60", "unshare"]);
            command.args(if root { &["--mount"][..] } else { &["--mount", "--user", "--map-root-user"] });
            command.args(["sh", "-c", SCRIPT, "sh"]).arg(&disk).arg(place.prefix());
            command.arg(env!("CARGO_BIN_EXE_reseat")).arg(&package);
            let ran = run(&mut command);
            let when =
                format!("{left} kB left from action {sequence} on: {}{}", ran.err, place.read("disk.said"));
            let same = place.read("disk.before") == place.read("disk.after");
            match ran.status.code() {
                Some(0) => {
                    installed += 1;
                    assert!(!same, "{when}");
                }
                Some(1) => {
                    full += 1;
                    assert!(place.read("disk.said").contains("No space left on device"), "{when}");
                    assert!(same, "{when}\n{}\n{}", place.read("disk.before"), place.read("disk.after"));
                }
                other => panic!("{other:?}: {when}"),
            }
            assert_eq!(place.read("disk.recovered"), "nothing to recover\n", "{when}");
        }
    }
    println!("{full} installations on a disk that became full, all undone; {installed} had enough of it");
    assert!(full >= 6 && installed >= 4, "{full} {installed}");
}
