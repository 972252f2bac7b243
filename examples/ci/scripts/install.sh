#!/usr/bin/env bash
# Builds rolecall from source, at one commit: what is built here gets the role that can write.
# Usage: install.sh        (what it builds is in source.env, next to it)
# Needs cargo, and git where it is built from a repository.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "${SOURCE:-$here/source.env}"
if [ -n "${ROLECALL_DIRECTORY:-}" ]; then
  cargo install --locked --quiet --path "$ROLECALL_DIRECTORY"
  exit
fi
# A branch, a tag or the beginning of an id may mean another commit tomorrow.
[[ ${ROLECALL_COMMIT:-} =~ ^[0-9a-f]{40}$ ]] ||
  { echo "source.env: ROLECALL_COMMIT is '${ROLECALL_COMMIT:-}', not the whole id of a commit" >&2; exit 1; }
[ -n "${ROLECALL_REPOSITORY:-}" ] || { echo "source.env: ROLECALL_REPOSITORY is not set" >&2; exit 1; }
cargo install --locked --quiet --git "$ROLECALL_REPOSITORY" --rev "$ROLECALL_COMMIT" rolecall
