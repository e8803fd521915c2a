//! Challenge: that somebody asked for a place of a report's lifetime tree.
use super::{Account, Key};

#[repr(C)]
pub struct Challenge {
    pub discriminator: [u8; 8],
    pub epoch: u64,
    pub report_hash: Key,
    /// Who asked and paid the rent, and gets it back.
    pub challenger: Key,
    /// What lies here beside the rent; 0 once it was answered.
    pub bond: u64,
    /// The first slot in which it can no longer be answered.
    pub until_slot: u64,
    /// From which on an unanswered one may be ended, so that everybody has had time to accuse.
    pub closable_slot: u64,
    pub index: u32,
    pub answered: u8,
    pub bump: u8,
    pub padding0: [u8; 2],
    pub reserved: [u8; 8],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Challenge {
    const DISCRIMINATOR: [u8; 8] = [119, 250, 161, 121, 119, 81, 22, 208];
}

const _: () = assert!(core::mem::size_of::<Challenge>() == 120);
