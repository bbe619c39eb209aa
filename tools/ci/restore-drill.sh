#!/usr/bin/env bash
# restore-drill.sh STACK: backs a stack up and restores that into a stack made for it on this machine's
# Docker; how it went stands in $out/restore-drill-STACK.json. Older backups than the configuration keeps are
# removed.
set -euo pipefail
# shellcheck source=tools/ci/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
stack=${1:?restore-drill.sh: expected the name of a stack, received none}
cd "$root"
backup=$(./datalab backup create --stack "$stack" --json | jq --raw-output .id)
./datalab backup drill "$backup" --stack "$stack" --json >"$out/restore-drill-$stack.json"
./datalab backup prune --stack "$stack" --yes
jq --raw-output '"The backup \(.backup) of \(.stack) was restored in \(.seconds.restore) s: \(.databases) databases, \(.objects) objects, \(.checks) checks passed, \(.tables | length) tables."' \
  "$out/restore-drill-$stack.json"
