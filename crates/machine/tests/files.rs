//! Files of a machine: lookup without regard to letter case, links, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant, SystemTime};

use reseat_machine::{Attributes, Bitness, FileKind, Machine, MachineError, WindowsPath};
use tempfile::TempDir;

fn machine() -> (TempDir, Machine) {
    let place = tempfile::tempdir().unwrap();
    let machine = Machine::create_for(&place.path().join("prefix"), Bitness::X64, "me").unwrap();
    (place, machine)
}

fn path(text: &str) -> WindowsPath {
    WindowsPath::parse(text).unwrap()
}

fn write(machine: &Machine, at: &str, text: &str) {
    machine.create_file(&path(at)).unwrap().write_all(text.as_bytes()).unwrap();
}

fn read(machine: &Machine, at: &str) -> String {
    let mut text = String::new();
    machine.open_file(&path(at)).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_new_prefix_is_whole_and_is_not_made_twice() {
    let (place, machine) = machine();
    assert_eq!(machine.bitness(), Bitness::X64);
    assert!(machine.metadata(&path(r"C:\Windows\SYSTEM32")).unwrap().unwrap().kind == FileKind::Folder);
    let again = Machine::create(&place.path().join("prefix"), Bitness::X64);
    assert!(matches!(again, Err(MachineError::PrefixExists { .. })));
    assert!(matches!(Machine::open(place.path()), Err(MachineError::NotAPrefix { .. })));
    let names: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["prefix"], "nothing unfinished is left");
    let empty = tempfile::tempdir().unwrap();
    let narrow = Machine::create(empty.path(), Bitness::X86).unwrap();
    assert_eq!(Machine::open(empty.path()).unwrap().bitness(), Bitness::X86);
    assert!(narrow.metadata(&path(r"C:\windows\syswow64")).unwrap().is_none());
}

#[test]
fn letter_case_does_not_matter_and_spelling_is_kept() {
    let (_place, machine) = machine();
    assert!(machine.create_folder(&path(r"C:\PROGRAM FILES\Größe")).unwrap());
    assert!(!machine.create_folder(&path(r"C:\Program Files\GRÖßE")).unwrap());
    write(&machine, r"c:\program files\größe\Read Me.TXT", "hello");
    assert_eq!(read(&machine, r"C:\Program Files\GRÖßE\read me.txt"), "hello");
    let real = machine.unix_path(&path(r"c:\program files\GRÖßE\READ ME.txt")).unwrap();
    assert_eq!(real, machine.prefix().join("drive_c/Program Files/Größe/Read Me.TXT"));
    assert_eq!(machine.windows_path(&real).unwrap().as_str(), r"C:\Program Files\Größe\Read Me.TXT");
    let error = machine.create_file(&path(r"C:\Program Files\größe\READ ME.TXT")).unwrap_err();
    assert!(matches!(error, MachineError::Exists { .. }), "{error}");
    // Not there yet: spelled as asked, after what exists.
    let new = machine.unix_path(&path(r"C:\PROGRAM FILES\größe\New\File")).unwrap();
    assert_eq!(new, machine.prefix().join("drive_c/Program Files/Größe/New/File"));
}

#[test]
fn changes_by_others_are_seen() {
    let (_place, machine) = machine();
    let folder = machine.prefix().join("drive_c/x");
    machine.create_folder(&path(r"C:\X")).unwrap();
    assert!(machine.metadata(&path(r"C:\x\a")).unwrap().is_none());
    std::fs::rename(machine.prefix().join("drive_c/X"), &folder).unwrap();
    std::fs::write(folder.join("A"), "1").unwrap();
    assert_eq!(machine.metadata(&path(r"C:\X\a")).unwrap().unwrap().len, 1);
    std::fs::remove_file(folder.join("A")).unwrap();
    assert!(machine.metadata(&path(r"C:\X\a")).unwrap().is_none());
    assert!(!machine.remove_file(&path(r"C:\X\a")).unwrap());
    std::fs::remove_dir(&folder).unwrap();
    assert!(machine.metadata(&path(r"C:\X\a")).unwrap().is_none());
    let error = machine.create_file(&path(r"C:\X\a")).unwrap_err();
    assert!(
        matches!(&error, MachineError::FolderMissing { folder, .. } if folder == &path(r"C:\X")),
        "{error}"
    );
    std::fs::write(machine.prefix().join("drive_c/same"), "lower").unwrap();
    std::fs::write(machine.prefix().join("drive_c/SAME"), "upper").unwrap();
    assert_eq!(read(&machine, r"C:\SAME"), "upper");
    assert_eq!(read(&machine, r"C:\same"), "lower");
    assert!(machine.remove_file(&path(r"C:\SAME")).unwrap());
    assert_eq!(read(&machine, r"C:\SAME"), "lower");
}

