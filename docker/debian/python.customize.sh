# Runs when everything is installed; $1 is the base's root.
set -eu

# Parts of the standard library that no program uses. Not excluded through dpkg: installing compiles what is listed.
rm -rf "$1"/usr/lib/python3*/test "$1"/usr/lib/python3*/lib2to3 "$1"/usr/lib/python3*/pydoc_data
