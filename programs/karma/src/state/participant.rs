//! Participant: a worker, validator or gateway with its two keys, its bond and its karma.
use super::{Account, Key};
use crate::error::{require, KarmaError};
use core::mem::{offset_of, size_of};
use pinocchio::{error::ProgramError, AccountView};

pub const WORKER: u8 = 1;
pub const VALIDATOR: u8 = 2;
pub const GATEWAY: u8 = 3;
pub const MAX_MODELS: usize = 4;

#[repr(C)]
pub struct Participant {
    pub discriminator: [u8; 8],
    pub role: u8,
    pub bump: u8,
    pub version: u16,
    /// Position in the lifetime tree, over all roles.
    pub index: u32,
    pub owner: Key,
    pub identity: Key,
    pub previous_identity: Key,
    pub identity_from_epoch: u64,
    pub initial_identity: Key,
    pub bond_lamports: u64,
    pub active_from_epoch: u64,
    pub role_ordinal: u32,
    pub model_count: u8,
    pub has_secp256k1: u8,
    pub padding0: [u8; 2],
    pub karma: [u64; 5],
    pub karma_slot: u64,
    pub lifetime: [u64; 5],
    pub lifetime_paid: u64,
    pub weight_karma: [u64; 2],
    pub weight_from_epoch: u64,
    pub engine_class: Key,
    pub models: [Key; MAX_MODELS],
    pub secp256k1_address: [u8; 20],
    pub reserved: [u8; 100],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Participant {
    const DISCRIMINATOR: [u8; 8] = [32, 142, 108, 79, 247, 179, 54, 6];
}

const _: () = assert!(size_of::<Participant>() == 576);
const _: () = assert!(offset_of!(Participant, identity_from_epoch) == 112);
const _: () = assert!(offset_of!(Participant, karma) == 176);
const _: () = assert!(offset_of!(Participant, engine_class) == 296);
const _: () = assert!(offset_of!(Participant, secp256k1_address) == 456);

impl Participant {
    /// `WrongIdentity` unless `signer` is the newest identity and signed.
    #[inline(always)]
    pub fn require_identity(&self, signer: &AccountView) -> Result<(), ProgramError> {
        require(signer.is_signer() && *signer.address().as_array() == self.identity, KarmaError::WrongIdentity)
    }

    #[inline(always)]
    pub fn require_role(&self, role: u8) -> Result<(), ProgramError> {
        require(self.role == role, KarmaError::WrongRole)
    }

    /// The checks that every duty of a validator begins with: identity, role, and active in `epoch`.
    #[inline(always)]
    pub fn require_active_validator(&self, signer: &AccountView, epoch: u64) -> Result<(), ProgramError> {
        self.require_role(VALIDATOR)?;
        self.require_identity(signer)?;
        require(self.active_from_epoch <= epoch, KarmaError::NotActive)
    }
}
