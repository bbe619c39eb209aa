#!/usr/bin/env bash
# up.sh STACK: brings a stack to what the checkout says, by a plan that was made and shown just before, and
# only that.
set -euo pipefail
# shellcheck source=tools/ci/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
stack=${1:?up.sh: expected the name of a stack, received none}
"$root/tools/ci/preview.sh" "$stack"
cd "$root"
./datalab up --stack "$stack" --plan "$out/plan-$stack.json" --json | tee "$out/up-$stack.json"
