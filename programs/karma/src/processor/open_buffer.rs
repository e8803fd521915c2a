//! `open_buffer`
use crate::{
    entrypoint::Context,
    seeds,
    state::{
        buffer::{check_size, Buffer},
        create::{create_with, Creation},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-40: makes room for evidence that is larger than a transaction.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer, writable | pays the rent, writes |
/// | 1 | buffer | writable | `["buffer", owner, nonce]` |
/// | 2 | system program | | |
///
/// Arguments: nonce u64, size u32.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let nonce = cx.arguments.bytes::<8>()?;
    let size = cx.arguments.u32()?;
    cx.arguments.finish()?;
    let [owner, buffer, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    check_size(size)?; // P-40
    let owner_key = *owner.address().as_array();
    let creation = &mut Creation {
        program: cx.program,
        payer: owner,
        account: buffer,
        lamports: 0,
        seeds: &[seeds::BUFFER, &owner_key, nonce],
    };
    let bump = create_with::<Buffer>(creation, size / 4)?;
    let mut account = write::<Buffer>(buffer, cx.program)?;
    account.owner = owner_key;
    account.nonce = u64::from_le_bytes(*nonce);
    account.bump = bump;
    account.size = size;
    Ok(())
}
