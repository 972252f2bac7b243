#!/usr/bin/env bash
# Prints the digest that was approved in the pull request which a commit on the main branch came from, and after a
# space the revision that had been applied when it was planned, if that is known. Fails, and prints nothing, unless all
# of this holds:
#   - the commit came from exactly one merged pull request into this branch;
#   - somebody who may write to the repository approved the pull request's last commit, and did not withdraw that; of
#     each reviewer the last review counts;
#   - nobody who may write asked for changes in the end;
#   - the plan of that commit was recorded, by a workflow, before the approval: it is what the reviewer saw;
#   - no later plan of that commit had another digest.
# Usage: github-approved-digest.sh STACK SHA BRANCH
# Needs gh with GH_TOKEN (pull-requests: read, statuses: read; metadata, which every token may read, says who may write), jq, and GITHUB_REPOSITORY.
set -euo pipefail
stack=$1 sha=$2 branch=$3
repository=repos/$GITHUB_REPOSITORY
# Anybody who can push can set a status with a token of their own; only those of a workflow's token count.
author=${STATUS_AUTHOR:-github-actions[bot]}

refuse() {
  echo "nothing is applied: $*" >&2
  exit 3
}

pulls=$(gh api --paginate "$repository/commits/$sha/pulls?per_page=100" |
  jq -s --arg branch "$branch" 'add | map(select(.merged_at != null and .base.ref == $branch))')
[ "$(jq length <<<"$pulls")" = 1 ] ||
  refuse "$sha came from $(jq length <<<"$pulls") merged pull requests into $branch, not from one; plan it in a new one"
number=$(jq -r '.[0].number' <<<"$pulls")
head=$(jq -r '.[0].head.sha' <<<"$pulls")

# Anybody may review a pull request of a public repository. What a workflow approves, nobody has read.
may_write() {
  local permission
  permission=$(gh api "$repository/collaborators/$1/permission" | jq -er .permission) ||
    refuse "GitHub does not say whether $1, who reviewed pull request #$number, may write; run this again"
  [ "$permission" = admin ] || [ "$permission" = write ]
}

# A comment neither gives an approval nor takes one away.
reviews=$(gh api --paginate "$repository/pulls/$number/reviews?per_page=100" |
  jq -s 'add | map(select(.user != null and (.user.type // "User") == "User"))
    | map(select(.state == "APPROVED" or .state == "CHANGES_REQUESTED" or .state == "DISMISSED"))
    | group_by(.user.login) | map(sort_by(.submitted_at) | last)')
approved_at=
while read -r login state commit at; do
  if may_write "$login"; then
    [ "$state" != CHANGES_REQUESTED ] || refuse "$login asked for changes in pull request #$number"
    if [ "$commit" = "$head" ] && [[ $at > $approved_at ]]; then approved_at=$at; fi
  fi
done < <(jq -r '.[] | select(.state != "DISMISSED") | "\(.user.login) \(.state) \(.commit_id) \(.submitted_at)"' <<<"$reviews")
[ -n "$approved_at" ] || refuse "nobody who may write approved commit $head of pull request #$number"

# The newest first. Times are all in one form of ISO 8601, so that they compare as text.
statuses=$(gh api --paginate "$repository/commits/$head/statuses?per_page=100" |
  jq -s --arg context "rolecall/$stack" --arg author "$author" \
    'add | map(select(.context == $context and .creator.login == $author)) | sort_by(.created_at) | reverse')
seen=$(jq -r --arg at "$approved_at" 'map(select(.created_at <= $at)) | first | .description // empty' <<<"$statuses")
last=$(jq -r 'first | .description // empty' <<<"$statuses")
[ -n "$seen" ] || refuse "no plan of commit $head was recorded before it was approved at $approved_at"
[ "$seen" = "$last" ] || refuse "the plan of commit $head changed after it was approved: \"$seen\", now \"$last\""
[[ $seen =~ ^digest\ ([0-9a-f]{4}(-[0-9a-f]{4}){7})(\ base\ ([0-9A-Za-z._/-]+))?$ ]] ||
  refuse "the plan of commit $head was \"$seen\""
echo "${BASH_REMATCH[1]}${BASH_REMATCH[4]:+ ${BASH_REMATCH[4]}}"
