//! Programs in C, compiled with the header and run with the library.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder with the library that cargo has built for this test.
fn library_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap().to_owned();
    assert!(folder.join("librstrtmgr.so").exists(), "{} has no librstrtmgr.so", folder.display());
    folder
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Compiles a program without a warning.
    fn compile(&self, source: &Path) -> PathBuf {
        let program = self.path(source.file_stem().unwrap().to_str().unwrap());
        let output = Command::new("cc")
            .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread", "-I"])
            .arg(here("include"))
            .arg(source)
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(library_folder())
            .arg("-lrstrtmgr")
            .output()
            .unwrap_or_else(|error| panic!("cc: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        program
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("LD_LIBRARY_PATH", library_folder())
            .env("RESEAT_RUNTIME_DIR", self.path("runtime"))
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }
}

#[test]
fn every_function_answers_as_documented() {
    let place = Place::new();
    let program = place.compile(&here("tests/contract.c"));
    let file = place.write("held", "content\n");
    let output = place.command(&program).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{:?}\n{said}", output.status);
    let left = std::fs::read_dir(place.path("runtime/sessions")).unwrap().count();
    assert_eq!(left, 0, "sessions left behind");
}

/// Waits until a file has a line that begins with this word.
fn wait_for_line(path: &Path, word: &str) -> String {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if let Some(line) = text.split_inclusive('\n').find(|it| it.starts_with(word) && it.ends_with('\n')) {
            return line.trim_end().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no {word:?} in {text:?}");
        std::thread::yield_now();
    }
}

/// Ends a child that is still there.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_closes_an_application_replaces_its_file_and_starts_it_again() {
    let place = Place::new();
    let replace = place.compile(&here("../../example/c/replace.c"));
    let waiter = place.compile(&here("../../example/c/waiter.c"));
    // Not ASCII, so that the strings really are UTF-16.
    let folder = place.path("größer 𝄞");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("the held file");
    std::fs::write(&file, "old\n").unwrap();
    let new = place.write("new", "new\n");
    let said = place.path("said");
    let output = File::options().create(true).append(true).open(&said).unwrap();
    let mut command = place.command(&waiter);
    let mut child = Reaped(command.current_dir(&folder).arg(&file).stdout(output).spawn().unwrap());
    assert_eq!(wait_for_line(&said, "first"), "first old");

    let output = place.command(&replace).args([&file, &new]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let list = String::from_utf8_lossy(&output.stdout);
    assert_eq!(list, format!("waiter (process {})\n", child.0.id()));
    assert!(errors.contains("100 %"), "{errors}");
    assert!(child.0.try_wait().unwrap().is_some(), "the old one has ended");
    assert_eq!(wait_for_line(&said, "again"), "again new");
    // It is the one that holds the new file.
    for entry in std::fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().parse::<i32>().ok();
        let runs = std::fs::read_link(entry.path().join("exe")).is_ok_and(|it| it == waiter);
        if let Some(pid) = name.and_then(Pid::from_raw).filter(|_| runs) {
            kill_process(pid, Signal::KILL).unwrap();
        }
    }
}
