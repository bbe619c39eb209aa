# shellcheck shell=bash
# shellcheck disable=SC2154 # project, cache, scratch, kubernetes and log_file are set by setup.sh and common.sh
# The Pulumi CLI, its Node language host and the resource plugins.

cli_version=$(locked pulumi cli)

engine_components() {
  echo cli host docker
  ! $kubernetes || echo kubernetes
}

# engine_missing: prints the components that are missing or stale; succeeds when there are none.
engine_missing() {
  # shellcheck disable=SC2046 # one word a component
  "$project/tools/engine/build" --check $(engine_components)
}

# Whether the CLI was built here, which says that Pulumi's download site can't be counted on.
engine_was_built() {
  local stamp=$ENGINE_HOME/bin/pulumi.stamp
  [ -s "$stamp" ] && ! grep -q '^official' "$stamp"
}

# The engine writes all that it does, at its most talkative, into compressed files: a fifth of a preview's
# time and up to 500 MB. It has no switch for it, and goes on without where it can't make the folder.
without_engine_logs() {
  [ ! -f "$PULUMI_HOME/logs" ] || return 0
  mkdir -p "$PULUMI_HOME"
  rm -rf "$PULUMI_HOME/logs"
  echo "Written by DataLab's set-up: a file in place of the folder keeps Pulumi from logging everything." >"$PULUMI_HOME/logs"
}

step_engine() {
  local missing
  without_engine_logs
  missing=$(engine_missing) && return
  case " $missing " in
    *' cli '* | *' host '*)
      say "engine: installing Pulumi $cli_version"
      if official_cli; then
        say "engine: Pulumi $cli_version is in place"
        event "drop engine-programs" && event "drop engine-host"
      fi
      ;;
  esac
  if [ -x "$ENGINE_HOME/bin/pulumi" ] && ! engine_was_built; then official_plugins; fi
  missing=$(engine_missing) && return
  need_go
  say "engine: building from Go modules: $missing"
  # One compiler at a time: the next one finds in Go's cache what this one has compiled. Images' programs wait
  # here, too.
  exec 7>"$cache/compiling.lock"
  if command -v flock >/dev/null; then flock 7; fi
  local -a programs=() others=()
  local component
  for component in $missing; do
    case $component in cli | docker) programs+=("$component") ;; *) others+=("$component") ;; esac
  done
  [ ${#programs[@]} -eq 0 ] || build_engine programs "${programs[@]}"
  for component in "${others[@]}"; do build_engine "$component" "$component"; done
  exec 7>&-
}

# build_engine STEP COMPONENT...: one run of the compiler.
build_engine() {
  local step=engine-$1
  shift
  begin_step "$step"
  quietly "engine: $*" "$project/tools/engine/build" "$@" ||
    fail "engine: $* could not be built" "check that Go reaches its module proxy (go env GOPROXY), then run ./setup.sh again"
  end_step "$step"
  say "engine: $* is in place"
}

official_cli() {
  local architecture name expected unpacked=$scratch/pulumi file
  architecture=$(node_architecture) || return 1
  name=pulumi-v$cli_version-linux-$architecture.tar.gz
  fetch "https://github.com/pulumi/pulumi/releases/download/v$cli_version/pulumi-$cli_version-checksums.txt" \
    "$scratch/checksums.txt" || return 1
  fetch "https://get.pulumi.com/releases/sdk/$name" "$scratch/$name" || return 1
  expected=$(awk -v name="$name" '$2 == name { print $1 }' "$scratch/checksums.txt")
  verify_sha256 "$scratch/$name" "$expected" || return 1
  mkdir -p "$unpacked" "$ENGINE_HOME/bin"
  tar -xzf "$scratch/$name" -C "$unpacked" --strip-components=1 || return 1
  # Only what a Node program needs: a plugin on PATH would override the installed one.
  for file in pulumi-language-nodejs pulumi-resource-pulumi-nodejs pulumi-analyzer-policy pulumi; do
    [ ! -e "$unpacked/$file" ] || mv -f "$unpacked/$file" "$ENGINE_HOME/bin/$file" || return 1
  done
  echo "official $cli_version" | tee "$ENGINE_HOME/bin/pulumi.stamp" >"$ENGINE_HOME/bin/pulumi-language-nodejs.stamp"
}

official_plugins() {
  local name version folder missing
  missing=$(engine_missing || true)
  for name in docker kubernetes; do
    case " $missing " in *" $name "*) ;; *) continue ;; esac
    version=$(locked plugins "$name")
    folder=$PULUMI_HOME/plugins/resource-$name-v$version
    say "engine: installing the $name plugin $version"
    rm -rf "$folder"
    if timeout 600 "$ENGINE_HOME/bin/pulumi" plugin install resource "$name" "$version" >>"$log_file" 2>&1 </dev/null; then
      echo "official $version" >"$folder/pulumi-resource-$name.stamp"
      say "engine: the $name plugin is in place"
    fi
  done
}

# need_go: Go that is new enough to fetch the toolchain each component asks for.
need_go() {
  local minimum version archive site=https://go.dev/dl
  minimum=$(locked go minimum)
  export GOTOOLCHAIN=auto
  [ ! -x "$cache/toolchain/go/bin/go" ] || export PATH="$cache/toolchain/go/bin:$PATH"
  if command -v go >/dev/null; then
    version=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
    if [ "$(printf '%s\n%s\n' "$minimum" "$version" | sort -V | head -n 1)" = "$minimum" ]; then return; fi
  fi
  archive=go$(locked go toolchain).linux-$([ "$(node_architecture)" = arm64 ] && echo arm64 || echo amd64).tar.gz
  say "go: installing $archive${version:+ (found $version, too old)}"
  if fetch "$site/$archive.sha256" "$scratch/go.sha256" && fetch "$site/$archive" "$scratch/$archive" &&
    verify_sha256 "$scratch/$archive" "$(cut -c1-64 "$scratch/go.sha256")"; then
    mkdir -p "$scratch/toolchain" "$cache/toolchain"
    tar -xzf "$scratch/$archive" -C "$scratch/toolchain"
    rm -rf "$cache/toolchain/go"
    mv "$scratch/toolchain/go" "$cache/toolchain/go"
    export PATH="$cache/toolchain/go/bin:$PATH"
    return
  fi
  fail "go: ${version:-none} found, $minimum or later is needed to build what can't be downloaded here" \
    "install Go from its download page or your package manager and put it on PATH, then run ./setup.sh again"
}
