#!/usr/bin/env bash
# Looks for drift and writes drift.md and status (clean or drift) into OUT.
# Usage: drift.sh STACK OUT [option of rolecall drift…]
set -euo pipefail
stack=$1 out=$2
shift 2
mkdir -p "$out"
# Without the state everything looks like somebody else's. LINEAGE says which one is meant; it is "none" before the first
# apply, and only then.
case ${LINEAGE:-} in
  none) state=() ;;
  "") state=(--require-state) ;;
  *) state=(--require-state --lineage "$LINEAGE") ;;
esac
code=0
rolecall -C "$stack" drift --format markdown --people "${PEOPLE:-names}" --max-size "${MAX_SIZE:-65000}" \
  "${state[@]}" "$@" >"$out/drift.md" || code=$?
case $code in
  0) echo clean >"$out/status" ;;
  2) echo drift >"$out/status" ;;
  *) exit "$code" ;;
esac
