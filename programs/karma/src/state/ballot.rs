//! Ballot: one validator's yes to one proposal.
use super::{Account, Key};

#[repr(C)]
pub struct Ballot {
    pub discriminator: [u8; 8],
    pub proposal: Key,
    pub validator: Key,
    /// The identity that paid the rent and gets it back.
    pub payer: Key,
    pub stake: u64,
    /// That of the proposal, so that a ballot is never taken for one on a later proposal at the same address.
    pub epoch: u64,
    pub bump: u8,
    pub padding0: [u8; 7],
    pub reserved: [u8; 24],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Ballot {
    const DISCRIMINATOR: [u8; 8] = [3, 232, 121, 204, 232, 137, 138, 164];
}

const _: () = assert!(core::mem::size_of::<Ballot>() == 152);
