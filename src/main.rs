//! The binary: the real environment, one call, one exit code.

fn main() {}
