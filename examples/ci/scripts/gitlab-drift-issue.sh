#!/usr/bin/env bash
# Keeps one confidential issue about a stack's drift: opened when there is some, updated when it becomes another, closed
# when it is gone. Found again by its label and the hidden marker in the first line of its text, among the issues of the
# token's own user.
# Usage: gitlab-drift-issue.sh STACK OUT        (OUT as drift.sh wrote it)
# Needs curl, jq, ISSUE_TOKEN (a project access token with the scope api; a job's own token cannot write issues) and
# GitLab's CI_API_V4_URL and CI_PROJECT_ID.
set -euo pipefail
stack=$1 file=$2/drift.md status=$(cat "$2/status")
label=${DRIFT_LABEL:-rolecall-drift}
marker=$(head -n 1 "$file")
[[ $marker == '<!-- rolecall drift: '* ]] || { echo "$file does not begin with rolecall's marker" >&2; exit 1; }
issues=$CI_API_V4_URL/projects/$CI_PROJECT_ID/issues

# The token goes through standard input: arguments are visible to every process of the machine.
api() {
  curl --fail --silent --show-error --config - "$@" <<<"header = \"PRIVATE-TOKEN: $ISSUE_TOKEN\""
}
body=$(mktemp)
trap 'rm -f "$body"' EXIT
write() { # METHOD URL, with what is in $body
  api --request "$1" --header 'Content-Type: application/json' --data "@$body" "$2" >/dev/null
}

me=$(api "$CI_API_V4_URL/user" | jq -er .id)
tag=$(jq -rn --arg tag "$label" '$tag | @uri')
found=null page=1
while [ "$found" = null ]; do
  batch=$(api "$issues?state=opened&scope=all&author_id=$me&labels=$tag&per_page=100&page=$page")
  found=$(jq --arg marker "$marker" --argjson me "$me" \
    'map(select(.author.id == $me and (.description // "" | split("\n")[0] | rtrimstr("\r")) == $marker)) | first' <<<"$batch")
  [ "$(jq length <<<"$batch")" = 100 ] || break
  page=$((page + 1))
done
number=$(jq -r '.iid // empty' <<<"$found")

case $status in
  drift)
    if [ -z "$number" ]; then
      jq -n --rawfile text "$file" --arg title "Access drifted: $stack" --arg tag "$label" \
        '{title: $title, description: $text, labels: $tag, confidential: true}' >"$body"
      write POST "$issues"
      echo "issue opened"
    elif jq -en --argjson found "$found" --rawfile text "$file" \
      '($found.description | gsub("\r"; "") | rtrimstr("\n")) == ($text | rtrimstr("\n"))' >/dev/null; then
      echo "issue #$number is up to date"
    else
      jq -n --rawfile text "$file" --arg title "Access drifted: $stack" '{title: $title, description: $text}' >"$body"
      write PUT "$issues/$number"
      echo "issue #$number updated"
    fi
    ;;
  clean)
    if [ -n "$number" ]; then
      echo '{"state_event": "close"}' >"$body"
      write PUT "$issues/$number"
      echo "issue #$number closed: no drift any more"
    fi
    ;;
  *) echo "$2/status is not drift.sh's" >&2; exit 1 ;;
esac
