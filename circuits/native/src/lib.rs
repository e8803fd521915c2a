//! What is fast in Karmesh's circuits: the commitment's hash, development keys and Groth16 proofs over BN254. Built as WebAssembly
//! by default and as a program where Rust is at hand (`build.sh`); both do the same.

mod affine_sums;
mod columns;
pub mod commitment;
pub mod container;
pub mod curve;
#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(target_arch = "wasm32")]
mod exports_prover;
pub mod field;
mod fixed_base;
mod msm;
mod parallel;
pub mod points;
pub mod poseidon;
pub mod prover;
pub mod r1cs;
#[cfg(test)]
mod sample;
pub mod setup;
pub mod trapdoor;
pub mod witness;
pub mod zkey;
