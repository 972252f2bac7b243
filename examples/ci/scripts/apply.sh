#!/usr/bin/env bash
# Applies the plan with a digest, or nothing. An interrupted run is taken up when it is run again with the same digest.
# Usage: apply.sh STACK DIGEST [option of rolecall apply…]
set -euo pipefail
stack=$1 digest=$2
shift 2
[[ $digest =~ ^[0-9a-f]{4}(-[0-9a-f]{4}){7}$ ]] || { echo "'$digest' is no digest" >&2; exit 3; }
code=0
rolecall -C "$stack" apply --digest "$digest" --lock-timeout "${LOCK_TIMEOUT:-10m}" --reason "${REASON:-}" "$@" || code=$?
# Partly applied: what is left may have failed for a reason that passes. Once more, and then a person looks.
if [ "$code" = 4 ]; then
  rolecall -C "$stack" apply --digest "$digest" --lock-timeout "${LOCK_TIMEOUT:-10m}" --reason "${REASON:-}" "$@"
else
  exit "$code"
fi
