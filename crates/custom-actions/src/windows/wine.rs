//! Wine as this machine has it: where it is, and how a program is started with it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::container::Container;

/// How long the hello of a host may take when Wine runs already, and when it has to start, which may mean that it
/// prepares the prefix first.
const WARM_LIMIT: Duration = Duration::from_secs(30);
const COLD_LIMIT: Duration = Duration::from_secs(180);

/// Wine, installed.
#[derive(Debug, Clone)]
pub(crate) struct Wine {
    program: PathBuf,
    prefix: PathBuf,
}

impl Wine {
    /// Finds Wine in PATH.
    pub(crate) fn find(prefix: &Path) -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let mut candidates =
            std::env::split_paths(&path).flat_map(|folder| ["wine", "wine64"].map(|name| folder.join(name)));
        let program = candidates.find(|path| path.is_file())?;
        Some(Self { program, prefix: prefix.to_owned() })
    }

    /// A Windows program to be started, in a container if there is one.
    pub(crate) fn command(
        &self,
        container: Option<&Container>,
        program: &str,
        overrides: &str,
    ) -> io::Result<Command> {
        let folder = self.prefix.join("drive_c");
        let mut command = match container {
            Some(container) => container.command(&self.program, &folder)?,
            None => {
                let mut command = Command::new(&self.program);
                command.current_dir(folder);
                command
            }
        };
        let mut all = std::env::var_os("WINEDLLOVERRIDES").filter(|it| !it.is_empty()).unwrap_or_default();
        let mut add = |text: &str| {
            if !all.is_empty() {
                all.push(";");
            }
            all.push(text);
        };
        add(overrides);
        if !self.is_prepared() {
            // Wine asks whether to download them, while it prepares a prefix, and waits for an answer.
            add("mscoree,mshtml=d");
        }
        command
            .arg(program)
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDLLOVERRIDES", all)
            // Else the names of files with letters beyond ASCII differ between Windows programs and this machine.
            .env("LC_ALL", "C.UTF-8");
        // Else Debian's Wine would start a second server beside one that was started with another temporary folder.
        let server = match container {
            Some(_) => None,
            None => reseat_machine::running_wine_server(&self.prefix),
        };
        if let Some(folder) = server.as_ref().and_then(|server| server.temporary_folder()) {
            command.env("TMPDIR", folder);
        }
        if std::env::var_os("WINEDEBUG").is_none() {
            command.env("WINEDEBUG", "-all");
        }
        Ok(command)
    }

    /// Waits for the end of a server that no program can join, because its folder was removed: it would write its registry
    /// over that of another. False when it goes on.
    pub(crate) fn let_end(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            match reseat_machine::running_wine_server(&self.prefix) {
                Some(server) if server.folder.is_none() => {}
                _ => return true,
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether Wine has made this prefix ready for itself.
    fn is_prepared(&self) -> bool {
        self.prefix.join(".update-timestamp").is_file()
    }

    /// How long a host may take until its hello.
    pub(crate) fn hello_limit(&self, runs: bool) -> Duration {
        if runs && self.is_prepared() { WARM_LIMIT } else { COLD_LIMIT }
    }
}
