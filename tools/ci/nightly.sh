#!/usr/bin/env bash
# nightly.sh: every test, the long ones too, on this machine; which tests took longest stands in
# $out/nightly.md.
set -euo pipefail
# shellcheck source=tools/ci/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
cd "$root"
log=$out/nightly.log
code=0
.ci/run --all | tee "$log" || code=$?
{
  echo "Tests of every night: $(tail -n 1 "$log")"
  sed -n '/^The slowest /,/^$/s/^/    /p' "$log"
} | tee "$out/nightly.md" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$code"
