#!/bin/sh
# nvcc_with_report.sh COMMAND...: runs a command of the CUDA compiler. What its assembler says of each kernel
# (registers, shared memory, spills) goes to <object>.resources and not to the terminal.
object=
previous=
for argument in "$@"; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
"$@" -Xptxas=-v > "$said" 2>&1
status=$?
report='^ptxas info \|bytes stack frame'
[ -n "$object" ] && grep "$report" "$said" > "$object.resources"
grep -v "$report" "$said" >&2
exit $status
