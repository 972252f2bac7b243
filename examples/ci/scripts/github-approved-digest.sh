#!/usr/bin/env bash
# Prints the digest that was approved in the pull request which a commit on the main branch came from, and after a
# space the revision that had been applied when it was planned, if that is known. Fails, and prints nothing, unless all
# of this holds:
#   - the commit came from exactly one merged pull request into this branch;
#   - somebody who may write to the repository approved the pull request's last commit, and did not withdraw that; of
#     each reviewer the last review counts, and that of somebody who wrote or committed a part of it counts for nothing;
#   - nobody who may write asked for changes in the end;
#   - the plan of that commit was recorded, by a workflow, before the approval: it is what the reviewer saw;
#   - no later plan of that commit had another digest;
#   - the branch is protected. What its rules lack is said on standard error, as far as this token may see them: those of
#     rulesets, but not of the older branch protection.
# Usage: github-approved-digest.sh STACK SHA BRANCH
# Needs gh with GH_TOKEN (contents: read, pull-requests: read, statuses: read; metadata, which every token may read, says who may write), jq, and GITHUB_REPOSITORY.
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

# What the branch lets nobody do, as far as the token at hand is told.
rules=$(gh api --paginate "$repository/rules/branches/$branch?per_page=100" |
  jq -s 'add | map(select(.type == "pull_request") | .parameters)')
missing=$(jq -r '
  [ if any(.[]; .required_approving_review_count > 0) then empty else "require an approval" end,
    if any(.[]; .require_last_push_approval) then empty else "require approval of the most recent reviewable push" end,
    if any(.[]; .dismiss_stale_reviews_on_push) then empty else "dismiss stale approvals when new commits are pushed" end,
    if any(.[]; .require_code_owner_review) then empty else "require review from code owners" end
  ] | join("; ")' <<<"$rules")
if [ -n "$missing" ]; then
  protected=$(gh api "$repository/branches/$branch" | jq -r .protected)
  [ "$(jq length <<<"$rules")" != 0 ] || [ "$protected" = true ] ||
    refuse "$branch is not protected: anybody who can push could approve for themselves; its rules should: $missing"
  echo "note: no ruleset of $branch says to: $missing. If the older branch protection does, which this token cannot see, all is well" >&2
fi

# Whoever wrote a part of it is no second pair of eyes. What was made on GitHub's pages is committed by web-flow.
commits=$(gh api --paginate "$repository/pulls/$number/commits?per_page=100" | jq -s add)
[ "$(jq length <<<"$commits")" -lt 250 ] ||
  refuse "pull request #$number has 250 commits or more, of which GitHub does not list all; plan it in smaller ones"
writers=$(jq -r --argjson pulls "$pulls" '[.[] | .author.login?, .committer.login?] + [$pulls[0].user.login?]
  | map(select(. != null and . != "web-flow")) | unique | .[]' <<<"$commits")

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
approved_at='' own=''
while read -r login state commit at; do
  if may_write "$login"; then
    [ "$state" != CHANGES_REQUESTED ] || refuse "$login asked for changes in pull request #$number"
    if [ "$commit" != "$head" ]; then
      continue
    elif grep -qxF -- "$login" <<<"$writers"; then
      own+="${own:+, }$login"
    elif [[ $at > $approved_at ]]; then
      approved_at=$at
    fi
  fi
done < <(jq -r '.[] | select(.state != "DISMISSED") | "\(.user.login) \(.state) \(.commit_id) \(.submitted_at)"' <<<"$reviews")
[ -n "$approved_at" ] || [ -z "$own" ] ||
  refuse "commit $head of pull request #$number is approved by nobody but those who wrote it themselves ($own)"
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
