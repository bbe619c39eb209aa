#!/usr/bin/env bash
# preview.sh STACK: what a change would do to a stack, as a comment in $out/preview-STACK.md, as JSON in
# preview-STACK.json, and as a sealed plan in plan-STACK.json. Exit code 2 when a policy is broken; the
# comment is there all the same.
set -euo pipefail
# shellcheck source=tools/ci/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
stack=${1:?preview.sh: expected the name of a stack, received none}
cd "$root"

code=0
./datalab preview --stack "$stack" --save-plan "$out/plan-$stack.json" --json >"$out/preview-$stack.json" || code=$?
if jq -e .error "$out/preview-$stack.json" >/dev/null 2>&1; then
  {
    echo "<!-- datalab preview $stack -->"
    echo "## Preview of \`$stack\`"
    echo
    echo '**It could not be made:**'
    echo
    echo '```text'
    jq -r '.error.message' "$out/preview-$stack.json"
    echo '```'
  } >"$out/preview-$stack.md"
else
  node src/cli/main.ts preview --from-json "$out/preview-$stack.json" --markdown >"$out/preview-$stack.md"
fi
cat "$out/preview-$stack.md"
exit "$code"
