# Makes the database at the first start, as the published image does from the same variables, and becomes the server.
set -euo pipefail
if [[ ! -s $PGDATA/PG_VERSION ]]; then
  initdb -D "$PGDATA" -U "$POSTGRES_USER" -A scram-sha-256 --pwfile <(echo "$POSTGRES_PASSWORD") -E UTF8 --locale C.UTF-8 -N
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -c 'listen_addresses=*' -c unix_socket_directories=/var/run/postgresql
