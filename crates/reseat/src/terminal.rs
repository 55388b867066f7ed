//! The user interface on a terminal: progress, messages, and the question about files in use.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reseat_engine::{Answer, FilesInUseAnswer, Language, Message, Question, UserInterface, masked};
use reseat_restart_manager::{Application, ApplicationList, CancelToken};

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
            Progress::Auto => is_terminal && !global.quiet && !global.json,
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

/// The question about files in use, in a language.
struct Words {
    in_use: &'static str,
    process: &'static str,
    starts_again: &'static str,
    stays_closed: &'static str,
    close_or_not: &'static str,
    close_yourself: &'static str,
    /// What may be typed for each answer, beside its first letter.
    answers: [(&'static str, FilesInUseAnswer); 5],
}

impl Words {
    fn of(language: Language) -> &'static Self {
        use FilesInUseAnswer::{Cancel, Ignore, No, Retry, ShutDown};
        match language {
            Language::English => &Self {
                in_use: "These applications use files that are about to be replaced:",
                process: "process",
                starts_again: "will be started again",
                stays_closed: "will stay closed",
                close_or_not: "[c]lose them, [n]o, [i]gnore, [r]etry, [q]uit? ",
                close_yourself: "Close them yourself and [r]etry, [i]gnore, [q]uit? ",
                answers: [
                    ("close", ShutDown),
                    ("no", No),
                    ("ignore", Ignore),
                    ("retry", Retry),
                    ("quit", Cancel),
                ],
            },
            Language::German => &Self {
                in_use: "Diese Anwendungen verwenden Dateien, die ersetzt werden sollen:",
                process: "Prozess",
                starts_again: "wird wieder gestartet",
                stays_closed: "bleibt geschlossen",
                close_or_not: "[s]chließen, [n]ein, [i]gnorieren, [w]iederholen, [a]bbrechen? ",
                close_yourself: "Schließen Sie sie selbst und [w]iederholen, [i]gnorieren, [a]bbrechen? ",
                answers: [
                    ("schliessen", ShutDown),
                    ("nein", No),
                    ("ignorieren", Ignore),
                    ("wiederholen", Retry),
                    ("abbrechen", Cancel),
                ],
            },
        }
    }

    /// The answer that was typed: a word or its first letter.
    fn answer(&self, line: &str) -> Option<FilesInUseAnswer> {
        // The capital letter of ß is SS.
        let typed = line.trim().to_lowercase().replace('ß', "ss");
        let means =
            |word: &str| typed == word || word.chars().next().is_some_and(|it| typed == it.to_string());
        self.answers.iter().find(|(word, _)| means(word)).map(|(_, answer)| *answer)
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
            Message::Warning { number, text } => {
                let text = failure::numbered(*number, text);
                self.warnings.push(masked(&text));
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
        let words = Words::of(self.language());
        let question = if may_shut_down { words.close_or_not } else { words.close_yourself };
        self.bar.suspend(|| {
            eprintln!("{}", words.in_use);
            for application in applications.running() {
                let again = if application.restartable { words.starts_again } else { words.stays_closed };
                let Application { name, process, .. } = application;
                eprintln!("  {name} ({} {}), {again}", words.process, process.pid);
            }
            loop {
                eprint!("{question}");
                let _ = std::io::stderr().flush();
                let mut line = String::new();
                match std::io::stdin().lock().read_line(&mut line) {
                    Ok(0) | Err(_) => return FilesInUseAnswer::Cancel,
                    Ok(_) => {}
                }
                match words.answer(&line) {
                    Some(FilesInUseAnswer::ShutDown | FilesInUseAnswer::No) if !may_shut_down => {}
                    Some(answer) => return answer,
                    None => {}
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
        let language = self.language();
        let words = question.buttons.answers().iter().map(|answer| answer.label(language));
        let words = words.collect::<Vec<_>>().join(", ");
        self.bar.suspend(|| {
            eprintln!("{}", masked(&question.text));
            loop {
                eprint!("{words} ({})? ", default.label(language));
                let _ = std::io::stderr().flush();
                let mut line = String::new();
                match std::io::stdin().lock().read_line(&mut line) {
                    Ok(0) | Err(_) => return default,
                    Ok(_) => {}
                }
                if let Some(answer) = question.answer(&line, language) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_about_files_in_use_is_answered_by_a_word_or_its_first_letter() {
        for language in [Language::English, Language::German] {
            let words = Words::of(language);
            for (word, answer) in &words.answers {
                let first: String = word.chars().take(1).collect();
                for typed in [word.to_string(), first, format!(" {}\n", word.to_uppercase())] {
                    assert_eq!(words.answer(&typed), Some(*answer), "{typed}");
                }
            }
            assert_eq!(words.answer("x"), None);
        }
    }
}
