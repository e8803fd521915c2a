//! `write_buffer`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{buffer::Buffer, read, Account},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-40: writes a piece of evidence into a buffer.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer | the buffer's |
/// | 1 | buffer | writable | |
///
/// Arguments: offset u32, bytes vec of u8.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let offset = cx.arguments.u32()?;
    let length = cx.arguments.u32()?;
    let bytes = cx.arguments.slice(length as usize)?;
    cx.arguments.finish()?;
    let [owner, buffer, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let account = read::<Buffer>(buffer, cx.program)?;
        require(owner.is_signer() && *owner.address().as_array() == account.owner, KarmaError::BadOwner)?; // P-40
        let end = offset.checked_add(length).ok_or(KarmaError::BadBuffer)?;
        require(end <= account.size, KarmaError::BadBuffer)?; // P-40
    }
    let from = Buffer::SIZE + offset as usize;
    let mut data = buffer.try_borrow_mut()?;
    data.get_mut(from..from + length as usize).ok_or(KarmaError::BadBuffer)?.copy_from_slice(bytes);
    Ok(())
}
