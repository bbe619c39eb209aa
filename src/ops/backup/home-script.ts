/** Names in a home that a restore uses; what people have of these names is in no backup. */
const loaded = ".datalab-loaded";
const replaced = ".datalab-replaced";

/** From how many bytes of holes on tar looks for them: it does not read what a file system says is empty. */
const holeBytes = 64 * 2 ** 20;

/**
 * Saves a home and brings it back; called with a word and the home's path. GNU tar, whose output is the same
 * for the same files, so that a home that nobody touched is saved once. What is loaded lies beside the live
 * one, in the home itself, until it takes its place.
 *
 * People make in their homes what they like: a link that leads nowhere under one of the names used here, a
 * file of 15 TB that is empty, a folder that they have locked themselves.
 */
export const homeScript = `set -euo pipefail
loaded=${loaded}
replaced=${replaced}
present() { [ -e "$1" ] || [ -L "$1" ]; }
is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }
usable() { [ -r "$1" ] && [ -w "$1" ] && [ -x "$1" ]; }
[ "$1" = save ] || usable "$2" || chmod u+rwx "$2"
cd "$2"
# A file system has it, not a person.
not_theirs() { is_folder lost+found && [ ! -O lost+found ]; }
files() {
  find . \\( -path ./$loaded -o -path ./$replaced \\) -prune -o -type f "$@" 2>/dev/null || true
}
hollow() {
  files -printf '%s %b\\n' |
    awk '{ hole = $1 - $2 * 512; if (hole > 0) all += hole } END { exit !(all > ${holeBytes}) }'
}
# Where blocks are not counted, tar would take a file for empty and save zeros in its place.
miscounts() {
  [ -n "$(files -size +0 -printf '%b %s %p\\0' | { grep --null-data '^0 ' || true; } | {
    while IFS= read -r -d '' line; do
      rest=\${line#* }
      size=\${rest%% *}
      path=\${rest#* }
      part=$((size < 1048576 ? size : 1048576))
      found=0
      { head --bytes=$part "$path"; tail --bytes=$part "$path"; } 2>/dev/null |
        cmp --quiet --bytes=$((2 * part)) - /dev/zero || found=$?
      [ $found -ne 1 ] || echo "$path"
    done
  })" ]
}
pack() {
  options=(--exclude=./$loaded --exclude=./$replaced)
  ! not_theirs || options+=(--exclude=./lost+found)
  # 0.0: the others put a process id into the archive, which is another one each time.
  if hollow && ! miscounts; then options+=(--sparse --sparse-version=0.0 --hole-detection=seek); fi
  tar --create --format=posix --sort=name --numeric-owner --owner=0 --group=0 \\
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \\
    --ignore-failed-read --anchored "\${options[@]}" . ||
    # 1: something changed meanwhile.
    [ $? -eq 1 ]
}
drop() {
  # A folder that its owner may not write can't be moved or emptied.
  ! is_folder "$1" || find "$1" -type d ! -perm -u=rwx -exec chmod u+rwx {} \\;
  rm -rf "$1"
}
move() {
  find "$1" -mindepth 1 -maxdepth 1 ! -name $loaded ! -name $replaced -print0 |
    while IFS= read -r -d '' each; do
      [ "$each" != ./lost+found ] || ! not_theirs || continue
      mode=
      if is_folder "$each"; then
        mode=$(stat --format=%a "$each")
        chmod u+rwx "$each"
      fi
      mv --no-target-directory "$each" "$2/\${each##*/}"
      [ -z "$mode" ] || chmod "$mode" "$2/\${each##*/}"
    done
}
case $1 in
  save)
    for each in $loaded $replaced; do
      ! present $each || echo "datalab: reserved: $each" >&2
    done
    pack
    ;;
  load)
    drop $loaded
    mkdir $loaded
    tar --extract --preserve-permissions --no-same-owner --directory=$loaded || {
      drop $loaded
      exit 1
    }
    cd $loaded
    pack | sha256sum | cut -d ' ' -f 1
    ;;
  compare)
    # As root made it, for owners are not kept. Everything else that differs is printed.
    cd $loaded
    differs=$({ tar --compare --quoting-style=escape 2>&1 || [ $? -eq 1 ]; } |
      { grep --extended-regexp --invert-match ': (Uid|Gid) differs$' || true; } | head --lines=4)
    [ -z "$differs" ] || { echo "$differs" >&2; exit 1; }
    ;;
  swap)
    is_folder $loaded || { echo "nothing is loaded" >&2; exit 1; }
    is_folder $replaced || rm -f $replaced
    mkdir -p $replaced
    chmod u+rwx $replaced $loaded
    move . "$(mktemp --directory --tmpdir=$replaced)"
    move $loaded .
    rmdir $loaded
    ;;
  discard)
    drop $loaded
    [ "\${3-all}" = loaded ] || drop $replaced
    ;;
  *)
    echo "expected save, load, compare, swap or discard, received $1" >&2
    exit 64
    ;;
esac
`;
