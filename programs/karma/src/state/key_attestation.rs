//! KeyAttestation: that one validator stands behind the keys of a model, so that its stake counts once.
use super::{Account, Key};

#[repr(C)]
pub struct KeyAttestation {
    pub discriminator: [u8; 8],
    pub model_keys: Key,
    pub validator: Key,
    /// The identity that paid the rent.
    pub payer: Key,
    pub stake: u64,
    pub epoch: u64,
    pub bump: u8,
    pub padding0: [u8; 7],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for KeyAttestation {
    const DISCRIMINATOR: [u8; 8] = [10, 91, 133, 216, 239, 152, 118, 117];
}

const _: () = assert!(core::mem::size_of::<KeyAttestation>() == 128);
