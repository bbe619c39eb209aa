# shellcheck shell=bash
# shellcheck disable=SC2154 # project, cache, scratch, state, ... are set by setup.sh and the files it sources
# Which steps a run has, which of them is under way, and what runs beside what.

cores=$(nproc 2>/dev/null || echo 2)
durations=$project/tools/setup/durations
# A terminal is shown one living line, anything else a line every half a minute.
if [ -t 2 ] && [ -z "${CI:-}" ]; then living=true; else living=false; fi

seconds_now() { printf '%(%s)T' -1; }
event() { printf '%s\n' "$*" >>"$scratch/events"; }
begin_step() { event "begin $1 $(seconds_now)"; }
end_step() { event "end $1 $(seconds_now)"; }

# progress [EVENTS]: "step 3 of 11 · image python · usually 50 s · 0:12 so far, about 6 min left"; nothing
# between two steps.
progress() { awk -v now="$(seconds_now)" -v cores="$cores" -f "$project/tools/setup/progress.awk" "$durations" "$1"; }

# estimate STEP...: seconds that these steps take on this machine.
estimate() {
  [ $# -gt 0 ] || { echo 0; return; }
  printf 'plan %s\n' "$@" |
    awk -v estimate=1 -v cores="$cores" -f "$project/tools/setup/progress.awk" "$durations" -
}

# The steps that are known to be needed, one a line: of node, npm, engine, docker and images, those that are
# given.
planned_steps() {
  local step component missing
  for step in "$@"; do
    case $step in
      node) find_node || echo node ;;
      npm) { [ -n "$node_folder" ] && npm_is_current; } || echo npm ;;
      docker) [ -n "$docker" ] || find_docker || echo docker ;;
      engine)
        missing=$(engine_missing) && continue
        case " $missing " in *' cli '* | *' docker '*) echo engine-programs ;; esac
        for component in $missing; do
          case $component in cli | docker) ;; *) echo "engine-$component" ;; esac
        done
        ;;
      images) planned_for "$(missing_images)" ;;
    esac
  done
}

# planned_for IMAGES: the steps of these images, and of the programs in them that are not compiled yet.
planned_for() {
  local name program
  for name in $1; do
    echo "image-$name"
    for program in $(programs_in "$name"); do
      compgen -G "$cache/go/$program-*/$program" >/dev/null || echo "program-$program"
    done
  done
}
programs_in() {
  case $1 in
    services) echo minio mc versitygw alertmanager amtool victoria-logs ;;
    gateway) echo gateway ;;
  esac
}

# missing_images: those of the dev stack's preset that are not built; all of them where nobody can say.
missing_images() {
  local code=0 name
  local -a names=()
  read -ra names <<<"$(preset_list images)"
  if [ -n "$docker" ] && [ -n "$node_folder" ] && [ -s "$project/node_modules/.package-lock.json" ]; then
    DATALAB_DOCKER=$docker "$node_folder/node" "$project/src/images/main.ts" missing "${names[@]}" 2>/dev/null || code=$?
    [ "$code" -gt 1 ] || return 0
  fi
  while read -r name; do
    case " ${names[*]:-$name} debian base " in *" $name "*) echo "$name" ;; esac
  done < <(sed -n 's/^image-\([a-z]*\) .*/\1/p' "$durations")
}

# The living line is drawn anew every second, and erased by every line that is said.
ticker=''
start_ticker() {
  [ -s "$scratch/events" ] || return 0
  set -m
  (
    every=30
    if $living; then every=1; fi
    while sleep "$every"; do
      line=$(progress "$scratch/events")
      [ -n "$line" ] || continue
      if $living; then
        width=$(tput cols 2>/dev/null || echo 80)
        [ ${#line} -lt "$width" ] || line=${line:0:$((width - 2))}…
        printf '\r\033[K%s' "$line" >&2
      else
        say "$line"
      fi
    done
  ) </dev/null &
  ticker=$!
  set +m
}
stop_ticker() {
  [ -n "$ticker" ] || return 0
  kill -TERM -- "-$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  ticker=''
  ! $living || printf '\r\033[K' >&2
}

# side_by_side COMMAND COMMAND: both at once, each a process group of its own. The first failure stops the
# other one, and is what set-up ends with: its lines have been said.
lanes=()
side_by_side() {
  local code=0 command lane
  local -a running=()
  set -m
  for command in "$@"; do
    ("$command") </dev/null &
    lanes+=("$!")
  done
  set +m
  # `wait -n` with the numbers of processes differs between releases of bash.
  while [ "$code" = 0 ] && [ ${#lanes[@]} -gt 0 ]; do
    sleep 0.2
    running=()
    for lane in "${lanes[@]}"; do
      if kill -0 "$lane" 2>/dev/null; then running+=("$lane"); else wait "$lane" || code=$?; fi
    done
    lanes=("${running[@]}")
  done
  [ "$code" = 0 ] && return
  stop_lanes
  [ "$code" -le 128 ] || say "✖ set-up: a part of it was ended by signal $((code - 128))"
  return 1
}
# What a stopped lane leaves behind it removes itself: it has ten seconds for that.
stop_lanes() {
  local lane try
  for lane in "${lanes[@]}"; do kill -TERM -- "-$lane" 2>/dev/null || true; done
  for lane in "${lanes[@]}"; do
    for ((try = 0; try < 100; try++)); do
      kill -0 -- "-$lane" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$lane" 2>/dev/null || true
  done
  [ ${#lanes[@]} -eq 0 ] || wait "${lanes[@]}" 2>/dev/null || true
  lanes=()
}
