#!/usr/bin/env bash
# Prints the digest that was approved in the merge request which a commit on the default branch came from, and after a
# space the revision that had been applied when it was planned, if that is known. Fails, and prints nothing, unless all
# of this holds:
#   - the commit came from exactly one merged merge request into this branch;
#   - the merge request is approved, and by somebody other than who opened it, wrote or committed one of its commits, or
#     pushed the last of them. Not every tier of GitLab has a rule for that, so it is looked at here, as far as GitLab
#     tells: commits name people by name and address, as whoever made them liked;
#   - the job that plans has succeeded for its last commit, and all its runs had one digest on one base: a plan that
#     changed while it was under review counts for nothing.
# Usage: gitlab-approved-digest.sh STACK SHA BRANCH
# Needs curl, jq, READ_TOKEN (a project access token with the scope read_api) and GitLab's CI_API_V4_URL and
# CI_PROJECT_ID. The job is called PLAN_JOB ("plan" unless given), and its artifacts plan/STACK/digest and
# plan/STACK/base are what plan.sh wrote.
set -euo pipefail
stack=$1 sha=$2 branch=$3
project=$CI_API_V4_URL/projects/$CI_PROJECT_ID

refuse() {
  echo "nothing is applied: $*" >&2
  exit 3
}

api() {
  curl --fail --silent --show-error --location --config - "$@" <<<"header = \"PRIVATE-TOKEN: $READ_TOKEN\""
}

# What a job that planned has left behind.
artifact() { # JOB NAME
  api "$project/jobs/$1/artifacts/plan/$stack/$2" ||
    refuse "job $1 planned commit $head, and GitLab does not give out its artifact plan/$stack/$2: it has expired, or the" \
      "plan.sh of that commit wrote none; plan what is left in a new merge request (an empty commit will do), and have that approved"
}

requests=$(api "$project/repository/commits/$sha/merge_requests?per_page=100" |
  jq --arg branch "$branch" 'map(select(.state == "merged" and .target_branch == $branch))')
[ "$(jq length <<<"$requests")" = 1 ] ||
  refuse "$sha came from $(jq length <<<"$requests") merged merge requests into $branch, not from one; plan it in a new one"
number=$(jq -r '.[0].iid' <<<"$requests")
head=$(jq -r '.[0].sha' <<<"$requests")
approvals=$(api "$project/merge_requests/$number/approvals")
jq -e '(.approved_by | length) > 0 and (.approvals_left // 0) == 0' <<<"$approvals" >/dev/null ||
  refuse "merge request !$number is not approved"

commits='[]' page=1
while :; do
  more=$(api "$project/merge_requests/$number/commits?per_page=100&page=$page")
  commits=$(jq -s add <<<"$commits $more")
  [ "$(jq length <<<"$more")" = 100 ] || break
  page=$((page + 1))
done
author=$(jq -r '.[0].author.id // empty' <<<"$requests")
[ -n "$author" ] || refuse "GitLab does not say who opened merge request !$number"
# A push begins the first pipeline of its commit; whoever runs another one later has pushed nothing.
pushed=$(api "$project/merge_requests/$number/pipelines?per_page=100" |
  jq -r --arg head "$head" 'map(select(.sha == $head) | .id) | min // empty')
pusher=
[ -z "$pushed" ] || pusher=$(api "$project/pipelines/$pushed" | jq -r '.user.id // empty')
others='' writers=''
while IFS=$'\t' read -r id username name; do
  public=$(api "$CI_API_V4_URL/users/$id" | jq -r '.public_email // empty')
  if [ "$id" = "$author" ] || [ "$id" = "$pusher" ] ||
    jq -e --arg id "$id" --arg username "$username" --arg name "$name" --arg public "$public" '
      ([$username, $name] | map(. // "" | ascii_downcase | select(. != ""))) as $names
      | any(.[]; any(.author_name, .committer_name; (. // "" | ascii_downcase) as $one | any($names[]; . == $one))
        or any(.author_email, .committer_email; (. // "" | ascii_downcase) as $one
          | ($public != "" and $one == ($public | ascii_downcase)) or ($one | startswith("\($id)-\($username)@" | ascii_downcase))))
      ' <<<"$commits" >/dev/null; then
    writers+="${writers:+, }$username"
  else
    others+="${others:+, }$username"
  fi
done < <(jq -r '.approved_by[].user | [.id, .username, .name] | @tsv' <<<"$approvals")
[ -n "$others" ] ||
  refuse "merge request !$number is approved by nobody but those who wrote or pushed it themselves ($writers): have somebody else" \
    "look at a new merge request that plans what is left (an empty commit will do), and approve it"

digests=
for pipeline in $(api "$project/merge_requests/$number/pipelines?per_page=100" |
  jq -r --arg head "$head" '.[] | select(.sha == $head) | .id'); do
  for job in $(api "$project/pipelines/$pipeline/jobs?scope[]=success&include_retried=true&per_page=100" |
    jq -r --arg name "${PLAN_JOB:-plan}" '.[] | select(.name == $name) | .id'); do
    digest=$(artifact "$job" digest)
    base=$(artifact "$job" base)
    [[ $base =~ ^[0-9A-Za-z._/-]+$ ]] || base=
    digests+=$digest${base:+ $base}$'\n'
  done
done
distinct=$(sort -u <<<"$digests" | sed '/^$/d')
[ -n "$distinct" ] || refuse "no plan of commit $head is on record (artifacts expire)"
[ "$(wc -l <<<"$distinct")" = 1 ] || refuse "the plan of commit $head changed while it was under review"
[[ $distinct =~ ^[0-9a-f]{4}(-[0-9a-f]{4}){7}(\ [0-9A-Za-z._/-]+)?$ ]] || refuse "the plan of commit $head has no digest: it was refused"
echo "$distinct"
