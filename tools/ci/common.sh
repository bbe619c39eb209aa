# What the scripts of this folder share; they run in CI and at a desk alike.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
out=${DATALAB_CI_OUT:-$root/.datalab/ci}
mkdir -p "$out"
export CI=${CI:-true}

# changed_stacks BASE [FIRST]: stacks that a change since BASE is about: those whose file it touches, all when
# it touches anything else that is deployed. With FIRST, that stack alone takes such a change: the others get
# it by promotion.
changed_stacks() {
  local base=$1 first=${2:-} files
  local -a all=()
  mapfile -t all < <(known_stacks)
  files=$(git -C "$root" diff --name-only "$base"...HEAD --) || return
  if grep -qE '^(src|pipelines|policy|package(-lock)?\.json|Pulumi\.yaml)' <<<"$files"; then
    if [ -n "$first" ]; then all=("$first"); fi
  else
    all=()
  fi
  {
    [ ${#all[@]} -eq 0 ] || printf '%s\n' "${all[@]}"
    stacks_of <<<"$files"
  } | sort -u
}

known_stacks() { git -C "$root" ls-files 'Pulumi.*.yaml' | stacks_of; }

# The stacks whose files are among the names on standard input.
stacks_of() { sed -nE 's/^Pulumi\.([a-z][a-z0-9-]*)\.yaml$/\1/p'; }
