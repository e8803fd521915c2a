//! Fault: that somebody proved a report false, and who.
use super::{Account, Key};

/// An inner node whose sums are not its children's (P-45).
pub const SUM: u8 = 1;
/// A lifetime that is not the prior one and the epoch's credits (P-46).
pub const LIFETIME: u8 = 2;
/// A claims tree over other leaves than the lifetime tree (P-46).
pub const CLAIMS: u8 = 3;
/// A closed set with a record that its signer did not sign (P-48).
pub const SIGNATURE: u8 = 4;

#[repr(C)]
pub struct Fault {
    pub discriminator: [u8; 8],
    pub epoch: u64,
    pub finder: Key,
    /// Of a set: its manifest's hash.
    pub report_hash: Key,
    pub slot: u64,
    pub kind: u8,
    pub bump: u8,
    pub padding0: [u8; 6],
    pub reserved: [u8; 8],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Fault {
    const DISCRIMINATOR: [u8; 8] = [102, 125, 167, 181, 93, 167, 251, 127];
}

const _: () = assert!(core::mem::size_of::<Fault>() == 104);
