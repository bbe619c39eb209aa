# shellcheck shell=bash
# shellcheck disable=SC2154 # project and cache are set by setup.sh
# What the manifests of a cluster's stack are checked with.

step_linters() {
  export LINTERS_HOME=$cache/linters
  "$project/tools/linters/install" --check && return
  need_go
  if ! python3 -c 'import ensurepip' 2>/dev/null; then apt_install python3-venv || true; fi
  say "linters: installing kubeconform, kube-score and checkov (about 2 minutes, the first time)"
  quietly "linters" "$project/tools/linters/install" ||
    fail "linters: not all of them could be installed" "see the lines above, then run ./setup.sh --only linters again"
  say "linters: kubeconform, kube-score and checkov are in place"
}
