# shellcheck shell=bash
# shellcheck disable=SC2154 # project, state, steps, json, ... are set by setup.sh and the files it sources
# `setup.sh --check`: what is there, what is missing. Changes nothing.

# What the dev stack is declared to need at once, in MiB: its containers' memory and a first data set.
memory_budget=$(($(preset_number restMiB) + $(preset_number workMiB)))
disk_budget=16384

rows=()       # name<TAB>needed<TAB>found<TAB>state (ok, missing, stale or low)
port_rows=()  # port<TAB>purpose<TAB>taken by (empty: free)<TAB>whether that is this project's own stack
incomplete=0

row() {
  rows+=("$1"$'\t'"$2"$'\t'"$3"$'\t'"$4")
  case $4 in missing | stale) incomplete=1 ;; esac
}

report() {
  check_software
  check_files
  check_machine
  check_ports
  if $json; then print_json; else print_table; fi
  return "$incomplete"
}

check_software() {
  local missing component version
  if find_node; then row node ">= $node_minimum" "$node_found" ok; else row node ">= $node_minimum" "${node_found:-none}" missing; fi
  if [ -z "$node_folder" ] || [ ! -d "$project/node_modules" ]; then row "npm packages" package-lock.json none missing
  elif npm_is_current; then row "npm packages" package-lock.json installed ok
  else row "npm packages" package-lock.json differs stale; fi
  missing=$(engine_missing || true)
  for component in $(engine_components); do
    case $component in
      cli) version=$cli_version; name="Pulumi CLI" ;;
      host) version=any; name="Pulumi Node host" ;;
      *) version=$(locked plugins "$component"); name="Pulumi plugin $component" ;;
    esac
    case " $missing " in
      *" $component "*) row "$name" "$version" "none or stale" missing ;;
      *) row "$name" "$version" "$([ "$version" = any ] && echo installed || echo "$version")" ok ;;
    esac
  done
  if find_docker; then row docker "answers, BuildKit" "$docker_version" ok
  else row docker "answers, BuildKit" "${docker_problem//$'\t'/ }" missing; fi
  check_images
}

check_images() {
  local missing needed="all of the platform"
  local -a names=()
  read -ra names <<<"$(preset_list images)"
  [ "${#names[@]}" = 0 ] || needed="of the preset $(dev_preset)"
  if [ -z "$docker" ] || [ -z "$node_folder" ] || [ ! -d "$project/node_modules" ]; then
    row images "$needed" unknown missing
  elif missing=$(DATALAB_DOCKER=$docker "$node_folder/node" "$project/src/images/main.ts" missing "${names[@]}" 2>/dev/null); then
    row images "$needed" built ok
  else
    row images "$needed" "missing: ${missing//$'\n'/ }" missing
  fi
}

check_files() {
  local folder mode
  for folder in .datalab logs; do
    if [ -d "$project/$folder" ]; then row "$folder/" directory present ok; else row "$folder/" directory none missing; fi
  done
  if [ -s "$state/passphrase" ]; then
    mode=$(stat -c %a "$state/passphrase")
    if [ "$mode" = 600 ]; then row passphrase "mode 600" "mode 600" ok; else row passphrase "mode 600" "mode $mode" stale; fi
  else
    row passphrase "mode 600" none missing
  fi
}

# Little memory or disk is a warning: a stack that is already running has taken its share.
check_machine() {
  local memory disk folder=/var/lib/docker
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
  [ -d "$folder" ] || folder=$project
  disk=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  row "free memory" "$memory_budget MiB" "$memory MiB" "$([ "$memory" -ge "$memory_budget" ] && echo ok || echo low)"
  row "free disk" "$disk_budget MiB" "$disk MiB" "$([ "$disk" -ge "$disk_budget" ] && echo ok || echo low)"
}

# The ports of the dev stack's preset, moved by its portOffset, and whatever listens on them.
check_ports() {
  local offset=0 entry service port purpose listeners='' containers='' owner own services file=$project/Pulumi.dev.yaml
  services=$(preset_list services)
  if [ -r "$file" ]; then
    offset=$(sed -n 's/^[[:space:]]*portOffset:[[:space:]]*\([0-9]\{1,5\}\).*/\1/p' "$file" | head -n 1)
  fi
  [ -z "$docker" ] || containers=$("$docker" ps --format '{{.Names}} {{.Label "datalab.stack"}}|{{.Ports}}' 2>/dev/null || true)
  if command -v ss >/dev/null; then listeners=$(ss -Hltnp 2>/dev/null || true); fi
  for entry in "core 7070 core" "postgres 5432 PostgreSQL" "object-store 9000 S3" \
    "object-store 9001 object-store console" "prefect 4200 Prefect" "spark 8080 Spark" "spark 15002 Spark Connect" \
    "spark 18080 Spark history" "mlflow 5000 MLflow" "jupyterhub 8000 notebooks" "prometheus 9090 Prometheus" \
    "alertmanager 9093 Alertmanager" "logs 9428 logs" "dashboard 8501 dashboard"; do
    read -r service port purpose <<<"$entry"
    case " ${services:-$service} " in *" $service "*) ;; *) continue ;; esac
    port=$((port + ${offset:-0})) owner='' own=false
    owner=$(container_on "$port" "$containers")
    if [ -n "$owner" ]; then
      # Name and stack label: what the dev stack itself publishes is no conflict.
      [ "${owner#* }" != dev ] || own=true
      owner="container ${owner%% *}"
    else
      owner=$(listener_on "$port" "$listeners")
    fi
    port_rows+=("$port"$'\t'"$purpose"$'\t'"$owner"$'\t'"$own")
  done
}

