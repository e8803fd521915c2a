//! Buffer: evidence that is larger than a transaction, written piece by piece by its owner.
use super::{Account, Key};
use crate::error::{require, KarmaError};
use pinocchio::{account::Ref, error::ProgramError, AccountView, Address};

/// An account that a program creates has at most 10,240 bytes.
pub const MAX_CONTENT: u32 = 10_180;

/// `size` bytes of content follow. The account is 4 bytes more than a multiple of 8 long, as no other is, so that who looks
/// for accounts by their size never finds one of these.
#[repr(C)]
pub struct Buffer {
    pub discriminator: [u8; 8],
    /// Who writes, paid the rent and gets it back.
    pub owner: Key,
    pub nonce: u64,
    pub bump: u8,
    pub padding0: [u8; 3],
    /// How many bytes follow: with them a borsh vector.
    pub size: u32,
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Buffer {
    const DISCRIMINATOR: [u8; 8] = [115, 5, 212, 192, 85, 30, 46, 41];
    const ITEM: usize = 4;
}

const _: () = assert!(core::mem::size_of::<Buffer>() == 56);
const _: () = assert!(Buffer::SIZE + MAX_CONTENT as usize <= 10_240);

/// `BadBuffer` unless a buffer may have this many bytes of content.
#[inline(always)]
pub fn check_size(size: u32) -> Result<(), ProgramError> {
    require(size <= MAX_CONTENT && size % 8 == 4, KarmaError::BadBuffer)
}

/// The content of a buffer. `BadOwner` if the account is none.
#[inline(always)]
pub fn content<'a>(view: &'a AccountView, program: &Address) -> Result<Ref<'a, [u8]>, ProgramError> {
    drop(super::read::<Buffer>(view, program)?);
    Ok(Ref::map(view.try_borrow()?, |data| &data[Buffer::SIZE..]))
}
