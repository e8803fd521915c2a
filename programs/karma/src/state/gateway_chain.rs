//! GatewayChain: the hash chain that a gateway committed for an epoch before it began.
use super::{Account, Key};

pub const MAX_CHAIN_LENGTH: u32 = 65_536;

#[repr(C)]
pub struct GatewayChain {
    pub discriminator: [u8; 8],
    pub gateway: Key,
    pub epoch: u64,
    pub commitment: Key,
    pub length: u32,
    pub bump: u8,
    pub padding0: [u8; 3],
    pub committed_slot: u64,
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for GatewayChain {
    const DISCRIMINATOR: [u8; 8] = [200, 155, 124, 178, 50, 83, 174, 195];
}

const _: () = assert!(core::mem::size_of::<GatewayChain>() == 96);
