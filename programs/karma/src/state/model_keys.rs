//! ModelKeys: the verifying keys of a model's operators, as the validators attest them under one root.
use super::{Account, Key, NONE};

/// What a record of proofs has room for (`Proven`), since an account that a program creates has at most 10,240 bytes.
pub const MAX_KEYS: u32 = 256;

#[repr(C)]
pub struct ModelKeys {
    pub discriminator: [u8; 8],
    pub model_id: Key,
    pub keys_root: Key,
    pub key_count: u32,
    pub attestation_count: u32,
    pub attested_stake: u64,
    /// Of all validators, in the epoch of the newest attestation.
    pub total_stake: u64,
    /// `NONE` until the attested stake passed two thirds.
    pub admitted_epoch: u64,
    pub bump: u8,
    pub padding0: [u8; 7],
    /// The epoch whose attestations count together, until it is admitted.
    pub counted_epoch: u64,
    pub reserved: [u8; 24],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for ModelKeys {
    const DISCRIMINATOR: [u8; 8] = [154, 105, 116, 95, 152, 19, 198, 116];
}

const _: () = assert!(core::mem::size_of::<ModelKeys>() == 144);

impl ModelKeys {
    #[inline(always)]
    pub fn is_admitted(&self) -> bool {
        self.admitted_epoch != NONE
    }
}
