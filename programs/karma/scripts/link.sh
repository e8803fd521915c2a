#!/usr/bin/env bash
# Links the SBF program. LLVM 22 reports an error for every mem* call although it emits a correct call, so the linker is told
# not to stop at errors, and every other error stops the build here instead. v3 of the byte code, since loaders refuse to deploy
# or to finalise older ones once SIMD-0500 is active, as it is on Agave 4.2's test validator.
set -u
errors="$(mktemp)"
trap 'rm -f "$errors"' EXIT
"${SBPF_LINKER:?build.sh sets SBPF_LINKER}" "$@" --arch=v3 --fatal-errors=false --disable-math-builtins \
  --llvm-args=--bpf-stack-size=4096 --deploy=false 2>"$errors"
code=$?
cat "$errors" >&2
[ "$code" -eq 0 ] || exit "$code"
fatal="$(grep -a 'ERROR llvm:' "$errors" |
  grep -avE "A call to built-in function '(memcpy|memmove|memset|memcmp|bcmp)' is not supported" || true)"
if [ -n "$fatal" ]; then
  printf 'The SBF back end refused this code:\n%s\n' "$fatal" >&2
  exit 1
fi
