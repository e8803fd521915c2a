//! Layer: the verifying key of one operator of a model.
use super::{Account, Key};
use crate::verify::groth16::MAX_KEY_BYTES;

#[repr(C)]
pub struct Layer {
    pub discriminator: [u8; 8],
    pub model_keys: Key,
    pub operator: u32,
    /// Which signal, from 0, is the context.
    pub context_index: u8,
    pub signal_count: u8,
    pub bump: u8,
    pub padding0: u8,
    pub key_id: Key,
    /// As `groth16::decompress` leaves it; zeros behind the last signal's point.
    pub key: [u8; MAX_KEY_BYTES],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Layer {
    const DISCRIMINATOR: [u8; 8] = [143, 15, 27, 20, 154, 207, 115, 226];
}

const _: () = assert!(core::mem::size_of::<Layer>() == 1104);
