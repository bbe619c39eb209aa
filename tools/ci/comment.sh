#!/usr/bin/env bash
# comment.sh FILE: puts a file into one comment of the pull or merge request that this run is for, and updates
# that comment from then on. Its first line is the mark that the comment is found by. GitHub: GH_TOKEN,
# PR_NUMBER, GITHUB_REPOSITORY. GitLab: GITLAB_TOKEN, CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID.
set -euo pipefail
file=${1:?comment.sh: expected a file, received none}
mark=$(head -n 1 "$file")
[[ $mark == '<!-- datalab '*' -->' ]] || { echo "✖ $file: expected a mark in the first line, received ${mark@Q}" >&2; exit 2; }

github() {
  local url=repos/$GITHUB_REPOSITORY id
  id=$(gh api --paginate "$url/issues/$PR_NUMBER/comments" --jq ".[] | select(.body | startswith(\"$mark\")) | .id" | head -n 1)
  if [ -n "$id" ]; then
    gh api --method PATCH "$url/issues/comments/$id" --field "body=@$file" >/dev/null
  else
    gh api --method POST "$url/issues/$PR_NUMBER/comments" --field "body=@$file" >/dev/null
  fi
}

gitlab() {
  local url=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes id
  local -a ask=(curl --fail --silent --show-error --header @-)
  id=$("${ask[@]}" "$url?per_page=100" <<<"PRIVATE-TOKEN: $GITLAB_TOKEN" |
    jq -r --arg mark "$mark" 'map(select(.body | startswith($mark))) | first | .id // empty')
  if [ -n "$id" ]; then
    "${ask[@]}" --request PUT --data-urlencode "body@$file" "$url/$id" <<<"PRIVATE-TOKEN: $GITLAB_TOKEN" >/dev/null
  else
    "${ask[@]}" --request POST --data-urlencode "body@$file" "$url" <<<"PRIVATE-TOKEN: $GITLAB_TOKEN" >/dev/null
  fi
}

if [ -n "${PR_NUMBER:-}" ]; then github
elif [ -n "${CI_MERGE_REQUEST_IID:-}" ]; then gitlab
else cat "$file"; fi
