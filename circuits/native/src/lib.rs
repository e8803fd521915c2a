//! What is fast in Karmesh's circuits: the commitment's hash, development keys and Groth16 proofs over BN254. Built as WebAssembly
//! by default and as a program where Rust is at hand (`build.sh`); both do the same.

pub mod commitment;
#[cfg(target_arch = "wasm32")]
mod exports;
pub mod field;
pub mod poseidon;