#[test]
fn links_that_lead_out_are_refused_by_name() {
    let (place, machine) = machine();
    let drive = machine.prefix().join("drive_c");
    std::fs::create_dir(place.path().join("outside")).unwrap();
    std::fs::write(place.path().join("outside/secret"), "s").unwrap();
    symlink(place.path().join("outside"), drive.join("out")).unwrap();
    symlink("../../outside/secret", drive.join("file")).unwrap();
    symlink("windows", drive.join("inside")).unwrap();
    let refused = |result: Result<(), MachineError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, MachineError::LeadsOut { .. }), "{error}");
        assert!(error.to_string().contains(r"C:\"), "{error}");
    };
    refused(machine.open_file(&path(r"C:\out\secret")).map(drop));
    refused(machine.open_file(&path(r"C:\file")).map(drop));
    refused(machine.metadata(&path(r"C:\file")).map(drop));
    refused(machine.create_file(&path(r"C:\out\new")).map(drop));
    refused(machine.create_folder(&path(r"C:\out\new")).map(drop));
    refused(machine.remove_file(&path(r"C:\out\secret")).map(drop));
    refused(machine.rename(&path(r"C:\inside\win.ini"), &path(r"C:\out\x")).map(drop));
    refused(
        machine.set_attributes(&path(r"C:\file"), Attributes { read_only: true, ..Attributes::default() }),
    );
    write(&machine, r"C:\inside\a", "through a link");
    assert_eq!(read(&machine, r"C:\windows\a"), "through a link");
    assert!(machine.remove_file(&path(r"C:\file")).unwrap(), "the link itself");
    assert!(place.path().join("outside/secret").exists());
}

#[test]
fn each_refusal_names_its_cause() {
    let (place, machine) = machine();
    write(&machine, r"C:\f", "x");
    let cases: [(MachineError, &str); 9] = [
        (machine.open_file(&path(r"C:\none")).unwrap_err(), r"cannot open 'C:\none': it does not exist"),
        (
            machine.open_file(&path(r"C:\a\b\c")).unwrap_err(),
            r"cannot open 'C:\a\b\c': the folder 'C:\a' does not exist",
        ),
        (machine.open_file(&path(r"C:\windows")).unwrap_err(), r"cannot open 'C:\windows': it is a folder"),
        (machine.open_file(&path(r"C:\f\x")).unwrap_err(), r"cannot open 'C:\f\x': 'C:\f' is not a folder"),
        (machine.open_file(&path(r"Q:\x")).unwrap_err(), r"drive Q: of 'Q:\x' is not in this prefix"),
        (
            machine.create_file(&path(r"Z:\tmp\x")).unwrap_err(),
            r"cannot create 'Z:\tmp\x': drive Z: lies outside the prefix and is only read",
        ),
        (
            machine.remove_file(&path(r"C:\windows")).unwrap_err(),
            r"cannot remove 'C:\windows': it is a folder",
        ),
        (
            machine.create_folder(&path(r"C:\f")).unwrap_err(),
            r"cannot create the folder 'C:\f': 'C:\f' is not a folder",
        ),
        (
            machine.rename(&path(r"C:\f"), &path(r"C:\windows")).unwrap_err(),
            r"cannot rename 'C:\windows': it is a folder",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.to_string(), expected);
    }
    // Sources are read from the whole computer.
    std::fs::write(place.path().join("source.msi"), "m").unwrap();
    let source = machine.windows_path(&place.path().join("source.msi")).unwrap();
    assert_eq!(source.drive(), 'Z');
    assert_eq!(read(&machine, source.as_str()), "m");
}

