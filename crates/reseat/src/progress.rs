//! Progress bars of long work on package files. They are drawn on standard error, only where it is a terminal and results are
//! for people, and only when the work takes a while.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::arguments::Global;

/// A bar that counts bytes.
pub fn bytes(global: &Global, total: u64) -> ProgressBar {
    shown(global, total, "{spinner} {bytes:>11} of {total_bytes} {wide_bar} {percent:>3}%")
}

/// A sign of life for work whose length is not known beforehand; it goes when the value is dropped.
pub fn waiting(global: &Global, what: &'static str) -> ProgressBar {
    let bar = shown(global, 0, "{spinner} {msg}").with_message(what).with_finish(ProgressFinish::AndClear);
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    bar
}

fn shown(global: &Global, total: u64, template: &str) -> ProgressBar {
    if global.quiet || global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
