//! Reads the command line, calls [`postern::cli`], gives back an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    postern::cli::run(std::env::args_os())
}
