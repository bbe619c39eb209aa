#!/usr/bin/env bash
# stacks.sh [BASE [FIRST]]: the stacks that a change since BASE is about, as a JSON list; all of them without
# BASE. With FIRST, a change of the program is about that stack alone: the others get it by promotion.
set -euo pipefail
# shellcheck source=tools/ci/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
if [ -n "${1:-}" ]; then changed_stacks "$1" "${2:-}"; else known_stacks; fi | jq --raw-input . | jq --compact-output --slurp .
