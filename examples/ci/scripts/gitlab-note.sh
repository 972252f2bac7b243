#!/usr/bin/env bash
# Keeps one note on a merge request: made once, then updated, and left alone while the text is the same. Found again by
# the hidden marker in its first line, among the notes of the token's own user.
# Usage: gitlab-note.sh FILE
# Needs curl, jq, NOTE_TOKEN (a project access token with the scope api; a job's own token cannot write notes) and
# GitLab's CI_API_V4_URL, CI_MERGE_REQUEST_PROJECT_ID and CI_MERGE_REQUEST_IID.
set -euo pipefail
file=$1
marker=$(head -n 1 "$file")
[[ $marker == '<!-- rolecall '* ]] || { echo "$file does not begin with rolecall's marker" >&2; exit 1; }
notes=$CI_API_V4_URL/projects/$CI_MERGE_REQUEST_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes

# The token goes through standard input: arguments are visible to every process of the machine.
api() {
  curl --fail --silent --show-error --config - "$@" <<<"header = \"PRIVATE-TOKEN: $NOTE_TOKEN\""
}

me=$(api "$CI_API_V4_URL/user" | jq -er .id)
found=null page=1
while [ "$found" = null ]; do
  batch=$(api "$notes?per_page=100&page=$page&order_by=created_at&sort=asc")
  found=$(jq --arg marker "$marker" --argjson me "$me" \
    'map(select(.author.id == $me and (.body | split("\n")[0] | rtrimstr("\r")) == $marker)) | first' <<<"$batch")
  [ "$(jq length <<<"$batch")" = 100 ] || break
  page=$((page + 1))
done

body=$(mktemp)
trap 'rm -f "$body"' EXIT
jq -n --rawfile body "$file" '{body: $body}' >"$body"
if [ "$found" = null ]; then
  api --request POST --header 'Content-Type: application/json' --data "@$body" "$notes" >/dev/null
  echo "note made"
elif jq -en --argjson found "$found" --rawfile body "$file" \
  '($found.body | gsub("\r"; "") | rtrimstr("\n")) == ($body | rtrimstr("\n"))' >/dev/null; then
  echo "note is up to date"
else
  id=$(jq -r .id <<<"$found")
  api --request PUT --header 'Content-Type: application/json' --data "@$body" "$notes/$id" >/dev/null
  echo "note updated"
fi