#[test]
fn renames_replace_and_links_are_second_names() {
    let (_place, machine) = machine();
    write(&machine, r"C:\a", "a");
    write(&machine, r"C:\B", "b");
    machine.rename(&path(r"C:\a"), &path(r"C:\b")).unwrap();
    assert_eq!(read(&machine, r"C:\B"), "a");
    let names: Vec<String> =
        machine.read_folder(&path("C:\\")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(names.contains(&"b".to_owned()) && !names.contains(&"B".to_owned()), "{names:?}");
    machine.rename(&path(r"C:\b"), &path(r"C:\B")).unwrap();
    assert!(machine.prefix().join("drive_c/B").exists());
    machine.link(&path(r"C:\b"), &path(r"C:\c")).unwrap();
    assert_eq!(
        machine.metadata(&path(r"C:\b")).unwrap().unwrap().identity,
        machine.metadata(&path(r"C:\c")).unwrap().unwrap().identity
    );
    // Two names of one file: the old name goes all the same.
    machine.rename(&path(r"C:\c"), &path(r"C:\b")).unwrap();
    assert!(machine.metadata(&path(r"C:\c")).unwrap().is_none());
    assert_eq!(read(&machine, r"C:\b"), "a");
    assert!(matches!(machine.link(&path(r"C:\b"), &path(r"C:\Windows")), Err(MachineError::Exists { .. })));
    machine.create_folder(&path(r"C:\d")).unwrap();
    write(&machine, r"C:\d\x", "x");
    machine.rename(&path(r"C:\d"), &path(r"C:\e")).unwrap();
    assert!(machine.metadata(&path(r"C:\d\x")).unwrap().is_none());
    assert_eq!(read(&machine, r"C:\e\x"), "x");
    assert!(!machine.remove_folder(&path(r"C:\e")).unwrap(), "not empty");
    machine.remove_file(&path(r"C:\e\x")).unwrap();
    assert!(machine.remove_folder(&path(r"C:\E")).unwrap());
    assert!(!machine.remove_folder(&path(r"C:\E")).unwrap());
}

#[test]
fn attributes_and_times_are_kept() {
    let (_place, machine) = machine();
    let file = path(r"C:\file.txt");
    write(&machine, r"C:\file.txt", "x");
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_500_000_000_123_456_700);
    machine.set_modified(&file, time).unwrap();
    assert_eq!(machine.metadata(&file).unwrap().unwrap().modified, time);
    for read_only in [true, false] {
        let attributes = Attributes { read_only, ..Attributes::default() };
        machine.set_attributes(&file, attributes).unwrap();
        assert_eq!(machine.attributes(&file).unwrap(), attributes);
        assert_eq!(machine.metadata(&file).unwrap().unwrap().read_only, read_only);
    }
    assert!(machine.volume_space('C').unwrap().free > 0);
    machine.sync_folder(&path(r"C:\windows")).unwrap();
}

