#!/usr/bin/env bash
# drift.sh STACK: what of a stack is otherwise than it was deployed, in $out/drift-STACK.md. Exit code 3 when
# anything is.
set -euo pipefail
# shellcheck source=tools/ci/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
stack=${1:?drift.sh: expected the name of a stack, received none}
cd "$root"
code=0
./datalab drift --stack "$stack" --markdown >"$out/drift-$stack.md" || code=$?
cat "$out/drift-$stack.md"
exit "$code"
