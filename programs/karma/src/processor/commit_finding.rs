//! `commit_finding`
use super::current_slot;
use crate::{
    entrypoint::Context,
    seeds,
    state::{
        create::{create, Creation},
        finding::Finding,
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-41: commits to evidence before it is shown, so that whoever copies it comes too late.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the rent |
/// | 1 | finding | writable | `["finding", finder, commitment]` |
/// | 2 | system program | | |
///
/// Arguments: commitment [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let commitment = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let [finder, finding, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let finder_key = *finder.address().as_array();
    let bump = create::<Finding>(&mut Creation {
        program: cx.program,
        payer: finder,
        account: finding,
        lamports: 0,
        seeds: &[seeds::FINDING, &finder_key, commitment],
    })?;
    let mut account = write::<Finding>(finding, cx.program)?;
    account.finder = finder_key;
    account.commitment = *commitment;
    account.slot = current_slot()?;
    account.bump = bump;
    Ok(())
}
