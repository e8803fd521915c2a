//! The accounts, laid out as docs/protocol.md says. Every field lies at a multiple of its size, so that the structures are the
//! bytes; the assertions beside each one pin size and offsets.
pub mod ballot;
pub mod bounds;
pub mod config;
pub mod create;
pub mod epoch;
pub mod escrow;
pub mod gateway_chain;
pub mod key_attestation;
pub mod lamports;
pub mod layer;
pub mod model_keys;
pub mod participant;
pub mod proposal;
pub mod proven;
pub mod stake;
pub mod token;
pub mod vault;
pub mod vote;
pub mod weights;

pub mod buffer;
pub mod case;
pub mod challenge;
pub mod fault;
pub mod finding;

use crate::error::KarmaError;
use pinocchio::{
    account::{Ref, RefMut},
    error::ProgramError,
    AccountView, Address,
};

/// A 32-byte address or hash.
pub type Key = [u8; 32];

/// "None" in fields that hold a slot or an epoch.
pub const NONE: u64 = u64::MAX;

/// An account's structure.
///
/// # Safety
/// The type must be `repr(C)` without padding, valid for every bit pattern, aligned to at most 8 bytes, and begin with the discriminator.
pub unsafe trait Account: Sized {
    const DISCRIMINATOR: [u8; 8];
    const SIZE: usize = core::mem::size_of::<Self>();
    /// Bytes of each item of the list behind the structure, 0 if there is none.
    const ITEM: usize = 0;
}

#[inline(always)]
fn check<T: Account>(data: &[u8]) -> Result<(), ProgramError> {
    let fits = if T::ITEM == 0 {
        data.len() == T::SIZE
    } else {
        data.len() >= T::SIZE && (data.len() - T::SIZE).is_multiple_of(T::ITEM)
    };
    if !fits || data[..8] != T::DISCRIMINATOR {
        return Err(KarmaError::BadOwner.into());
    }
    Ok(())
}

/// The account's structure for reading. `BadOwner` unless this program owns the account and it is of type `T`.
#[inline(always)]
pub fn read<'a, T: Account>(view: &'a AccountView, program: &Address) -> Result<Ref<'a, T>, ProgramError> {
    if !view.owned_by(program) {
        return Err(KarmaError::BadOwner.into());
    }
    let data = view.try_borrow()?;
    check::<T>(&data)?;
    // SAFETY: size and type were checked, the runtime aligns account data to 8 bytes, and `T` is valid for every bit pattern.
    Ok(Ref::map(data, |bytes| unsafe { &*(bytes.as_ptr() as *const T) }))
}

/// The account's structure for writing. `BadOwner` as with `read`.
#[inline(always)]
pub fn write<'a, T: Account>(view: &'a mut AccountView, program: &Address) -> Result<RefMut<'a, T>, ProgramError> {
    if !view.owned_by(program) {
        return Err(KarmaError::BadOwner.into());
    }
    let data = view.try_borrow_mut()?;
    check::<T>(&data)?;
    // SAFETY: as in `read`, and the borrow is exclusive.
    Ok(RefMut::map(data, |bytes| unsafe { &mut *(bytes.as_mut_ptr() as *mut T) }))
}
