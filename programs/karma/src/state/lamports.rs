//! Moves of lamports between accounts of which this program owns the payer.
use crate::math::checked::{add, sub};
use pinocchio::{AccountView, ProgramResult};

/// Moves `amount` lamports. Reading after writing keeps the sum right even if both are one account.
#[inline(always)]
pub fn move_lamports(from: &mut AccountView, to: &mut AccountView, amount: u64) -> ProgramResult {
    from.set_lamports(sub(from.lamports(), amount)?);
    to.set_lamports(add(to.lamports(), amount)?);
    Ok(())
}
