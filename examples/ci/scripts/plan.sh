#!/usr/bin/env bash
# Plans once, and writes what reviewers and later steps need into OUT:
#   plan.md      the plan for a comment          plan.sarif   findings for code scanning
#   digest       the plan's digest, or nothing   status       clean, changes or refused
#   base         the revision that was applied when it was planned, or nothing where the state does not say one
# Usage: plan.sh STACK OUT [option of rolecall plan…]
# A refused plan is no failure here: its reasons are to be shown first. The step after publishing fails on it.
set -euo pipefail
stack=$1 out=$2
shift 2
mkdir -p "$out"
rm -f "$out"/{plan.bin,plan.md,plan.sarif,digest,base,status}
# A runner without the state plans as if nothing had ever been applied, so it is not to plan at all. LINEAGE says which
# state is meant; it is "none" before the first apply, and only then.
case ${LINEAGE:-} in
  none) state=() ;;
  "") state=(--require-state) ;;
  *) state=(--require-state --lineage "$LINEAGE") ;;
esac

# Before the plan: what is applied meanwhile must make it outdated.
rolecall -C "$stack" show --json | jq -r 'if .revision_outdated then empty else .revision // empty end' >"$out/base"
code=0
rolecall -C "$stack" plan --detailed-exitcode --format markdown --people "${PEOPLE:-names}" \
  --max-size "${MAX_SIZE:-65000}" --out "$out/plan.bin" "${state[@]}" "$@" >"$out/plan.md" || code=$?
case $code in
  0) echo clean >"$out/status" ;;
  2) echo changes >"$out/status" ;;
  3) echo refused >"$out/status" ;;
  *) exit "$code" ;;
esac
# Refused before there was a plan, because the last reading is too old for example: nothing to show.
[ -s "$out/plan.bin" ] || exit "$code"

if [ "$code" = 3 ]; then
  : >"$out/digest"
else
  rolecall show "$out/plan.bin" --json | jq -er .digest >"$out/digest"
fi
rolecall -C "$stack" show "$out/plan.bin" --format sarif --people "${PEOPLE:-names}" >"$out/plan.sarif"
# The saved plan is confidential and must not become an artifact: the digest is all that apply needs.
rm -f "$out/plan.bin"
