#!/bin/sh
# in_gdb.sh ROOT SCRIPT PROGRAM: runs gdb's commands of SCRIPT on PROGRAM from ROOT, the tree, and prints them and what
# they print. Exits with 77 where there is no gdb or it may not watch programs.
cd "$1" || exit 1
command -v gdb > /dev/null || exit 77
gdb -nx -batch -iex 'set disable-randomization off' -ex run true 2>&1 | grep -q 'exited normally' || exit 77

commands=$(mktemp) || exit 1
trap 'rm -f "$commands"' EXIT
awk '/^[^#]/ { printf "echo (gdb) %s\\n\n", $0 } { print }' "$2" > "$commands"
gdb -q -nx -batch -iex 'set disable-randomization off' -iex 'set print address off' \
  -iex 'set print frame-arguments presence' -iex 'set width 0' -iex "directory $1/docs/examples" \
  -x "$commands" "$3" 2>&1 |
  grep -v -e '^\[' -e '^Using host libthread_db' -e '^warning: Source file is more recent' -e '^$'
