#!/usr/bin/env bash
# Keeps one comment on a pull request, or on an issue: made once, then updated, and left alone while the text is the
# same. The text's first line is a hidden marker that names the stack; by it the comment is found again.
# Usage: github-comment.sh NUMBER FILE
# Needs gh with GH_TOKEN (pull-requests: write, or issues: write), jq, and GITHUB_REPOSITORY.
set -euo pipefail
number=$1 file=$2
# Only a comment of our own is ever changed: others may write the marker too.
author=${COMMENT_AUTHOR:-github-actions[bot]}
marker=$(head -n 1 "$file")
[[ $marker == '<!-- rolecall '* ]] || { echo "$file does not begin with rolecall's marker" >&2; exit 1; }

found=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$number/comments?per_page=100" |
  jq -s --arg marker "$marker" --arg author "$author" \
    'add | map(select(.user.login == $author and (.body | split("\n")[0] | rtrimstr("\r")) == $marker)) | first')
body=$(jq -n --rawfile body "$file" '{body: $body}')
if [ "$found" = null ]; then
  gh api --method POST "repos/$GITHUB_REPOSITORY/issues/$number/comments" --input - <<<"$body" >/dev/null
  echo "comment made"
elif jq -en --argjson found "$found" --rawfile body "$file" \
  '($found.body | gsub("\r"; "") | rtrimstr("\n")) == ($body | rtrimstr("\n"))' >/dev/null; then
  echo "comment is up to date"
else
  id=$(jq -r .id <<<"$found")
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" --input - <<<"$body" >/dev/null
  echo "comment updated"
fi
