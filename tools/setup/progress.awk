# progress.awk DURATIONS EVENTS: what is under way, or with estimate=1 how long all of it takes. Variables:
# now (seconds, as in the events), cores. Events: "plan NAME", "drop NAME", "begin NAME SECONDS", "end NAME
# SECONDS".
function clock(seconds) { return sprintf("%d:%02d", seconds / 60, seconds % 60) }
function about(seconds) {
  if (seconds < 90) return sprintf("%d s", seconds < 5 ? 5 : int((seconds + 4) / 5) * 5)
  return sprintf("%d min", int((seconds + 30) / 60))
}
function plan(name) { if (!(name in planned)) { planned[name] = 1; total++ } }

FNR == 1 { file++ }
file == 1 && /^#/ { next }
file == 1 && $1 == "busy" { busy = $2; next }
file == 1 && NF { cpu[$1] = $2; usual[$1] = $3; label[$1] = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+ +/, "", label[$1]); next }
$1 == "plan" { plan($2) }
$1 == "drop" && ($2 in planned) && !($2 in began) { delete planned[$2]; total-- }
$1 == "begin" { plan($2); began[$2] = $3; number[$2] = ++count; order[count] = $2 }
$1 == "end" { done[$2] = 1 }

END {
  # Fewer cores than the two of the measurement make a step longer, more make it shorter, up to a point.
  factor = 2 / cores
  if (factor < 0.25) factor = 0.25
  for (name in planned) {
    if (name in done) continue
    alone = (name in usual ? usual[name] : 30) * factor
    rest = 1
    if (name in began) {
      rest = 1 - (now - began[name]) / alone
      if (rest < 0.1) rest = 0.1
    }
    work += (name in cpu ? cpu[name] : 30) * rest
    if (alone * rest > longest) longest = alone * rest
  }
  left = work / (cores * busy)
  if (left < longest) left = longest
  if (estimate) { printf "%d\n", left; exit }
  for (i = 1; i <= count; i++) {
    name = order[i]
    if (name in done) continue
    text = text (text == "" ? "" : "; ") "step " i " of " total " · " (name in label ? label[name] : name)
    if (name in usual) text = text " · usually " about(usual[name] * factor)
    text = text " · " clock(now - began[name]) " so far"
  }
  if (text != "") print text ", about " about(left) " left"
}
