#!/usr/bin/env bash
# Keeps one issue about a stack's drift: opened when there is some, updated when it becomes another, closed when it is
# gone. Found again by its label and the hidden marker in the first line of its text.
# Usage: github-drift-issue.sh STACK OUT        (OUT as drift.sh wrote it)
# Needs gh with GH_TOKEN (issues: write), jq, and GITHUB_REPOSITORY.
set -euo pipefail
stack=$1 file=$2/drift.md status=$(cat "$2/status")
label=${DRIFT_LABEL:-rolecall-drift} author=${ISSUE_AUTHOR:-github-actions[bot]}
marker=$(head -n 1 "$file")
[[ $marker == '<!-- rolecall drift: '* ]] || { echo "$file does not begin with rolecall's marker" >&2; exit 1; }
issues=repos/$GITHUB_REPOSITORY/issues

found=$(gh api --paginate "$issues?state=open&labels=$label&per_page=100" |
  jq -s --arg marker "$marker" --arg author "$author" \
    'add | map(select(.user.login == $author and (.body // "" | split("\n")[0] | rtrimstr("\r")) == $marker)) | first')
number=$(jq -r '.number // empty' <<<"$found")
case $status in
  drift)
    body=$(jq -n --rawfile body "$file" --arg title "Access drifted: $stack" --arg tag "$label" \
      '{title: $title, body: $body, labels: [$tag]}')
    if [ -z "$number" ]; then
      gh api --method POST "$issues" --input - <<<"$body" >/dev/null
      echo "issue opened"
    elif jq -en --argjson found "$found" --rawfile body "$file" \
      '($found.body | gsub("\r"; "") | rtrimstr("\n")) == ($body | rtrimstr("\n"))' >/dev/null; then
      echo "issue #$number is up to date"
    else
      gh api --method PATCH "$issues/$number" --input - <<<"$(jq 'del(.labels)' <<<"$body")" >/dev/null
      echo "issue #$number updated"
    fi
    ;;
  clean)
    if [ -n "$number" ]; then
      gh api --method PATCH "$issues/$number" -f state=closed -f state_reason=completed >/dev/null
      echo "issue #$number closed: no drift any more"
    fi
    ;;
  *) echo "$2/status is not drift.sh's" >&2; exit 1 ;;
esac
