#!/usr/bin/env bash
# Records what was planned for a commit, as a commit status: its description is the digest that a reviewer approves,
# and the revision that had been applied by then.
# Usage: github-record-digest.sh STACK SHA OUT        (OUT as plan.sh wrote it)
# Needs gh with GH_TOKEN (statuses: write), and GITHUB_REPOSITORY.
set -euo pipefail
stack=$1 sha=$2 out=$3
case $(cat "$out/status") in
  refused) state=failure description="refused: see the findings" ;;
  clean | changes)
    state=success description="digest $(cat "$out/digest")" base=$(cat "$out/base")
    # A description holds 140 characters.
    [[ ! $base =~ ^[0-9A-Za-z._/-]{1,64}$ ]] || description+=" base $base"
    ;;
  *) echo "$out/status is not plan.sh's" >&2; exit 1 ;;
esac
gh api --method POST "repos/$GITHUB_REPOSITORY/statuses/$sha" \
  -f state="$state" -f context="rolecall/$stack" -f description="$description" >/dev/null
echo "$description"
