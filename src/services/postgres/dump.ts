/**
 * Saves databases and brings them back; see Dump in the vocabulary. A database is loaded as `<name>.loaded`
 * beside the one that serves, and takes its place by a rename; names from needs have no dot. `--no-acl`: what
 * a role may do comes from its need, and is granted at every start.
 */
export const dump = `set -euo pipefail
bin=/usr/lib/postgresql/15/bin
export PGHOST=/tmp PGUSER=postgres PGDATABASE=postgres LC_ALL=C
sql() { $bin/psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }
# Every row, and the name of everything that a script makes, in an order that does not depend on how the server counts its objects.
# Not its definition: the server writes an expression otherwise once it has read it back.
said() {
  awk '
    rows { print; if ($0 == "\\\\.") rows = 0; next }
    /^COPY .* FROM stdin;$/ { rows = 1; print; next }
    /^SELECT pg_catalog\\.setval/ { print; next }
    /^(CREATE|ALTER) / { print $1, $2, $3, $4; next }
    /^ +ADD CONSTRAINT / { print $1, $2, $3 }
  ' | sort --temporary-directory=/data | sha256sum | cut -d ' ' -f 1
}
case $1 in
  list)
    sql --command "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' AND datname NOT LIKE '%.%' ORDER BY 1"
    ;;
  save)
    exec $bin/pg_dump --format=custom --compress=0 --no-owner --no-acl --dbname "$2"
    ;;
  load)
    owner=$(sql --set name="$2" <<<"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :'name'")
    [ -n "$owner" ] || { echo "there is no database $2 here" >&2; exit 1; }
    sql --set copy="$2.loaded" --set owner="$owner" <<'SQL'
DROP DATABASE IF EXISTS :"copy" WITH (FORCE);
CREATE DATABASE :"copy" OWNER :"owner" TEMPLATE template0;
REVOKE CONNECT ON DATABASE :"copy" FROM PUBLIC;
SQL
    exec $bin/pg_restore --exit-on-error --single-transaction --no-owner --no-acl --role="$owner" --dbname "$2.loaded"
    ;;
  digest)
    $bin/pg_dump --format=plain --no-owner --no-acl --dbname "$2.loaded" | said
    ;;
  digest-saved)
    $bin/pg_restore --no-owner --no-acl --file=- | said
    ;;
  swap)
    # Only what is named: a restore that was killed may have left copies of another backup.
    shift
    loaded=("$@")
    [ $# -gt 0 ] || { echo "swap: expected the names of databases" >&2; exit 64; }
    for name in "\${loaded[@]}"; do
      there=$(sql --set copy="$name.loaded" <<<"SELECT 1 FROM pg_database WHERE datname = :'copy'")
      [ -n "$there" ] || { echo "$name is not loaded: nothing was replaced" >&2; exit 1; }
    done
    # Nobody gets in between; renames are one transaction, so that all databases are the new ones or none is.
    open() { for name in "\${loaded[@]}"; do sql --set name="$name" <<<'ALTER DATABASE :"name" ALLOW_CONNECTIONS true;'; done; }
    trap open EXIT
    for name in "\${loaded[@]}"; do
      sql --set name="$name" --set old="$name.replaced" <<'SQL'
DROP DATABASE IF EXISTS :"old" WITH (FORCE);
ALTER DATABASE :"name" ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid, 10000)) AS ended FROM pg_stat_activity WHERE datname = :'name' \\gset
SQL
    done
    {
      echo 'BEGIN;'
      for name in "\${loaded[@]}"; do
        printf 'ALTER DATABASE "%s" RENAME TO "%s.replaced"; ALTER DATABASE "%s.loaded" RENAME TO "%s";\\n' "$name" "$name" "$name" "$name"
      done
      echo 'COMMIT;'
    } | sql
    ;;
  discard)
    # loaded: what a swap has replaced stays.
    which="datname LIKE '%.loaded'"
    [ "\${2-}" = loaded ] || which="$which OR datname LIKE '%.replaced'"
    for name in $(sql --command "SELECT datname FROM pg_database WHERE $which"); do
      sql --set name="$name" <<<'DROP DATABASE :"name" WITH (FORCE);'
    done
    ;;
  *)
    echo "dump.sh: expected list, save, load, digest, digest-saved, swap or discard, received $1" >&2
    exit 64
    ;;
esac
`;
