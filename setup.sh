#!/usr/bin/env bash
# Installs what DataLab needs and is missing. Safe to run again at any time, also after an interruption.
# `./setup.sh --help` lists the options; docs/setup.md says what goes where.
set -euo pipefail

project=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/datalab
state=$project/.datalab
log_file=$project/logs/datalab.log
export ENGINE_HOME=$cache/engine
export PULUMI_HOME=$ENGINE_HOME/home

usage() {
  cat <<'TEXT'
Usage: ./setup.sh [--check [--json]] [--only STEP,...] [--stack NAME] [--with kubernetes] [--verbose]

  --check            report what is there and what is missing, and about how long installing it takes; change nothing;
                     exit 1 when something is missing
  --json             with --check: the report as JSON on stdout
  --only STEP,...    do only these steps: node npm engine docker images, or linters, which only tests of manifests
                     need and no other run installs (directories are always made)
  --stack NAME       build the images that this stack needs instead of those of all services
  --with kubernetes  install the Pulumi plugin for Kubernetes as well
  --verbose          show the output of every installer; it is always written to logs/datalab.log

Exit codes: 0 ok, 1 something is missing or failed, 2 usage, 4 another set-up is running, 130 interrupted
TEXT
}

check=false json=false verbose=false only='' with='' stack=''
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=true ;;
    --json) json=true ;;
    --verbose) verbose=true ;;
    --only=*) only=${1#*=} ;;
    --with=*) with=${1#*=} ;;
    --stack=*) stack=${1#*=} ;;
    --only | --with | --stack)
      [ $# -ge 2 ] || { echo "✖ $1 needs a value" >&2; exit 2; }
      case $1 in --only) only=$2 ;; --with) with=$2 ;; --stack) stack=$2 ;; esac
      shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "✖ unknown option '$1'; ./setup.sh --help lists them" >&2; exit 2 ;;
  esac
  shift
done
steps=${only:-node,npm,engine,docker,images}
for step in ${steps//,/ }; do
  case $step in
    node | npm | engine | docker | images | linters) ;;
    *) echo "✖ unknown step '$step' (node, npm, engine, docker, images, linters)" >&2; exit 2 ;;
  esac
done
if [ -n "$with" ] && [ "$with" != kubernetes ]; then
  echo "✖ --with: expected kubernetes, received '$with'" >&2
  exit 2
fi
if $json && ! $check; then
  echo "✖ --json goes with --check" >&2
  exit 2
fi

# Once asked for, the plugin stays part of what is checked.
if [ "$with" = kubernetes ] || [ -e "$state/with-kubernetes" ]; then kubernetes=true; else kubernetes=false; fi

# shellcheck source=tools/setup/common.sh
. "$project/tools/setup/common.sh"
# shellcheck source=tools/setup/preset.sh
. "$project/tools/setup/preset.sh"
# shellcheck source=tools/setup/node.sh
. "$project/tools/setup/node.sh"
# shellcheck source=tools/setup/engine.sh
. "$project/tools/setup/engine.sh"
# shellcheck source=tools/setup/docker.sh
. "$project/tools/setup/docker.sh"
# shellcheck source=tools/setup/linters.sh
. "$project/tools/setup/linters.sh"
# shellcheck source=tools/setup/steps.sh
. "$project/tools/setup/steps.sh"

if $check; then
  # shellcheck source=tools/setup/check.sh
  . "$project/tools/setup/check.sh"
  report
  exit
fi

wants() { case ",$steps," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

check_owner
make_directories
take_lock
trap 'stop_ticker; clean_up' EXIT
trap 'stop_lanes; stop_ticker; say "set-up: interrupted; run ./setup.sh again to finish it"; exit 130' INT TERM HUP
[ "$with" = kubernetes ] && : >"$state/with-kubernetes"
make_passphrase

# shellcheck disable=SC2086 # one word a step
for step in $(planned_steps ${steps//,/ }); do event "plan $step"; done
start_ticker

wants node && step_node
# MinIO is compiled when its image is built: the Go that does it is found, or fetched, now.
if wants docker && ! compgen -G "$cache/go/minio-*/minio" >/dev/null; then need_go; fi
lane_engine() { step_engine; }
lane_images() {
  for step in npm docker images; do
    wants "$step" && "step_$step"
  done
  return 0
}
if wants engine && ! engine_missing >/dev/null; then
  # Compiling the engine and building images need nothing of each other.
  side_by_side lane_engine lane_images
  if wants docker; then find_docker || true; fi
else
  if wants engine; then lane_engine; fi
  lane_images
fi
wants linters && step_linters
stop_ticker
write_environment
if [ -z "$only" ]; then say "set-up: everything is in place"; fi
