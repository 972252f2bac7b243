//! Saved plans: `plan --out FILE`, read back by `apply FILE` and `show FILE`.
//!
//! A saved plan is untrusted input. Nothing in it is ever carried out: apply plans again and requires the same
//! digest. It is confidential, since it names people and policies.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plan::digest::digest;
use crate::plan::{FORMAT_VERSION, Plan};

use super::env::Env;
use super::error::Failure;

/// What a saved plan's file begins with.
const KIND: &str = "rolecall plan";

#[derive(Serialize)]
struct Saved<'a> {
    kind: &'static str,
    format_version: u32,
    plan: &'a Plan,
}

/// Read first, so that another version is named instead of a missing field.
#[derive(Deserialize)]
struct Head {
    kind: String,
    format_version: u32,
}

#[derive(Deserialize)]
struct Loaded {
    plan: Plan,
}

/// Writes a plan so that only its owner may read it.
///
/// # Errors
/// When the file cannot be written.
pub fn save(env: &Env, path: &Path, plan: &Plan) -> Result<(), Failure> {
    let saved = Saved {
        kind: KIND,
        format_version: FORMAT_VERSION,
        plan,
    };
    env.write_private(path, |out| serde_json::to_writer(out, &saved).map_err(Into::into))
}

/// Reads a plan. Its digest is that of its content.
///
/// # Errors
/// When it cannot be read, is no saved plan, has another version, or does not have the digest it states.
pub fn load(env: &Env, path: &Path) -> Result<Plan, Failure> {
    let bytes = env.read(path)?;
    let shown = path.display();
    let no_plan = |error: &serde_json::Error| Failure::new(format!("{shown} is not a saved plan: {error}"));
    let head: Head = serde_json::from_slice(&bytes).map_err(|error| no_plan(&error))?;
    if head.kind != KIND {
        return Err(Failure::new(format!("{shown} is not a saved plan")));
    }
    if head.format_version != FORMAT_VERSION {
        return Err(Failure::new(format!(
            "{shown} has plan format {}, and this rolecall reads {FORMAT_VERSION}",
            head.format_version
        ))
        .help("plan again with this rolecall"));
    }
    let Loaded { plan } = serde_json::from_slice(&bytes).map_err(|error| no_plan(&error))?;
    if digest(&plan) != plan.digest {
        return Err(Failure::refused(format!(
            "{shown} was changed since it was saved: its content does not have the digest it states"
        ))
        .help("plan again, and review that plan"));
    }
    Ok(plan)
}
