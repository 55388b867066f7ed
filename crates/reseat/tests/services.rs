//! The Restart Manager and systemd services: a real manager, in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::Command;

use support::{Place, Ran, has_tool, is_root, run};

/// What every script begins with: units are made by `unit NAME LINE…`, everything is kept in `$D`.
const BEGINNING: &str = r#"
set -eu
U=$XDG_RUNTIME_DIR/units; mkdir -p $U
export RESEAT_RUNTIME_DIR=$XDG_RUNTIME_DIR/reseat
unit() { local name=$1; shift; printf '%s\n' "$@" >$U/$name; }
sc() { systemctl --user "$@"; }
pid() { sc show -p MainPID --value $1; }
holds() { echo "ExecStart=/bin/sh -c 'exec 3<$D/held; exec sleep 1000'"; }
ready() { until [ "$(readlink /proc/$(pid $1)/fd/3)" = $D/held ]; do :; done; }
free() { "$R" free $D/held "$@"; }
"#;

/// Runs a script with a service manager of its own; nothing, with a word why, where that cannot be.
fn sandbox(script: &str) -> Option<Ran> {
    if !is_root() {
        println!("SKIPPED: a service manager of our own needs root");
        return None;
    }
    for tool in ["systemctl", "dbus-daemon", "unshare"] {
        if !has_tool(tool) {
            return None;
        }
    }
    let mut probe = Command::new("unshare");
    let may = run(probe.args(["-m", "-C", "sh", "-c", "mount -t cgroup2 none /mnt && umount /mnt"]));
    if !may.status.success() {
        println!("SKIPPED: namespaces and mounts are not allowed here: {}", may.err);
        return None;
    }
    let place = Place::new();
    place.write("held", "old");
    let path = place.write("script", format!("{BEGINNING}{script}"));
    let sandbox = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/systemd-sandbox");
    let mut command = place.command(sandbox);
    command.arg("bash").arg(path).env("R", env!("CARGO_BIN_EXE_reseat")).env("D", place.path(""));
    command.env("D", place.path("held").parent().unwrap());
    Some(run(&mut command))
}

#[test]
fn a_service_is_stopped_and_started_by_its_manager_with_what_depends_on_it() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Service]' Restart=always "$(holds)"
        unit b.service '[Unit]' Requires=a.service After=a.service '[Service]' 'ExecStart=sleep 1000'
        unit idle.service '[Unit]' Requires=a.service '[Service]' 'ExecStart=sleep 1000'
        unit c.service '[Service]' 'ExecStart=sleep 1000'
        sc start a b c; ready a.service
        "$R" who --json $D/held
        A=$(pid a); C=$(pid c)
        free -- sh -c 'systemctl --user is-active a b >&2; exit 7' || echo code $?
        sc is-active a b c idle || true
        test $A != $(pid a); test $C = $(pid c); test ! -e /proc/$A; ready a.service; echo same"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["closed a.service", "inactive\ninactive", "started a.service again"]);
    for part in [r#""unit": "a.service""#, r#""type": "service""#, r#""restartable": true"#] {
        assert!(ran.out.contains(part), "{}", ran.out);
    }
    assert!(ran.out.ends_with("code 7\nactive\nactive\nactive\ninactive\nsame\n"), "{}", ran.out);
}

#[test]
fn sockets_and_paths_that_would_start_a_service_again_are_stopped_first_and_it_gets_its_socket_back() {
    let Some(ran) = sandbox(
        r#"unit a.socket '[Socket]' "ListenStream=$XDG_RUNTIME_DIR/a.sock"
        unit a.service '[Service]' StandardInput=null "$(holds | sed 's/exec 3/exec 5<\&3 3/')"
        unit a.path '[Path]' "PathModified=$D/new"
        sc start a.socket a.path a.service; ready a.service
        free -- sh -c 'systemctl --user is-active a.socket a.path a.service; echo x >$D/new' || true
        sc is-active a.socket a.path a.service"#,
    ) else {
        return;
    };
    ran.expect_code(0);
    assert!(ran.out == "inactive\n".repeat(3) + &"active\n".repeat(3), "{}", ran.out);
}

#[test]
fn a_unit_that_refuses_to_be_stopped_is_left_alone() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Unit]' RefuseManualStop=yes '[Service]' "$(holds)"
        sc start a; ready a.service; A=$(pid a)
        free -- touch $D/ran || echo code $?
        test $A = $(pid a); test ! -e $D/ran; "$R" who $D/held"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["error 350", "critical service"]);
    assert!(ran.out.contains("code 125") && ran.out.contains("refuses to be stopped"), "{}", ran.out);
}

