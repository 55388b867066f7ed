//! Who Reseat works as: root that was given another user's prefix goes on as that user.
//!
//! Then the kernel holds what is promised: no link of that user leads root anywhere, what is installed belongs to the user, programs of
//! the package and applications that are started again run as the user, and nothing of root's can be read by them. The program is
//! started anew in the place of this one, without root's groups and environment. `--as-root` stays root.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use reseat_machine::Account;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::prefix;

/// What of root's environment is no secret and goes on, besides the locale (`LC_…`).
const KEPT: [&str; 14] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "WINEPREFIX",
    "WINEDEBUG",
    "WINEDLLOVERRIDES",
    "RESEAT_WINDOWS_DIR",
    "RUST_BACKTRACE",
];

/// Where sessions of the Restart Manager are kept; it goes on where it belongs to the user.
const RUNTIME_FOLDER: &str = "RESEAT_RUNTIME_DIR";

/// Goes on as the owner of the prefix if this is root and the prefix is another user's.
///
/// # Errors
/// When that is not possible. Where it is, this does not return: the program begins anew.
pub fn take(global: &Global) -> Result<(), Failure> {
    if global.as_root || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    // A command that needs no prefix says itself that there is none.
    let Ok(folder) = prefix::folder(global) else { return Ok(()) };
    let Some(user) = owner(&folder) else { return Ok(()) };
    if !global.quiet {
        let folder = folder.display();
        eprintln!("working as {}, whose prefix {folder} is; --as-root goes on as root", user.name);
    }
    let mut arguments = env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(arguments.next().unwrap_or_else(|| "reseat".into())).args(arguments);
    command.uid(user.id).gid(user.group).env_clear();
    command.envs(env::vars_os().filter(|(name, _)| is_kept(name)));
    command.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
    if global.prefix.is_none() {
        command.env("WINEPREFIX", &folder);
    }
    let runtime = format!("/run/user/{}", user.id);
    if belongs_to(Path::new(&runtime), user.id) {
        command.env("XDG_RUNTIME_DIR", runtime);
    }
    if let Some(runtime) = env::var_os(RUNTIME_FOLDER).filter(|it| belongs_to(Path::new(it), user.id)) {
        command.env(RUNTIME_FOLDER, runtime);
    }
    let failed = command.exec();
    let failure = Failure::message(format!("cannot go on as {}, whose prefix it is: {failed}", user.name));
    Err(failure.with_hint("--as-root goes on as root"))
}

fn is_kept(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"LC_") || KEPT.iter().any(|kept| name == *kept)
}

/// The user who has a prefix in hand, unless that is root: its owner, or that of a link on the way to it. Of one that is not
/// there yet, the owner of the folder that it will be made in.
fn owner(prefix: &Path) -> Option<Account> {
    let mut ways: Vec<_> = prefix.ancestors().collect();
    ways.reverse();
    let links = ways.iter().filter_map(|path| path.symlink_metadata().ok()).filter(|it| it.is_symlink());
    let foreign_link = links.map(|link| (link.uid(), link.gid())).find(|(owner, _)| *owner != 0);
    let nearest = || ways.iter().rev().find_map(|path| path.metadata().ok());
    let (id, group) = foreign_link.or_else(|| nearest().map(|it| (it.uid(), it.gid())))?;
    (id != 0).then(|| Account::of(id).unwrap_or_else(|| unknown(id, group, prefix)))
}

/// A user of whom nothing but files is known here, as in a container.
fn unknown(id: u32, group: u32, prefix: &Path) -> Account {
    Account { id, group, name: format!("user {id}"), home: prefix.into() }
}

fn belongs_to(folder: &Path, user: u32) -> bool {
    folder.symlink_metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == user)
}
