//! `answer_challenge`
use super::{
    current_slot,
    shown_growth::{read_shown_growth, Following},
};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CHALLENGE_ANSWERED},
    instruction::Arguments,
    state::{
        buffer::{self, Buffer},
        challenge::Challenge,
        config::Config,
        epoch::Epoch,
        lamports::move_lamports,
        read, write,
    },
    verify::{
        false_report::reaches_claims,
        hash::sha256,
        records::report_hash,
        report::{Report, REPORT_BYTES},
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-49: shows the place that a challenge asks for, and that what the report says there is true. Who wrote the buffer gets the
/// bond, whoever sends the instruction.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | writable | of the buffer |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | of the challenge |
/// | 3 | challenge | writable | |
/// | 4 | buffer | | holds the answer |
/// | 5 | prior | | the final epoch that the report follows on; anything if priorRoot is zero |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let slot = current_slot()?;
    require_answered(cx, slot)?;
    let [owner, _config, epoch_account, challenge, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let owner_key = *owner.address().as_array();
    let (bond, event) = {
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        account.open_challenges = account.open_challenges.saturating_sub(1);
        let mut challenge = write::<Challenge>(challenge, cx.program)?;
        challenge.answered = 1;
        let bond = core::mem::replace(&mut challenge.bond, 0);
        let event = Event::new(CHALLENGE_ANSWERED).u64(challenge.epoch).key(&challenge.report_hash);
        (bond, event.u32(challenge.index).key(&owner_key))
    };
    move_lamports(challenge, owner, bond)?;
    event.emit()
}

/// `ChallengeAnswered` or `TooLate` unless the challenge can be answered, and `BadEvidence`, `BadPath`, `StalePrior` or `Faulty`
/// unless the buffer does.
#[inline(never)]
fn require_answered(cx: &Context, slot: u64) -> ProgramResult {
    let [owner, config, epoch_account, challenge, buffer, prior, ..] = &*cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let config = read::<Config>(config, cx.program)?;
    let account = read::<Epoch>(epoch_account, cx.program)?;
    let challenge = read::<Challenge>(challenge, cx.program)?;
    account.require_epoch(challenge.epoch)?; // P-49
    require(challenge.answered == 0, KarmaError::ChallengeAnswered)?; // P-49
    require(slot < challenge.until_slot, KarmaError::TooLate)?; // P-49
    let is_owner = read::<Buffer>(buffer, cx.program)?.owner == *owner.address().as_array();
    require(is_owner, KarmaError::BadOwner)?; // P-49

    let content = buffer::content(buffer, cx.program)?;
    let shown = content.first_chunk::<REPORT_BYTES>().ok_or(KarmaError::BadEvidence)?;
    let number = challenge.epoch;
    let hash = report_hash(&config.domain, &number.to_le_bytes(), &account.verdicts_root, &sha256(&[shown])?)?;
    require(hash == challenge.report_hash, KarmaError::BadEvidence)?; // P-49
    let report = Report::read(shown)?;
    let mut fields = Arguments::new(&content[REPORT_BYTES..]);
    let following = Following { domain: &config.domain, epoch: number, report: &report, prior, program: cx.program };
    let read = read_shown_growth(&following, &mut fields).and_then(|growth| {
        require(growth.index == challenge.index, KarmaError::BadEvidence)?; // P-49
        require(!growth.is_false, KarmaError::Faulty)?; // P-49
        reaches_claims(&report, &growth, &mut fields)?; // P-49
        fields.finish_padded()
    });
    match read {
        Err(ProgramError::InvalidInstructionData) => Err(KarmaError::BadEvidence.into()),
        other => other,
    }
}
