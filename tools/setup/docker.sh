# shellcheck shell=bash
# shellcheck disable=SC2154 # project, node_folder and verbose are set by setup.sh and node.sh
# Docker Engine with a client that can build, and the images.

docker=''
# Where a daemon on this host writes its pid, so that the launcher can see at no cost that it is gone.
# shellcheck disable=SC2034 # used by common.sh
daemon=''

docker_clients() {
  type -ap docker 2>/dev/null || true
  if [ -x /usr/bin/docker ]; then echo /usr/bin/docker; fi
}

# find_docker: sets docker to the first client that reaches a server and can build with BuildKit,
# docker_version to the server's version, and docker_problem to what is wrong otherwise. A client of version
# 23 or later builds with the buildx plugin only; an older one has BuildKit built in.
find_docker() {
  local client versions
  docker='' docker_version='' docker_problem='Docker is not installed'
  for client in ${DATALAB_DOCKER:+"$DATALAB_DOCKER"} $(docker_clients | awk '!seen[$0]++'); do
    if ! versions=$(timeout 10 "$client" version --format '{{.Client.Version}} {{.Server.Version}}' 2>&1); then
      docker_problem=$(printf '%s\n' "$versions" | tail -n 1)
      continue
    fi
    docker_version=${versions#* }
    if [ "${versions%%.*}" -lt 23 ] || "$client" buildx version >/dev/null 2>&1; then
      docker=$client
      find_daemon
      return 0
    fi
    docker_problem="$client ${versions%% *} has no buildx plugin"
  done
  return 1
}

# shellcheck disable=SC2034 # used by common.sh
find_daemon() {
  daemon=''
  if [ -z "${DOCKER_HOST:-}" ] && [ -r /var/run/docker.pid ]; then daemon=/var/run/docker.pid; fi
}

step_docker() {
  find_docker && return
  begin_step docker
  # A server that answers only lacks a client that can build.
  if [ -n "$docker_version" ]; then
    say "docker: $docker_problem; installing one that can build"
    apt_install docker-buildx || apt_install docker.io || true
    find_docker && { end_step docker; return; }
    fail "docker: $docker_problem" "install the buildx plugin, or a client that has it, and set DATALAB_DOCKER to its path"
  fi
  if ! command -v dockerd >/dev/null; then
    can_apt || fail "docker: $docker_problem" "install Docker Engine (or start it), or run ./setup.sh as root on Debian or Ubuntu"
    say "docker: installing Docker Engine"
    apt_install docker.io || fail "docker: docker.io could not be installed" "install Docker Engine yourself, then run ./setup.sh again"
    # Newer releases package the client and its build plugin on their own.
    if ! [ -x /usr/bin/docker ]; then apt_install docker-cli || true; fi
  fi
  # Needed only where no registry can be reached; small enough to have it at hand.
  command -v debootstrap >/dev/null || apt_install debootstrap debian-archive-keyring || true
  find_docker || start_docker
  if [ -z "$docker" ] && [ -n "$docker_version" ]; then apt_install docker-buildx || true; fi
  find_docker || fail "docker: $docker_problem" "see /var/log/dockerd.log, or: journalctl -u docker"
  end_step docker
  say "docker: $docker_version answers"
}

# run_daemon: becomes the daemon. It also outlives the caller's folders: without the one that TMPDIR names,
# `docker exec` fails from then on.
run_daemon() {
  cd / && exec env -u TMPDIR setsid nohup dockerd
}

start_docker() {
  [ "$(id -u)" = 0 ] || fail "docker: $docker_problem" "start Docker (sudo systemctl start docker) and make sure that $(id -un) may use it"
  say "docker: starting the daemon"
  if [ -d /run/systemd/system ]; then
    quietly "systemctl start docker" systemctl start docker || true
  else
    # No service manager: the daemon outlives this script and must not keep its lock.
    run_daemon >>/var/log/dockerd.log 2>&1 </dev/null 9>&- &
  fi
  local try pid=${!:-}
  for ((try = 0; try < 150; try++)); do
    find_docker && return
    [ -z "$docker_version" ] || return 0
    # It may also have ended at once: there is nothing to wait for then.
    if [ ! -d /run/systemd/system ] && [ "$try" -gt 5 ] && ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.2
  done
  tail -n 5 /var/log/dockerd.log 2>/dev/null | sed 's/^/          │ /' >&2 || true
}

# The images that the next `up` finds: those of one stack, or of the dev stack's preset.
step_images() {
  [ -n "$docker" ] || find_docker || fail "images: $docker_problem" "run ./setup.sh --only docker"
  [ -n "$node_folder" ] || find_node || fail "images: there is no Node yet" "run ./setup.sh"
  local -a command=("$node_folder/node" "$project/src/images/main.ts") names=() options=()
  local missing line
  if [ -n "$stack" ]; then
    # What is wrong with its configuration `up` says, with every problem at once.
    missing=$("$node_folder/node" "$project/src/cli/images-needed.ts" "$stack" 2>>"$log_file") || missing=''
    [ -n "$missing" ] || { plan_images ''; return 0; }
    mapfile -t names <<<"$missing"
  else
    read -ra names <<<"$(preset_list images)"
  fi
  if missing=$(DATALAB_DOCKER=$docker "${command[@]}" missing "${names[@]}" 2>/dev/null); then
    plan_images ''
    return
  fi
  plan_images "$missing"
  if $verbose; then options=(--verbose); fi
  say "images: building what is missing"
  { DATALAB_DOCKER=$docker "${command[@]}" build "${names[@]}" "${options[@]}" 2>&1 >/dev/null || echo "failed $?"; } | {
    code=0
    while IFS= read -r line; do
      case $line in
        'failed '*) code=${line#* } ;;
        '['*'] '*) tell_build "${line#*] }" ;;
        *) printf '%s\n' "$line" >&2 ;;
      esac
    done
    exit "$code"
  } || fail "images: not all of them could be built" "see the lines above; what is finished is kept: run ./setup.sh again"
}

# plan_images IMAGES: these are what is built, whatever was planned before anybody could say.
plan_images() {
  local name planned
  planned=$(planned_for "$1")
  while read -r name; do
    case " ${planned//$'\n'/ } " in *" $name "*) ;; *) event "drop $name" ;; esac
  done < <(sed -n 's/^plan \(\(image\|program\)-.*\)/\1/p' "$scratch/events" 2>/dev/null)
  for name in $planned; do event "plan $name"; done
}

# tell_build LINE: "image python: building", "program minio: compiled in 74.1 s"
tell_build() {
  local step=${1%%:*}
  case $1 in
    *': building' | *': compiling') begin_step "${step/ /-}" ;;
    *': built in '* | *': compiled in '*) end_step "${step/ /-}" ;;
  esac
  say "$1"
}
