//! The help of every command is what was agreed on.

use clap::CommandFactory;

use crate::common::{golden, repository};

#[test]
fn help_is_as_agreed() {
    let mut command = rolecall::cli::args::Cli::command().term_width(100);
    command.build();
    let mut text = String::new();
    collect(&mut command, &mut text);
    golden(&repository().join("tests/help/help.txt"), &text);
}

fn collect(command: &mut clap::Command, out: &mut String) {
    let name = command.get_bin_name().unwrap_or("rolecall").to_owned();
    out.push_str(&format!("==== {name}\n{}\n", command.clone().render_long_help()));
    for sub in command.get_subcommands_mut() {
        // What `help` says is what the commands say.
        if !sub.is_hide_set() && sub.get_name() != "help" {
            collect(sub, out);
        }
    }
}
