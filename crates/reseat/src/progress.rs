//! Progress bars of long work on package files. They are drawn on standard error, only where it is a terminal and results are
//! for people, and only when the work takes a while.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::Global;

/// A bar that counts bytes.
pub fn bytes(global: &Global, total: u64) -> ProgressBar {
    shown(global, total, "{spinner} {bytes:>11} of {total_bytes} {wide_bar} {percent:>3}%")
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