#[test]
fn a_unit_on_the_list_of_critical_ones_is_left_alone_until_it_is_taken_off() {
    let Some(ran) = sandbox(
        r#"C=$XDG_CONFIG_HOME/reseat/critical.d; mkdir -p $C
        echo 'unit:a.service  half a backup is none' >$C/ours.conf
        unit a.service '[Service]' "$(holds)"
        sc start a; ready a.service; A=$(pid a)
        free --force -- touch $D/ran || echo code $?
        test $A = $(pid a); test ! -e $D/ran; "$R" who $D/held
        echo '!unit:a.service' >$C/z.conf
        free -- touch $D/ran; test -e $D/ran; test $A != $(pid a); sc is-active a"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["error 350", "half a backup is none", "closed a.service"]);
    assert!(
        ran.out.contains("code 125") && ran.out.contains("critical: half a backup is none"),
        "{}",
        ran.out
    );
    assert!(ran.out.ends_with("active\n"), "{}", ran.out);
}

#[test]
fn a_service_that_runs_once_or_is_transient_is_not_started_again() {
    let Some(ran) = sandbox(
        r#"unit once.service '[Service]' Type=oneshot "$(holds)"
        sc start --no-block once; ready once.service
        free -- true; sc is-active once || true
        systemd-run --user -q --unit=passing sh -c "exec 3<$D/held; exec sleep 1000"; ready passing.service
        free -- true; sc is-active passing || true"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["closed once.service", "closed passing.service", "it runs once"]);
    assert!(!ran.out.contains("activating") && ran.out.ends_with("inactive\n"), "{}", ran.out);
}

#[test]
fn a_start_limit_is_reset_and_processes_that_survive_a_stop_are_closed_too() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Unit]' StartLimitBurst=2 StartLimitIntervalSec=1000 '[Service]' KillMode=process \
            "ExecStart=/bin/sh -c 'exec 3<$D/held; sleep 1000 & exec sleep 1000'"
        sc start a; ready a.service
        for i in 1 2 3 4; do free -q -- sh -c '"$R" who $D/held; test $? = 1'; ready a.service; done
        sc is-active a"#,
    ) else {
        return;
    };
    ran.expect_code(0);
    assert_eq!(ran.out, "active\n", "{}", ran.err);
}

#[test]
fn a_service_that_does_not_stop_is_killed_only_by_force() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Service]' TimeoutStopSec=2 \
            "ExecStart=/bin/sh -c 'trap : TERM; exec 3<$D/held; while :; do sleep 1000 & wait; done'"
        sc start a; ready a.service; A=$(pid a)
        free --timeout 0.2 -- touch $D/ran || echo code $?
        test ! -e $D/ran; ready a.service; sc is-active a
        free --timeout 0.5 --force -- touch $D/ran; test -e $D/ran; sc is-active a"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["error 351", "no answer within 0.2 s"]);
    assert_eq!(ran.out, "code 125\nactive\nactive\n", "{}", ran.err);
}

#[test]
fn a_service_that_a_killed_installer_had_stopped_is_started_by_recover() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Service]' "$(holds)"
        sc start a; ready a.service; mkfifo $D/pipe
        "$R" free $D/held -- sh -c 'echo >$D/pipe; exec sleep 1000' & read x <$D/pipe
        kill -KILL $!; wait $! || true
        sc is-active a || true; "$R" rm recover; sc is-active a"#,
    ) else {
        return;
    };
    ran.expect_code(0);
    assert!(ran.out.starts_with("inactive\na.service runs again"), "{}", ran.out);
    assert!(ran.out.ends_with("\nactive\n"), "{}", ran.out);
}

#[test]
fn services_are_registered_and_filtered_by_name_in_a_session() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Service]' "$(holds)"
        sc start a; ready a.service; A=$(pid a)
        k=$("$R" rm start); "$R" rm register $k a; "$R" rm filter $k add --no-shutdown --service a
        "$R" rm shutdown $k; test $A = $(pid a)
        "$R" rm filter $k add --no-restart --service a
        "$R" rm shutdown $k; "$R" rm restart $k; sc is-active a || true
        "$R" rm filter $k remove --service a; "$R" rm restart $k; sc is-active a
        "$R" rm list $k; "$R" rm end $k"#,
    ) else {
        return;
    };
    ran.expect_code(0);
    assert!(ran.out.starts_with("inactive\na.service runs again"), "{}", ran.out);
    assert!(ran.out.contains("running, stopped, restarted"), "{}", ran.out);
}

