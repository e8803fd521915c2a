//! `close_challenge`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CHALLENGE_CLOSED},
    state::{challenge::Challenge, epoch::Epoch, lamports::move_lamports, read, write},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-50: ends a challenge and pays rent and, unless it was answered, the bond back to who asked.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | challenger | signer, writable | the challenge's |
/// | 1 | epochAccount | writable | of the challenge; anything if it was answered |
/// | 2 | challenge | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [challenger, epoch_account, challenge, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let event = {
        let asked = read::<Challenge>(challenge, cx.program)?;
        let is_own = challenger.is_signer() && *challenger.address().as_array() == asked.challenger;
        require(is_own, KarmaError::BadOwner)?; // P-50
        let is_over = asked.answered != 0 || current_slot()? >= asked.closable_slot;
        require(is_over, KarmaError::ChallengeOpen)?; // P-50
        if asked.answered == 0 {
            let mut account = write::<Epoch>(epoch_account, cx.program)?;
            account.require_epoch(asked.epoch)?;
            account.open_challenges = account.open_challenges.saturating_sub(1);
        }
        Event::new(CHALLENGE_CLOSED).u64(asked.epoch).key(&asked.report_hash).u32(asked.index).u8(asked.answered)
    };
    let lamports = challenge.lamports();
    move_lamports(challenge, challenger, lamports)?;
    challenge.close()?;
    event.emit()
}
