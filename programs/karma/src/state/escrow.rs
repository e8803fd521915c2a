//! Escrow: a buyer's lamports that one gateway's settled requests are paid from.
use super::{create::rent, Account, Key};
use pinocchio::{error::ProgramError, AccountView};

#[repr(C)]
pub struct Escrow {
    pub discriminator: [u8; 8],
    pub gateway: Key,
    pub buyer: Key,
    pub cumulative_debit: u64,
    pub withdraw_amount: u64,
    pub withdraw_after_epoch: u64,
    pub last_settled_epoch: u64,
    pub bump: u8,
    pub padding0: [u8; 7],
    /// What the buyer allowed to be debited in all (P-39); 2^64-1: whatever an epoch decides.
    pub authorised: u64,
    pub reserved: [u8; 40],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Escrow {
    const DISCRIMINATOR: [u8; 8] = [31, 213, 123, 187, 186, 22, 218, 155];
}

const _: () = assert!(core::mem::size_of::<Escrow>() == 160);

/// The balance: lamports above the rent.
#[inline(always)]
pub fn balance(view: &AccountView) -> Result<u64, ProgramError> {
    Ok(view.lamports().saturating_sub(rent(Escrow::SIZE)?))
}