#[test]
fn a_manager_that_hangs_neither_holds_us_up_nor_makes_its_services_fair_game() {
    let Some(ran) = sandbox(
        r#"unit a.service '[Service]' "$(holds)"
        sc start a; ready a.service; A=$(pid a); M=$(cut -d' ' -f4 /proc/$A/stat)
        kill -STOP $M
        free -- touch $D/ran || echo code $?
        "$R" who --json $D/held; kill -CONT $M
        test ! -e $D/ran; test $A = $(pid a)"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["error 350"]);
    assert!(ran.out.contains("code 125") && ran.out.contains("gives no answer"), "{}", ran.out);
}

#[test]
fn root_stops_and_starts_a_service_of_another_users_manager() {
    if !has_tool("setpriv") {
        return;
    }
    let Some(ran) = sandbox(
        r#"N=65534; chmod 711 $D; chmod 644 $D/held
        mkdir -p /run/user/$N/units
        printf '%s\n' '[Service]' Restart=always "$(holds)" >/run/user/$N/units/a.service
        chown -R $N:$N /run/user/$N; chmod 700 /run/user/$N
        G=/sys/fs/cgroup/user.slice/user-$N.slice/user@$N.service
        mkdir -p $G; chown -R $N $G
        as() { setpriv --reuid=$N --regid=$N --clear-groups env XDG_RUNTIME_DIR=/run/user/$N "$@"; }
        (echo $BASHPID >$G/cgroup.procs
        as env SYSTEMD_UNIT_PATH=/run/user/$N/units: /usr/lib/systemd/systemd --user --log-level=err) &
        sc() { as systemctl --user "$@"; }
        for i in {1..200}; do [ -S /run/user/$N/systemd/private ] && break; sleep .05; done
        sc start a; ready a.service
        "$R" who --json $D/held
        A=$(pid a)
        free -- sh -c "test ! -e /proc/$A && echo freed"
        ready a.service; test $(pid a) != $A && echo again
        sc stop a; exit 0"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["closed a.service", "started a.service again"]);
    assert!(ran.out.contains(r#""type": "service""#) && ran.out.contains("freed\nagain"), "{}", ran.out);
}

#[test]
fn the_users_unit_remembers_at_the_end_of_a_session_and_starts_at_the_next_one() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contrib/systemd/user/reseat-restart.service");
    let text = std::fs::read_to_string(unit).unwrap();
    let text = text.replace("/usr/bin/reseat", env!("CARGO_BIN_EXE_reseat"));
    let script = r#"cat >$U/reseat-restart.service <<'END'
UNIT
END
        sc set-environment RESEAT_RUNTIME_DIR=$RESEAT_RUNTIME_DIR XDG_STATE_HOME=$D/state
        tail -f $D/held >/dev/null & P=$!
        "$R" rm register-restart --pid $P -- -f $D/held
        sc start reseat-restart; sc stop reseat-restart
        kill $P; wait $P || :
        sed -i "s/$(cat /proc/sys/kernel/random/boot_id)/another/" $D/state/reseat/after-reboot
        sc start reseat-restart
        N=$(pgrep -f "tail -f $D/held"); test $N != $P
        "$R" who --json $D/held
        sc stop reseat-restart; kill -0 $N && echo "still there"
        kill $N"#;
    let Some(ran) = sandbox(&script.replace("UNIT", &text)) else { return };
    ran.expect_code(0);
    let rows = ran.out.split(']').next().unwrap();
    assert!(rows.contains(r#""type": "console""#) && rows.contains(".scope\""), "{}", ran.out);
    assert!(ran.out.contains("still there"), "{}", ran.out);
}

#[test]
fn what_runs_in_a_container_is_named_by_it_and_not_touched() {
    let Some(ran) = sandbox(
        r#"G=/sys/fs/cgroup/lxc.payload.web; mkdir $G
        cp $(command -v tail) $D/program
        (echo $BASHPID >$G/cgroup.procs; exec $D/program -f $D/held >/dev/null) & P=$!
        until [ "$(readlink /proc/$P/exe)" = $D/program ]; do :; done
        until [ "$(readlink /proc/$P/fd/3)" = $D/held ]; do :; done
        "$R" who --json $D/held
        free --force -- touch $D/ran || echo code $?
        cp $D/program $D/new; mv $D/new $D/program
        "$R" stale --restart || echo code $?
        test ! -e $D/ran; kill -0 $P && echo alive; kill $P"#,
    ) else {
        return;
    };
    ran.expect_code(0).expect_error(&["error 350", "a process in a container runs old files too: web (lxc)"]);
    let rows = ran.out.split(']').next().unwrap();
    assert!(rows.contains(r#""critical": "runs in the container web (lxc)""#), "{}", ran.out);
    assert!(ran.out.contains("code 125") && ran.out.ends_with("alive\n"), "{}", ran.out);
}

#[test]
fn stale_restarts_a_service_whose_program_was_replaced() {
    let Some(ran) = sandbox(
        r#"cp /bin/sleep $D/program
        unit a.service '[Service]' "ExecStart=$D/program 1000"
        unit once.service '[Service]' Type=oneshot "ExecStart=$D/program 1000"
        sc start a; sc start --no-block once
        for u in a once; do until [ "$(readlink /proc/$(pid $u)/exe)" = $D/program ]; do :; done; done
        A=$(pid a); O=$(pid once); cp $D/program $D/new; mv $D/new $D/program
        "$R" stale -q || echo code $?
        "$R" stale --restart -q || echo code $?
        test $A != $(pid a); test $O = $(pid once); sc is-active a"#,
    ) else {
        return;
    };
    ran.expect_code(0);
    let listed = |name: &str| ran.out.lines().filter(|line| line.contains(name)).count();
    assert_eq!((listed("a.service"), listed("once.service")), (1, 2), "{}", ran.out);
    assert!(ran.out.contains("restart unit") && ran.out.ends_with("active\n"), "{}", ran.out);
}
