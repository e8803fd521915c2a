//! P-04: an Ethereum-style address, proven by a signature over the participant's address.
use super::records::secp256k1_message;
use crate::{
    error::{require, KarmaError},
    state::Key,
};
use pinocchio::error::ProgramError;

/// Half of the group's order, big-endian. Of the two signatures with one meaning only the lower `s` is taken (EIP-2).
const HALF_ORDER: Key = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// EIP-191, version 0x45, for a message of 32 bytes.
const PREFIX: &[u8] = b"\x19Ethereum Signed Message:\n32";

pub struct Claim<'a> {
    pub domain: &'a Key,
    pub participant: &'a Key,
    pub address: &'a [u8; 20],
    pub signature: &'a [u8; 64],
    pub recovery_id: u8,
}

/// `BadSecp256k1` unless the signature over `H(domain || 19 || participant)` is by the key of `address`.
#[inline(never)]
pub fn verify(claim: &Claim) -> Result<(), ProgramError> {
    let message = secp256k1_message(claim.domain, claim.participant)?;
    require(claim.recovery_id < 4 && claim.signature[32..] <= HALF_ORDER[..], KarmaError::BadSecp256k1)?;
    let digest = keccak256(&[PREFIX, &message])?;
    let key = recover(claim, &digest)?;
    let hash = keccak256(&[&key])?;
    require(hash[12..] == claim.address[..], KarmaError::BadSecp256k1)
}

#[cfg(target_arch = "bpf")]
fn recover(claim: &Claim, digest: &Key) -> Result<[u8; 64], ProgramError> {
    let mut key = [0u8; 64];
    // SAFETY: the syscall reads 32 and 64 bytes and writes 64.
    let code = unsafe {
        solana_define_syscall::definitions::sol_secp256k1_recover(
            digest.as_ptr(),
            claim.recovery_id as u64,
            claim.signature.as_ptr(),
            key.as_mut_ptr(),
        )
    };
    require(code == 0, KarmaError::BadSecp256k1)?;
    Ok(key)
}

#[cfg(target_arch = "bpf")]
fn keccak256(parts: &[&[u8]]) -> Result<Key, ProgramError> {
    let mut out = [0u8; 32];
    // SAFETY: the syscall reads `parts.len()` slice descriptors and writes 32 bytes.
    let code = unsafe {
        solana_define_syscall::definitions::sol_keccak256(
            parts.as_ptr() as *const u8,
            parts.len() as u64,
            out.as_mut_ptr(),
        )
    };
    require(code == 0, KarmaError::HashFailed)?;
    Ok(out)
}

/// The host has no secp256k1; the in-process machine of test/program runs the real syscalls.
#[cfg(not(target_arch = "bpf"))]
fn recover(_claim: &Claim, _digest: &Key) -> Result<[u8; 64], ProgramError> {
    Err(KarmaError::BadSecp256k1.into())
}

#[cfg(not(target_arch = "bpf"))]
fn keccak256(_parts: &[&[u8]]) -> Result<Key, ProgramError> {
    Err(KarmaError::HashFailed.into())
}
