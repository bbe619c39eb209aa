# shellcheck shell=bash
# shellcheck disable=SC2154 # project, cache, state, log_file, verbose and steps are set by setup.sh, which sources this file
# Progress, downloads, the lock, and the files that set-up writes for the launcher.

started=${EPOCHREALTIME/[.,]/}
lock_file_json=$project/src/images/lock.json

# say TEXT: a line of progress with the elapsed time, also written to the log.
say() {
  local now=${EPOCHREALTIME/[.,]/} tenths line
  tenths=$(((now - started) / 100000))
  printf -v line '[%5s] %s' "$((tenths / 10)).$((tenths % 10))s" "$*"
  # The living line of a terminal makes room.
  if [ "${living:-false}" = true ]; then printf '\r\033[K' >&2; fi
  printf '%s\n' "$line" >&2
  [ ! -d "$project/logs" ] || printf '%(%FT%T%z)T %s\n' -1 "$line" >>"$log_file"
}

# fail WHAT FIX
fail() {
  say "✖ $1"
  say "→ $2"
  exit 1
}

# quietly NAME COMMAND...: runs a command with its output in the log; a failure shows the last lines of it.
quietly() {
  local name=$1 output code=0
  shift
  if $verbose; then
    { "$@" 2>&1 || code=$?; } > >(tee -a "$log_file" >&2)
    return "$code"
  fi
  output=$(mktemp "$scratch/output.XXXXXX")
  "$@" >"$output" 2>&1 </dev/null || code=$?
  cat "$output" >>"$log_file"
  if [ "$code" -ne 0 ]; then
    say "$name: failed with exit code $code; its last lines:"
    tail -n 15 "$output" | sed 's/^/          │ /' >&2
  fi
  rm -f "$output"
  return "$code"
}

# locked SECTION KEY: a version from src/images/lock.json, read before there is a Node to parse it with.
locked() {
  awk -v section="\"$1\":" -v key="\"$2\":" '
    index($0, section) { inside = 1 }
    inside && (at = index($0, key)) {
      value = substr($0, at + length(key))
      sub(/^[ ]*"/, "", value); sub(/".*/, "", value); print value; exit
    }' "$lock_file_json"
}

# fetch URL FILE: a download that gives up soon where the host can't be reached.
fetch() {
  if command -v curl >/dev/null; then
    curl -fsSL --connect-timeout 5 --speed-limit 1000 --speed-time 30 --retry 1 -o "$2" "$1" 2>>"$log_file"
  elif command -v wget >/dev/null; then
    wget -q --connect-timeout=5 --read-timeout=30 --tries=2 -O "$2" "$1" 2>>"$log_file"
  else
    return 1
  fi
}

# verify_sha256 FILE EXPECTED
verify_sha256() {
  local actual
  actual=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$actual" = "$2" ] || { say "$(basename "$1"): sha256 is $actual, expected ${2:-one, but none is published}"; return 1; }
}

