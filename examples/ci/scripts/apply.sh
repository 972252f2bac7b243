#!/usr/bin/env bash
# Applies the plan with a digest, or nothing. An interrupted run is taken up when it is run again with the same digest.
# Usage: apply.sh STACK DIGEST [option of rolecall apply…]
# REVISION is recorded as what was applied; BASE_REVISION is what had been applied when the plan was made: where it is
# something else by now, nothing is done.
set -euo pipefail
stack=$1 digest=$2
shift 2
[[ $digest =~ ^[0-9a-f]{4}(-[0-9a-f]{4}){7}$ ]] || { echo "'$digest' is no digest" >&2; exit 3; }
# A runner without the state plans as if nothing had ever been applied, so it is not to plan at all. LINEAGE says which
# state is meant; it is "none" before the first apply, and only then.
case ${LINEAGE:-} in
  none) state=() ;;
  "") state=(--require-state) ;;
  *) state=(--require-state --lineage "$LINEAGE") ;;
esac
options=(--digest "$digest" --lock-timeout "${LOCK_TIMEOUT:-10m}" --reason "${REASON:-}" "${state[@]}")
[ -z "${REVISION:-}" ] || options+=(--revision "$REVISION")
[ -z "${BASE_REVISION:-}" ] || options+=(--base-revision "$BASE_REVISION")
code=0
rolecall -C "$stack" apply "${options[@]}" "$@" || code=$?
# Partly applied: what is left may have failed for a reason that passes. Once more, and then a person looks.
if [ "$code" = 4 ]; then
  rolecall -C "$stack" apply "${options[@]}" "$@"
else
  exit "$code"
fi
