//! Progress bars of long work on package files. They are drawn on standard error, only where it is a terminal and results are
//! for people, and not more often than twenty times a second.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::Global;

/// A bar that counts bytes.
pub fn bytes(global: &Global, total: u64) -> ProgressBar {
    shown(global, total, "{spinner} {bytes:>11} of {total_bytes} {wide_bar} {percent:>3}%")
}

/// A bar that counts things of this name.
pub fn counted(global: &Global, total: u64, what: &'static str) -> ProgressBar {
    let template = "{spinner} {human_pos:>11} of {human_len} {msg} {wide_bar} {percent:>3}%";
    shown(global, total, template).with_message(what)
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
