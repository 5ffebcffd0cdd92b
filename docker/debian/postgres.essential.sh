# Runs when dpkg works and before PostgreSQL is installed; $1 is the base's root.
set -eu

# The harness makes its own data directory: no cluster of the package's.
mkdir -p "$1/etc/postgresql-common"
echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"
