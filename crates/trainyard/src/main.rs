//! The `trainyard` command.

mod command;

use clap::Parser;
use command::Cli;
use std::io::IsTerminal;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            command::print_error(&error);
            ExitCode::from(command::exit_code(&error))
        }
    }
}

/// Notices go to standard error; `RUST_LOG` says more or less of them.
fn start_logging(verbose: bool) {
    let default = if verbose { "debug" } else { "info" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("warn,trainyard={default}")));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).without_time().with_target(false).init();
}
