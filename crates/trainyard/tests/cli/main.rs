//! The program from end to end: what a user types, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bad_input;
mod commands;
mod full_disk;
mod insight;
mod prepare;
mod project;
mod resume;
mod serve;
mod sources;
mod views;
