#!/usr/bin/env bash
# Rebuilds karma.so from source, byte for byte, and installs what that needs and is missing.
#
#   build.sh           builds karma.so and writes karma.so.sha256
#   build.sh --check   builds beside it and fails unless the committed karma.so has the same bytes
#   build.sh --crate FOLDER FILE   builds the program of another crate, with a lock file of its own, into FILE
#
# Needs rustup and, for the first build of the linker, a C compiler. Everything else is fetched from crates.io at pinned versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

toolchain="$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)"
linker_version=0.2.6
tools="$PWD/../../.tools/sbpf-linker-$linker_version"
target=bpfel-unknown-none

say() { printf 'karma: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

command -v rustup >/dev/null || fail "rustup is missing. Install it from https://rustup.rs and run this again."
if ! rustup run "$toolchain" rustc --version >/dev/null 2>&1; then
  say "installing Rust $toolchain"
  rustup toolchain install "$toolchain" --profile minimal >&2
fi
if ! rustup component list --toolchain "$toolchain" --installed | grep -q '^rust-src'; then
  say "installing the source of Rust's core library"
  rustup component add rust-src --toolchain "$toolchain" >&2
fi

is_linker() { [ -x "$1" ] && [ "$("$1" --version 2>/dev/null | sed -n 1p)" = "sbpf-linker $linker_version" ]; }
linker="${SBPF_LINKER:-$(command -v sbpf-linker || true)}"
if ! is_linker "$linker"; then
  linker="$tools/bin/sbpf-linker"
  if ! is_linker "$linker"; then
    say "building sbpf-linker $linker_version into .tools (about three minutes)"
    cargo "+$toolchain" install sbpf-linker --version "$linker_version" --locked --root "$tools" >&2
  fi
fi

# A failed link leaves the previous file in place, which must not pass for the new one; nor may what an earlier linker made.
name=karma crate=.
if [ "${1:-}" = "--crate" ]; then
  crate="$2" name="$(sed -n 's/^name = "\(.*\)"$/\1/p' "$2/Cargo.toml" | tr '-' '_')"
fi
built="target/$target/release/lib$name.so"
rm -f "$built" "target/$target/release/deps/lib$name"*
sysroot="$(rustup run "$toolchain" rustc --print sysroot)"
registry="${CARGO_HOME:-$HOME/.cargo}/registry/src"
# Source locations in panics would carry this machine's paths into the program and cost it size.
flags="$(sed -n 's/^  "\(.*\)", "\(.*\)",$/\1=\2/p' .cargo/config.toml | sed 's/^-C=/-C/' | tr '\n' ' ')"
SBPF_LINKER="$linker" RUSTC_BOOTSTRAP=1 \
  RUSTFLAGS="$flags -Zlocation-detail=none --remap-path-prefix=$registry=registry --remap-path-prefix=$sysroot=rust --remap-path-prefix=$PWD=karma" \
  cargo "+$toolchain" build --release --locked --lib --manifest-path "$crate/Cargo.toml" --target-dir target --target "$target" -Zbuild-std=core,alloc >&2
[ -f "$built" ] || fail "the build made no program"

hash_of() { { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1; }
new="$(hash_of "$built")"
if [ "${1:-}" = "--check" ]; then
  committed="$(hash_of karma.so)"
  [ "$(cat karma.so.sha256)" = "$committed  karma.so" ] || fail "karma.so.sha256 is not the hash of karma.so"
  [ "$new" = "$committed" ] || fail "the source builds $new, but karma.so is $committed. Run build.sh and commit both files."
  say "karma.so is what the source builds: $new"
elif [ "${1:-}" = "--crate" ]; then
  cp "$built" "$3"
else
  cp "$built" karma.so
  printf '%s  karma.so\n' "$new" >karma.so.sha256
  say "built karma.so, $(wc -c <karma.so | tr -d ' ') bytes: $new"
fi
