//! Saved plans: `plan --out FILE`, read back by `apply FILE` and `show FILE`.
//!
//! A saved plan is untrusted input. Nothing in it is ever carried out: apply plans again, shows the plan it made, and
//! requires the same digest. The seal over the whole file finds damage and careless edits; whoever means to deceive
//! can seal a file anew, which is why `show` says what it is showing. The file is confidential, since it names people
//! and policies and carries the values of variables.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plan::digest::digest;
use crate::plan::{FORMAT_VERSION, Plan};

use super::env::Env;
use super::error::Failure;
use super::variables::Given;

/// What a saved plan's file begins with.
const KIND: &str = "rolecall plan";

/// What the command line added to the stack when the plan was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeWith {
    /// `--max-removals`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_removals: Option<u64>,
    /// `--var` and `--var-file`.
    #[serde(default, skip_serializing_if = "Given::is_empty")]
    pub variables: Given,
}

impl MadeWith {
    /// The options in words, without values that may be secret; `None` when there were none.
    pub fn summary(&self) -> Option<String> {
        let removals = self.max_removals.map(|most| format!("--max-removals {most}"));
        let words: Vec<String> = removals.into_iter().chain(self.variables.summary()).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// The first line: read first, so that another version is named instead of a missing field.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    kind: String,
    format_version: u32,
    /// BLAKE3 of everything behind the first line.
    seal: String,
}

#[derive(Serialize)]
struct Body<'a> {
    made_with: &'a MadeWith,
    plan: &'a Plan,
}

/// A saved plan, read back.
#[derive(Debug, Deserialize)]
pub struct Loaded {
    /// What it was made with.
    pub made_with: MadeWith,
    /// The plan.
    pub plan: Plan,
}

/// Writes a plan so that only its owner may read it.
///
/// # Errors
/// When the file cannot be written.
pub fn save(env: &Env, path: &Path, plan: &Plan, made_with: &MadeWith) -> Result<(), Failure> {
    env.write_private(path, |out| out.write_all(&encode(plan, made_with)?))
}

fn encode(plan: &Plan, made_with: &MadeWith) -> std::io::Result<Vec<u8>> {
    let mut body = serde_json::to_vec(&Body { made_with, plan })?;
    body.push(b'\n');
    let mut bytes = serde_json::to_vec(&head_of(&body))?;
    bytes.push(b'\n');
    bytes.extend(body);
    Ok(bytes)
}

fn head_of(body: &[u8]) -> Head {
    Head {
        kind: KIND.to_owned(),
        format_version: FORMAT_VERSION,
        seal: blake3::hash(body).to_hex().to_string(),
    }
}

/// Reads a plan. Its seal holds, and its digest is that of its content.
///
/// # Errors
/// When it cannot be read, is no saved plan, has another version, or was changed (exit code 3).
pub fn load(env: &Env, path: &Path) -> Result<Loaded, Failure> {
    decode(&env.read(path)?, &path.display().to_string())
}

fn decode(bytes: &[u8], shown: &str) -> Result<Loaded, Failure> {
    let no_plan =
        || Failure::new(format!("{shown} is not a saved plan")).help("`rolecall plan --out FILE` writes one");
    let changed = |how: &str| {
        Failure::refused(format!(
            "{shown} was damaged or changed since it was saved: {how}"
        ))
        .help("plan again, and review that plan")
    };
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(no_plan)?;
    let (first, body) = bytes.split_at_checked(end + 1).ok_or_else(no_plan)?;
    let head: Head = match serde_json::from_slice(first) {
        Ok(head) => head,
        Err(_) if String::from_utf8_lossy(first).contains(KIND) => {
            return Err(changed("its first line cannot be read"));
        }
        Err(_) => return Err(no_plan()),
    };
    if head.kind != KIND {
        return Err(no_plan());
    }
    let expected = head_of(body);
    if head.seal != expected.seal {
        return Err(changed("its seal does not fit its content"));
    }
    if head.format_version != FORMAT_VERSION {
        return Err(Failure::new(format!(
            "{shown} has plan format {}, and this rolecall reads {FORMAT_VERSION}",
            head.format_version
        ))
        .help("plan again with this rolecall"));
    }
    let written = serde_json::to_vec(&expected).unwrap_or_default();
    if first.strip_suffix(b"\n") != Some(&written) {
        return Err(changed("its first line is not as it was written"));
    }
    let loaded: Loaded =
        serde_json::from_slice(body).map_err(|error| changed(&format!("it cannot be read: {error}")))?;
    if digest(&loaded.plan) != loaded.plan.digest {
        return Err(changed("its content does not have the digest it states"));
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::plan::testing::{Stack, World};

    fn saved() -> Vec<u8> {
        let plan = crate::plan::plan(&World::new().input(Stack::new()));
        let made_with = MadeWith {
            max_removals: Some(60),
            variables: Given::default(),
        };
        encode(&plan, &made_with).unwrap()
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let loaded = decode(&saved(), "p").unwrap();
        assert_eq!(loaded.made_with.summary().unwrap(), "--max-removals 60");
    }

    #[test]
    fn no_byte_can_be_changed_unnoticed() {
        let bytes = saved();
        for at in 0..bytes.len() {
            for flip in [1, 4, 0x20, 0x80] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                assert!(decode(&bytes, "p").is_err(), "byte {at} with {flip}");
            }
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], "p").is_err(), "{length} bytes");
        }
    }

    #[test]
    fn damage_is_a_refusal_and_another_file_an_error() {
        let mut bytes = saved();
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
        assert_eq!(decode(&bytes, "p").unwrap_err().exit(), Exit::Refused);
        for other in [&b""[..], b"{}\n", b"hello\nworld\n"] {
            assert_eq!(decode(other, "p").unwrap_err().exit(), Exit::Error);
        }
    }
}
