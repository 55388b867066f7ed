//! Tests with Wine, where it is installed: what it makes of ours, and what we make of its.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod adoption;
mod products;
mod runner;
