//! Reads the command line, calls [`postern::cli`], gives back an exit code.

fn main() {}
