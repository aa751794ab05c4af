#!/usr/bin/env bash
# umbrella_time.sh <compiler> <include flags>: the CPU time of compiling #include <mote/mote.h>, the best of 3.
set -eu
export CCACHE_DISABLE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include <mote/mote.h>' > "$work/umbrella.cpp"
TIMEFORMAT='%U %S'
best=
for _ in 1 2 3; do
  spent=$({ time "$1" -std=c++20 -O0 "${@:2}" -c "$work/umbrella.cpp" -o "$work/umbrella.o"; } 2>&1 | tail -1)
  best=$(echo "$spent ${best:-1000}" | awk '{ t = $1 + $2; print t < $3 ? t : $3 }')
done
echo "mote/mote.h: $best s of CPU time at -O0; the limit is 2"
awk -v best="$best" 'BEGIN { exit !(best > 0 && best < 2) }'
