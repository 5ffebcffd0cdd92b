# What a PostgreSQL container of the docker engine runs, in official images and in those made of Debian's packages
# alike: make the cluster where there is none yet, then become the server. Runs as the user postgres, with
#   PGDATA           where the cluster is or will be, below a volume or a tmpfs
#   INITDB_OPTIONS   options of initdb, besides the places of data and password
#   PASSWORD_FILE    the password of the first role
#   DATABASE         a database to make
#   "$@"             settings of the server, as --name=value
# Lines that begin with "bigdata-matrix:" are read by experiments/engines/docker/postgres_container.py.

echo "bigdata-matrix: version $(postgres --version)"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Options without blanks, to be split.
    if ! initdb --pgdata="$PGDATA" --pwfile="$PASSWORD_FILE" $INITDB_OPTIONS ||
        ! echo "CREATE DATABASE $DATABASE" | postgres --single -D "$PGDATA" postgres >/dev/null; then
        # Not the fault of any setting, as none was used.
        exit 64
    fi
fi
echo "bigdata-matrix: storage $(stat -f -c %T "$PGDATA")"
echo "bigdata-matrix: starting"
exec postgres -D "$PGDATA" "$@"
