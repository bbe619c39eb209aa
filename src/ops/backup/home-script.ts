/**
 * Saves a home and brings it back; called with a word and the home's path. GNU tar, whose output is the same
 * for the same files, so that a home that nobody touched is saved once. What is loaded lies beside the live
 * one, in the home itself, until it takes its place.
 */
export const homeScript = `set -euo pipefail
cd "$2"
loaded=.datalab-loaded
replaced=.datalab-replaced
pack() {
  tar --create --format=posix --sort=name --numeric-owner --owner=0 --group=0 \\
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \\
    --ignore-failed-read --anchored --exclude=./$loaded --exclude=./$replaced --exclude=./lost+found . ||
    # 1: something changed meanwhile.
    [ $? -eq 1 ]
}
# A folder that its owner may not write can't be moved or emptied.
drop() {
  [ ! -e "$1" ] || { chmod -R u+rwX "$1"; rm -rf "$1"; }
}
move() {
  find "$1" -mindepth 1 -maxdepth 1 ! -name $loaded ! -name $replaced ! -name lost+found -print0 |
    while IFS= read -r -d '' each; do
      mode=
      if [ -d "$each" ] && [ ! -L "$each" ]; then
        mode=$(stat --format=%a "$each")
        chmod u+rwx "$each"
      fi
      mv --no-target-directory "$each" "$2/\${each##*/}"
      [ -z "$mode" ] || chmod "$mode" "$2/\${each##*/}"
    done
}
case $1 in
  save) pack ;;
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
  swap)
    mkdir -p $replaced
    move . "$(mktemp --directory --tmpdir=$replaced)"
    chmod u+rwx $loaded
    move $loaded .
    rmdir $loaded
    ;;
  discard)
    drop $loaded
    drop $replaced
    ;;
  *)
    echo "expected save, load, swap or discard, received $1" >&2
    exit 64
    ;;
esac
`;
