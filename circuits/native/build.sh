#!/usr/bin/env bash
# Rebuilds wasm/kernel.wasm from this folder's source, byte for byte.
#
#   build.sh           builds wasm/kernel.wasm and wasm/SHA256SUMS
#   build.sh --program builds target/release/karmesh-prover, the same as a program of this machine
#   build.sh --check   builds beside them and fails unless the committed file has the same bytes
#
# Needs rustup. Everything else is fetched from crates.io at pinned versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

toolchain="$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)"
target=wasm32-unknown-unknown
wasm=../wasm

say() { printf 'circuits: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

command -v rustup >/dev/null || fail "rustup is missing. Install it from https://rustup.rs and run this again."
if ! rustup run "$toolchain" rustc --version >/dev/null 2>&1; then
  say "installing Rust $toolchain"
  rustup toolchain install "$toolchain" --profile minimal >&2
fi
if ! rustup target list --toolchain "$toolchain" --installed | grep -qx "$target"; then
  say "installing Rust's library for $target"
  rustup target add --toolchain "$toolchain" "$target" >&2
fi

if [ "${1:-}" = "--program" ]; then
  cargo "+$toolchain" build --release --locked --features native --bin karmesh-prover >&2
  say "$PWD/target/release/karmesh-prover"
  exit
fi

built="target/$target/release/karmesh_circuits.wasm"
rm -f "$built"
sysroot="$(rustup run "$toolchain" rustc --print sysroot)"
registry="${CARGO_HOME:-$HOME/.cargo}/registry/src"
# Source locations in panics would carry this machine's paths into the file.
RUSTC_BOOTSTRAP=1 \
  RUSTFLAGS="-Zlocation-detail=none -Clink-arg=--strip-all --remap-path-prefix=$registry=registry --remap-path-prefix=$sysroot=rust --remap-path-prefix=$PWD=circuits" \
  cargo "+$toolchain" build --release --locked --lib --target "$target" >&2
[ -f "$built" ] || fail "the build made no file"

sum_of() { echo "$({ sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1)  kernel.wasm"; }
if [ "${1:-}" = "--check" ]; then
  [ "$(cat "$wasm/SHA256SUMS")" = "$(sum_of "$wasm/kernel.wasm")" ] || fail "SHA256SUMS is not the hash of kernel.wasm"
  [ "$(sum_of "$built")" = "$(cat "$wasm/SHA256SUMS")" ] || fail "the source builds another kernel.wasm. Run build.sh and commit both files."
  say "kernel.wasm is what the source builds"
else
  mkdir -p "$wasm"
  cp "$built" "$wasm/kernel.wasm"
  chmod 644 "$wasm/kernel.wasm"
  sum_of "$wasm/kernel.wasm" > "$wasm/SHA256SUMS"
  cat "$wasm/SHA256SUMS"
fi
