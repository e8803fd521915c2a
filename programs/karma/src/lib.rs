//! The ledger of Karmesh. It holds stakes, escrows, the roots of epochs and karma, pays claims, and enforces the rules that
//! docs/protocol.md numbers P-01 to P-53. No key can mint or slash here: what moves money is a Merkle path under a root that
//! more than two thirds of the bonded stake revealed, and what checks a proof is a key that as much of it attested.
#![cfg_attr(target_arch = "bpf", no_std)]
#![allow(unexpected_cfgs)]

pub mod entrypoint;
pub mod error;
pub mod event;
pub mod instruction;
pub mod math;
pub mod processor;
pub mod security;
pub mod seeds;
pub mod state;
pub mod verify;

#[cfg(target_arch = "bpf")]
mod builtins;
#[cfg(test)]
mod vectors;