#[test]
fn many_files_in_one_folder_cost_the_same_each() {
    const FILES: usize = 20_000;
    // In memory where there is such a place: a disk that others use is as slow as they make it.
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let machine = Machine::create_for(&place.path().join("prefix"), Bitness::X64, "me").unwrap();
    machine.create_folder(&path(r"C:\many")).unwrap();
    let folder = path(r"C:\MANY");
    let start = Instant::now();
    for number in 0..FILES {
        drop(machine.create_file(&folder.join(&format!("File{number}.dat")).unwrap()).unwrap());
    }
    let created = start.elapsed();
    for number in 0..FILES {
        assert!(machine.remove_file(&folder.join(&format!("FILE{number}.DAT")).unwrap()).unwrap());
    }
    println!("created {FILES} files in {created:?}, created and removed in {:?}", start.elapsed());
    // Reading the folder for each file would take minutes.
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_second_lock_names_the_holder() {
    let (_place, machine) = machine();
    let held = machine.lock().unwrap();
    let other = Machine::open(machine.prefix()).unwrap();
    match other.lock() {
        Err(MachineError::Locked { pid }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(held);
    drop(other.lock().unwrap());
    assert_eq!(machine.wine_server(), None);
}

#[test]
fn a_folder_is_asked_for_again_between_two_operations() {
    let (place, machine) = machine();
    let drive = machine.prefix().join("drive_c");
    let outside = place.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let create = |at: &str| machine.create_file(&path(at)).map(drop);
    let begin = |folder: &str| {
        assert!(machine.create_folder(&path(&format!(r"C:\{folder}"))).unwrap());
        create(&format!(r"C:\{folder}\first")).unwrap();
    };
    let names = |folder: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };

    // A link to a folder outside in its place.
    begin("linked");
    std::fs::rename(drive.join("linked"), drive.join("aside")).unwrap();
    symlink(&outside, drive.join("linked")).unwrap();
    assert!(matches!(create(r"C:\linked\second"), Err(MachineError::LeadsOut { .. })));
    assert!(matches!(machine.create_folder(&path(r"C:\linked\f")), Err(MachineError::LeadsOut { .. })));
    assert!(matches!(machine.remove_file(&path(r"C:\linked\first")), Err(MachineError::LeadsOut { .. })));
    assert!(names(&outside).is_empty());
    assert_eq!(names(&drive.join("aside")), ["first"]);

    // The folder above it is the link, and outside there is a folder of the same name.
    machine.create_folder(&path(r"C:\above")).unwrap();
    begin(r"above\inner");
    std::fs::create_dir(outside.join("inner")).unwrap();
    std::fs::rename(drive.join("above"), drive.join("above aside")).unwrap();
    symlink(&outside, drive.join("above")).unwrap();
    assert!(matches!(create(r"C:\above\inner\second"), Err(MachineError::LeadsOut { .. })));
    assert!(names(&outside.join("inner")).is_empty());

    // Renamed, and moved out.
    begin("renamed");
    std::fs::rename(drive.join("renamed"), drive.join("new name")).unwrap();
    assert!(matches!(create(r"C:\renamed\second"), Err(MachineError::FolderMissing { .. })));
    create(r"C:\New Name\second").unwrap();
    std::fs::rename(drive.join("new name"), outside.join("moved")).unwrap();
    assert!(matches!(create(r"C:\New Name\third"), Err(MachineError::FolderMissing { .. })));
    assert_eq!(names(&outside.join("moved")), ["first", "second"]);

    // Removed and made again, and another folder in its place.
    begin("again");
    std::fs::remove_dir_all(drive.join("again")).unwrap();
    assert!(matches!(create(r"C:\again\second"), Err(MachineError::FolderMissing { .. })));
    begin("Again");
    create(r"C:\again\second").unwrap();
    assert_eq!(names(&drive.join("Again")), ["first", "second"]);
    begin("other");
    std::fs::rename(drive.join("Again"), drive.join("again aside")).unwrap();
    std::fs::rename(drive.join("other"), drive.join("Again")).unwrap();
    create(r"C:\again\third").unwrap();
    assert_eq!(names(&drive.join("Again")), ["first", "third"]);
    assert_eq!(names(&drive.join("again aside")), ["first", "second"]);

    // By our own hand.
    begin("own");
    machine.rename(&path(r"C:\own"), &path(r"C:\owned")).unwrap();
    assert!(matches!(create(r"C:\own\second"), Err(MachineError::FolderMissing { .. })));
    create(r"C:\owned\second").unwrap();
    assert_eq!(names(&drive.join("owned")), ["first", "second"]);
}

#[test]
fn a_folder_moved_out_with_a_link_to_it_in_its_place_is_refused_soon() {
    let (place, machine) = machine();
    let folder = machine.prefix().join("drive_c/folder");
    let outside = place.path().join("outside");
    machine.create_folder(&path(r"C:\folder")).unwrap();
    write(&machine, r"C:\folder\first", "x");
    std::fs::rename(&folder, &outside).unwrap();
    symlink(&outside, &folder).unwrap();
    // The link leads to the folder that was open; that a link is on the way is seen at the next walk.
    let start = Instant::now();
    for number in 0.. {
        match machine.create_file(&path(&format!(r"C:\folder\{number}"))) {
            Ok(_) => assert!(start.elapsed() < Duration::from_secs(10), "{number} files outside"),
            Err(error) => {
                assert!(matches!(error, MachineError::LeadsOut { .. }), "{error}");
                break;
            }
        }
    }
    assert!(matches!(machine.remove_file(&path(r"C:\folder\first")), Err(MachineError::LeadsOut { .. })));
    assert!(outside.join("first").exists());
}

#[test]
fn more_folders_than_are_kept_open_are_used_in_turn() {
    let (_place, machine) = machine();
    for folder in 0..200 {
        machine.create_folder(&path(&format!(r"C:\f{folder}"))).unwrap();
    }
    for file in 0..3 {
        for folder in 0..200 {
            write(&machine, &format!(r"C:\F{folder}\{file}"), "x");
        }
    }
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    assert!(open < 600, "{open} handles");
    for folder in 0..200 {
        assert_eq!(machine.read_folder(&path(&format!(r"C:\f{folder}"))).unwrap().len(), 3);
    }
}

#[test]
fn a_name_taken_by_another_program_is_not_taken_over() {
    let (_place, machine) = machine();
    let folder = machine.prefix().join("drive_c/x");
    machine.create_folder(&path(r"C:\x")).unwrap();
    for number in 0..200 {
        write(&machine, &format!(r"C:\x\{number}"), "ours");
        std::fs::write(folder.join(format!("{number}b")), "theirs").unwrap();
        std::fs::create_dir(folder.join(format!("{number}c"))).unwrap();
        let error = machine.create_file(&path(&format!(r"C:\x\{number}b"))).unwrap_err();
        assert!(matches!(error, MachineError::Exists { .. }), "{error}");
        assert!(!machine.create_folder(&path(&format!(r"C:\x\{number}c"))).unwrap());
        assert_eq!(read(&machine, &format!(r"C:\x\{number}b")), "theirs");
    }
}
