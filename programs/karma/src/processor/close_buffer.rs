//! `close_buffer`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{buffer::Buffer, lamports::move_lamports, read},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-40: ends a buffer and pays its rent back.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer, writable | the buffer's |
/// | 1 | buffer | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [owner, buffer, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let account = read::<Buffer>(buffer, cx.program)?;
        require(owner.is_signer() && *owner.address().as_array() == account.owner, KarmaError::BadOwner)?;
        // P-40
    }
    let lamports = buffer.lamports();
    move_lamports(buffer, owner, lamports)?;
    buffer.close()
}