# apt_install PACKAGE...: Debian and Ubuntu as root only; the lists are fetched again when a package isn't
# found.
can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
apt_install() {
  can_apt || return 1
  export DEBIAN_FRONTEND=noninteractive
  local -a install=(apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@")
  if [ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] &&
    "${install[@]}" >>"$log_file" 2>&1 </dev/null; then
    return
  fi
  quietly "apt-get update" apt-get update -qq && quietly "apt-get install $*" "${install[@]}"
}

# The few commands that set-up itself calls.
need_downloader() {
  local -a packages=()
  command -v curl >/dev/null || command -v wget >/dev/null || packages+=(curl)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || packages+=(ca-certificates)
  command -v xz >/dev/null || packages+=(xz-utils)
  [ ${#packages[@]} -eq 0 ] && return
  say "tools: installing ${packages[*]}"
  apt_install "${packages[@]}" ||
    fail "tools: ${packages[*]} are missing and can't be installed" "install them with your package manager"
}

# Set-up and every command write into the checkout, and the passphrase is its owner's alone.
check_owner() {
  local place=$state owner
  [ -e "$place" ] || place=$project
  if [ -w "$place" ] && [ -x "$place" ]; then return; fi
  owner=$(stat -c %U "$place" 2>/dev/null || echo "another user")
  echo "✖ $place belongs to $owner, and you are $(id -un 2>/dev/null || id -u): you can't write to it" >&2
  echo "→ Work in a clone of your own, with a stack name and a portOffset of your own, or as $owner" >&2
  exit 2
}

make_directories() {
  mkdir -p "$state"
  # Where a group shares the folder, its owner alone can do so.
  if [ -O "$state" ]; then chmod 0700 "$state"; fi
  # Pulumi makes no folder for its own state.
  mkdir -p "$state/state" "$project/logs" "$cache"
  # What a killed set-up left behind.
  local folder pid
  for folder in "$cache"/setup-*; do
    pid=${folder##*/setup-} pid=${pid%%-*}
    [ ! -d "$folder" ] || [ -d "/proc/$pid" ] || rm -rf "$folder"
  done
  scratch=$(mktemp -d "$cache/setup-$$-XXXXXX")
}

clean_up() { rm -rf "$scratch"; }

# One set-up at a time; the second one says who holds the lock instead of waiting for it.
take_lock() {
  command -v flock >/dev/null || return 0
  exec 9<>"$state/setup.lock"
  if ! flock -n 9; then
    local holder
    holder=$(head -n 1 "$state/setup.lock" 2>/dev/null || true)
    rm -rf "$scratch"
    say "✖ another set-up is running: ${holder:-its name is not written yet}"
    say "→ wait for it to end, then run this again"
    exit 4
  fi
  printf 'pid %s, user %s, since %(%FT%T%z)T\n' "$$" "$(id -un 2>/dev/null || id -u)" -1 >"$state/setup.lock"
}

# The passphrase of this project's Pulumi secrets. It is never overwritten: what it encrypted would be lost.
make_passphrase() {
  local target=$state/passphrase
  [ -s "$target" ] && { chmod 0600 "$target"; return; }
  (umask 077 && head -c 32 /dev/urandom | base64 | tr -d '\n=' >"$scratch/passphrase")
  # A link fails where a file exists: two set-ups can't each write one.
  if [ ! -e "$target" ]; then ln "$scratch/passphrase" "$target" 2>/dev/null || cp -n "$scratch/passphrase" "$target"; fi
  [ -s "$target" ] || fail "passphrase: $target is empty" "remove it, unless something was encrypted with it, and run this again"
  say "passphrase: made in .datalab/passphrase (keep a copy: the stack's secrets can't be read without it)"
}

quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# What the launcher reads. Its time stamp is what tells the launcher that set-up is up to date.
write_environment() {
  local file=$state/setup.env level=basic
  # A run of other steps says nothing about Node and the packages, which every command needs.
  if ! wants node || ! wants npm; then return; fi
  if wants engine && wants docker; then level=full; fi
  # A partial run keeps what an earlier full one found, but not its claim to be complete.
  if [ -z "$docker" ] && [ -s "$file" ]; then docker=$(sed -n "s/^datalab_docker='\(.*\)'$/\1/p" "$file"); fi
  {
    echo "# Written by setup.sh."
    echo "datalab_level=$level"
    echo "datalab_node=$(quoted "$node_folder")"
    echo "datalab_engine=$(quoted "$ENGINE_HOME/bin")"
    echo "datalab_pulumi_home=$(quoted "$PULUMI_HOME")"
    echo "datalab_docker=$(quoted "$docker")"
    echo "datalab_daemon=$(quoted "$daemon")"
    echo "datalab_built=$(engine_was_built && echo true || echo false)"
  } >"$file.new"
  mv -f "$file.new" "$file"
}