# Docker prints neighbouring ports as one range: 127.0.0.1:9000-9001->9000-9001/tcp
container_on() {
  printf '%s\n' "$2" | awk -F'|' -v port="$1" '{
    count = split($2, mappings, ", ")
    for (i = 1; i <= count; i++) {
      if (!sub(/->.*/, "", mappings[i])) continue
      sub(/.*:/, "", mappings[i])
      last = split(mappings[i], range, "-")
      if (port + 0 >= range[1] + 0 && port + 0 <= range[last] + 0) { print $1; exit }
    }
  }'
}

listener_on() {
  local line
  if [ -n "$2" ]; then
    line=$(printf '%s\n' "$2" | awk -v suffix=":$1" 'substr($4, length($4) - length(suffix) + 1) == suffix { print; exit }')
    [ -n "$line" ] || return 0
    printf '%s\n' "$line" | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (pid \2)/p' | grep . || echo "another process"
  else
    # Without ss only the kernel's table is left: it has no names.
    grep -qiE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null &&
      echo "another process"
    return 0
  fi
}

print_table() {
  local entry name needed found verdict sign taken own
  printf '  %-24s %-24s %-28s %s\n' DEPENDENCY NEEDED FOUND STATE
  for entry in "${rows[@]}"; do
    IFS=$'\t' read -r name needed found verdict <<<"$entry"
    case $verdict in ok) sign=✔ ;; low) sign=! ;; *) sign=✖ ;; esac
    printf '%s %-24s %-24s %-28s %s\n' "$sign" "$name" "$needed" "$found" "$verdict"
  done
  printf '\n  %-24s %s\n' PORT "TAKEN BY"
  for entry in "${port_rows[@]}"; do
    # A tab would merge empty fields.
    IFS=$'\x1f' read -r name needed taken own <<<"${entry//$'\t'/$'\x1f'}"
    if [ -z "$taken" ]; then sign=✔; elif $own; then sign=✔ taken="$taken (this project's dev stack)"; else sign=!; fi
    printf '%s %-24s %s\n' "$sign" "$name $needed" "${taken:-free}"
  done
  [ "$incomplete" = 0 ] ||
    printf '\n→ run ./setup.sh to install what is missing: %s at most on %s cores (estimate)\n' "$(estimate_text)" "$cores"
}

# What is missing takes about so long. A download in place of compiling takes less.
estimate_text() {
  local seconds
  seconds=$(estimated_seconds)
  if [ "$seconds" -lt 90 ]; then echo "about $(((seconds + 9) / 10 * 10)) s"; else echo "about $(((seconds + 30) / 60)) min"; fi
}
estimated_seconds() {
  # shellcheck disable=SC2046,SC2086 # one word a step
  estimate $(planned_steps ${steps//,/ })
}

json_text() {
  local text=$1
  text=${text//\\/\\\\} text=${text//\"/\\\"}
  printf '"%s"' "$(printf '%s' "$text" | tr '\000-\037' ' ')"
}

print_json() {
  local entry name needed found verdict separator=''
  printf '{"ok":%s,"estimatedSeconds":%s,"dependencies":[' "$([ "$incomplete" = 0 ] && echo true || echo false)" \
    "$(estimated_seconds)"
  for entry in "${rows[@]}"; do
    IFS=$'\x1f' read -r name needed found verdict <<<"${entry//$'\t'/$'\x1f'}"
    printf '%s\n  {"name":%s,"needed":%s,"found":%s,"state":%s}' "$separator" \
      "$(json_text "$name")" "$(json_text "$needed")" "$(json_text "$found")" "$(json_text "$verdict")"
    separator=,
  done
  printf '],\n"ports":['
  separator=''
  for entry in "${port_rows[@]}"; do
    IFS=$'\x1f' read -r name needed found verdict <<<"${entry//$'\t'/$'\x1f'}"
    printf '%s\n  {"port":%s,"purpose":%s,"takenBy":%s,"own":%s}' "$separator" "$name" "$(json_text "$needed")" \
      "$([ -n "$found" ] && json_text "$found" || echo null)" "$verdict"
    separator=,
  done
  printf ']}\n'
}
