//! The user interface on a terminal: progress, messages, and the question about files in use.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reseat_engine::{Answer, FilesInUseAnswer, Language, Message, Question, UserInterface, masked};
use reseat_restart_manager::{ApplicationList, CancelToken};

use crate::arguments::{Global, Progress};
use crate::failure::{self, language};

/// Set by Ctrl-C; the engine asks for it between operations.
static CANCELLED: AtomicBool = AtomicBool::new(false);
/// What Ctrl-C ends at once, while the engine waits.
static WAIT: Mutex<Option<CancelToken>> = Mutex::new(None);

/// Ends the installation: after the current operation, or now if it waits.
pub fn cancel() {
    CANCELLED.store(true, Ordering::Relaxed);
    if let Some(token) = &*WAIT.lock().unwrap_or_else(PoisonError::into_inner) {
        token.cancel();
    }
}

/// Shows an installation on standard error.
pub struct Terminal {
    bar: ProgressBar,
    /// One line for each action.
    plain: bool,
    quiet: bool,
    /// Somebody is there to answer.
    asks: bool,
    /// What the package's programs printed and what was warned of, for `--json`.
    pub warnings: Vec<String>,
    /// Why the installation ended, in the package's words where it has some.
    pub error: Option<String>,
}

impl Terminal {
    /// A user interface as the options ask for it.
    pub fn new(global: &Global, progress: Progress) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let shows_bar = match progress {
            Progress::Auto => is_terminal && !global.quiet,
            Progress::Bar => true,
            Progress::Plain | Progress::None => false,
        };
        let target = if shows_bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:36!} {wide_bar} {percent:>3}%") {
            bar.set_style(style);
        }
        if shows_bar {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self {
            bar,
            plain: progress == Progress::Plain,
            quiet: global.quiet,
            asks: !global.quiet && !global.json && is_terminal && std::io::stdin().is_terminal(),
            warnings: Vec::new(),
            error: None,
        }
    }

    /// The same without questions: what is in the way is closed.
    pub fn without_questions(self) -> Self {
        Self { asks: false, ..self }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        let text = masked(text);
        self.bar.suspend(|| eprintln!("{text}"));
    }
}

impl UserInterface for Terminal {
    fn message(&mut self, message: &Message) {
        match message {
            Message::ActionStart { action, description } => {
                let text = if description.is_empty() { action } else { description };
                self.bar.set_message(masked(text));
                if self.plain {
                    self.line(text);
                }
            }
            Message::ActionData(text) => {
                if self.plain {
                    self.line(&format!("  {text}"));
                }
            }
            Message::Progress { done, total } => {
                self.bar.set_length(*total);
                self.bar.set_position(*done);
            }
            Message::Information(text) => {
                if !self.quiet {
                    self.line(text);
                }
            }
            Message::Warning(text) => {
                self.warnings.push(masked(text));
                self.line(&format!("reseat: warning: {text}"));
            }
            // The command prints the error that it gets.
            Message::Error { number, text } => self.error = Some(failure::numbered(*number, text)),
        }
    }

    fn files_in_use(&mut self, applications: &ApplicationList, may_shut_down: bool) -> FilesInUseAnswer {
        if !self.asks {
            return FilesInUseAnswer::ShutDown;
        }
        let question = if may_shut_down {
            "[c]lose them, [n]o, [i]gnore, [r]etry, [q]uit? "
        } else {
            "Close them yourself and [r]etry, [i]gnore, [q]uit? "
        };
        self.bar.suspend(|| {
            eprintln!("These applications use files that are about to be replaced:");
            for application in applications.running() {
                let again =
                    if application.restartable { "will be started again" } else { "will stay closed" };
                eprintln!("  {} (process {}), {again}", application.name, application.process.pid);
            }
            loop {
                eprint!("{question}");
                let _ = std::io::stderr().flush();
                let mut line = String::new();
                match std::io::stdin().lock().read_line(&mut line) {
                    Ok(0) | Err(_) => return FilesInUseAnswer::Cancel,
                    Ok(_) => {}
                }
                match line.trim().to_lowercase().as_str() {
                    "c" | "close" if may_shut_down => return FilesInUseAnswer::ShutDown,
                    "n" | "no" if may_shut_down => return FilesInUseAnswer::No,
                    "i" | "ignore" => return FilesInUseAnswer::Ignore,
                    "r" | "retry" => return FilesInUseAnswer::Retry,
                    "q" | "quit" => return FilesInUseAnswer::Cancel,
                    _ => {}
                }
            }
        })
    }

    fn language(&self) -> Language {
        language()
    }

    fn question(&mut self, question: &Question) -> Answer {
        if !self.asks {
            self.line(&question.text);
            return question.default_answer();
        }
        let default = question.default_answer();
        let words: Vec<&str> = question.buttons.answers().iter().map(|answer| answer.label()).collect();
        self.bar.suspend(|| {
            eprintln!("{}", masked(&question.text));
            loop {
                eprint!("{} ({})? ", words.join(", "), default.label());
                let _ = std::io::stderr().flush();
                let mut line = String::new();
                match std::io::stdin().lock().read_line(&mut line) {
                    Ok(0) | Err(_) => return default,
                    Ok(_) => {}
                }
                if let Some(answer) = question.answer(&line) {
                    return answer;
                }
            }
        })
    }

    fn waits(&mut self, token: Option<CancelToken>) {
        *WAIT.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    fn cancelled(&self) -> bool {
        CANCELLED.load(Ordering::Relaxed)
    }
}
