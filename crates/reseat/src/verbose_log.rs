//! The verbose log: a subscriber that writes the engine's events as Windows Installer writes its log.
//!
//! Lines of the service begin with who speaks, process and thread in hexadecimal, and the time:
//! `MSI (s) (F4:A0) [11:45:51:314]: …`. Warnings of every crate are written too, as `Note:` lines.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Zoned;
use reseat_engine::log;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::failure::Failure;

/// Writes the verbose log into a file.
pub struct VerboseLog {
    out: Mutex<BufWriter<File>>,
    speaker: String,
}

impl VerboseLog {
    /// The same for a command that the user gave a log file; `append` keeps what the file holds.
    ///
    /// # Errors
    /// Number 1622 when the file cannot be written.
    pub fn open(path: &Path, append: bool) -> Result<Self, Failure> {
        Self::create(path, append).map_err(|error| {
            Failure::documented(1622, format!("the log {} cannot be written: {error}", path.display()))
        })
    }

    /// Creates the file and writes the first line.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn create(path: &Path, append: bool) -> io::Result<Self> {
        let file =
            if append { File::options().create(true).append(true).open(path)? } else { File::create(path)? };
        let mut out = BufWriter::new(file);
        let now = Zoned::now();
        writeln!(
            out,
            "=== Verbose logging started: {}  Build type: reseat {}  Calling process: {} ===",
            now.strftime("%m/%d/%Y  %H:%M:%S"),
            env!("CARGO_PKG_VERSION"),
            std::env::current_exe().unwrap_or_default().display(),
        )?;
        let process = std::process::id();
        Ok(Self { out: Mutex::new(out), speaker: format!("MSI (s) ({process:X}:{process:X})") })
    }

    fn line(&self, line: fmt::Arguments<'_>) {
        let line = reseat_engine::masked(&line.to_string());
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not end an installation half-way.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

impl Drop for VerboseLog {
    fn drop(&mut self) {
        let now = Zoned::now();
        self.line(format_args!("=== Verbose logging stopped: {} ===", now.strftime("%m/%d/%Y  %H:%M:%S")));
    }
}

impl Subscriber for VerboseLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_log_line(metadata) || (metadata.is_event() && *metadata.level() <= Level::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        match metadata.target() {
            log::SERVICE => {
                let now = Zoned::now();
                let milliseconds = now.millisecond();
                let time = now.strftime("%H:%M:%S");
                self.line(format_args!("{} [{time}:{milliseconds:03}]: {text}", self.speaker));
            }
            log::PLAIN => self.line(format_args!("{text}")),
            target => self.line(format_args!("Note: {target}: {text}")),
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn is_log_line(metadata: &Metadata<'_>) -> bool {
    matches!(metadata.target(), log::SERVICE | log::PLAIN)
}

/// The message of an event with its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.message, self.fields)
    }
}
