# Runs when everything is installed; $1 is the base's root.
set -eu

# Perl served the packages' own scripts (pg_ctlcluster and the like), which nothing calls here. What is left of it is
# perl-base. The programs of PostgreSQL are found before the scripts of the same names, see PATH.
rm -rf "$1"/usr/share/perl "$1"/usr/share/perl5 "$1"/usr/lib/*/perl "$1"/usr/lib/*/libperl.so.*
rm -rf "$1"/usr/share/postgresql/*/man

# Where the official images keep the data (up to version 17) and the socket.
mkdir -p "$1/var/lib/postgresql/data" "$1/run/postgresql"
chroot "$1" chown postgres:postgres /var/lib/postgresql/data /run/postgresql
chmod 1777 "$1/var/lib/postgresql/data"
chmod 3777 "$1/run/postgresql"
