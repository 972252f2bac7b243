//! The exit codes: the one place that says what they mean.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: an error; wrong usage and a declined prompt too.
    Error,
    /// 2: changes or drift were found (`plan --detailed-exitcode`, `drift`).
    Found,
    /// 3: refused: a guardrail, a preflight check, another digest, a stale plan.
    Refused,
    /// 4: partly applied; run it again to converge.
    Partial,
    /// 5: the state is locked by someone else.
    Locked,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Found => 2,
            Exit::Refused => 3,
            Exit::Partial => 4,
            Exit::Locked => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// The table as it stands at the end of `rolecall --help`.
pub const HELP: &str = "\
Exit codes:
  0  done, or nothing to do
  1  error (wrong usage and a declined prompt too)
  2  changes or drift found (plan --detailed-exitcode, drift)
  3  refused: guardrail, preflight, digest mismatch, stale plan
  4  partly applied; run it again to converge
  5  locked by someone else
  130  interrupted (apply and destroy: by the second Ctrl-C)";
