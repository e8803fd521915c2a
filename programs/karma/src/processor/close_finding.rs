//! `close_finding`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        finding::{end, Finding},
        read,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-41: ends a finding that was not used, and pays its rent back.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | the finding's |
/// | 1 | finding | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [finder, finding, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let account = read::<Finding>(finding, cx.program)?;
        require(finder.is_signer() && *finder.address().as_array() == account.finder, KarmaError::BadOwner)?;
        // P-41
    }
    end(finder, finding)
}
