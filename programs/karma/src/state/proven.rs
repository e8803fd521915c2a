//! Proven: which statements about the operators of one token somebody proved.
use super::{Account, Key};
use crate::error::{require, KarmaError};
use pinocchio::{error::ProgramError, AccountView, ProgramResult};

/// A statement for each operator follows, zeros while there is none. The header is 8 bytes more than a multiple of 32, as no other
/// account is long, so that who looks for accounts by their size never finds one of these.
#[repr(C)]
pub struct Proven {
    pub discriminator: [u8; 8],
    pub model_keys: Key,
    pub entry_hash: Key,
    /// Who records here, paid the rent and gets it back.
    pub payer: Key,
    pub epoch: u64,
    /// In which the newest statement was recorded.
    pub recorded_epoch: u64,
    pub position: u32,
    pub proven_count: u32,
    pub bump: u8,
    pub padding0: [u8; 3],
    /// How many statements follow: with them a borsh vector.
    pub key_count: u32,
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Proven {
    const DISCRIMINATOR: [u8; 8] = [199, 208, 82, 75, 159, 173, 203, 139];
    const ITEM: usize = STATEMENT_BYTES;
}

const STATEMENT_BYTES: usize = 32;

const _: () = assert!(core::mem::size_of::<Proven>() == 136);
const _: () = assert!(Proven::SIZE + Proven::ITEM * super::model_keys::MAX_KEYS as usize <= 10_240);

/// What a record is of.
pub struct Of<'a> {
    pub model_keys: &'a Key,
    pub entry_hash: &'a Key,
    pub payer: &'a Key,
    pub epoch: u64,
    pub position: u32,
}

impl Proven {
    /// `BadPda` unless this is the payer's record of that token.
    #[inline(always)]
    pub fn require_of(&self, of: &Of) -> Result<(), ProgramError> {
        require(
            self.model_keys == *of.model_keys
                && self.entry_hash == *of.entry_hash
                && self.payer == *of.payer
                && self.epoch == of.epoch
                && self.position == of.position,
            KarmaError::BadPda,
        )
    }
}

#[inline(always)]
fn place(operator: u32) -> core::ops::Range<usize> {
    let from = Proven::SIZE.wrapping_add((operator as usize).wrapping_mul(STATEMENT_BYTES));
    from..from.wrapping_add(STATEMENT_BYTES)
}

/// An operator's statement in a record that `read` has checked, zeros if there is none.
#[inline(always)]
pub fn statement(view: &AccountView, operator: u32) -> Result<Key, ProgramError> {
    let data = view.try_borrow()?;
    let bytes = data.get(place(operator)).ok_or(KarmaError::BadOwner)?;
    Ok(*bytes.first_chunk().ok_or(KarmaError::BadOwner)?)
}

/// Records an operator's statement, as `statement` reads it.
#[inline(always)]
pub fn record(view: &mut AccountView, operator: u32, statement: &Key) -> ProgramResult {
    let mut data = view.try_borrow_mut()?;
    data.get_mut(place(operator)).ok_or(KarmaError::BadOwner)?.copy_from_slice(statement);
    Ok(())
}
