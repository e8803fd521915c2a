//! `open_challenge`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CHALLENGE_OPENED},
    math::{
        checked::{add, increment},
        mul_div::mul,
    },
    seeds,
    state::{
        challenge::Challenge,
        config::Config,
        create::{create, Creation},
        epoch::{Epoch, FINALISED},
        read,
        vote::{Vote, REVEALED},
        write, Key,
    },
    verify::{
        hash::sha256,
        records::report_hash,
        report::{Report, REPORT_BYTES},
    },
};
use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};

/// P-49: asks for a place of the lifetime tree of a report that somebody voted for. Votes of its epoch, and the account of the one
/// that it follows on, stay until the challenge is over and who kept silent could be accused. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | challenger | signer, writable | pays bond and rent |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | |
/// | 3 | vote | | one for the report |
/// | 4 | challenge | writable | `["challenge", reportHash, index]` |
/// | 5 | prior | writable | the final epoch that the report follows on; anything if priorRoot is zero |
/// | 6 | system program | | |
///
/// Arguments: epoch u64, report (228 bytes), index u32.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    let shown = cx.arguments.bytes::<REPORT_BYTES>()?;
    let index = cx.arguments.u32()?;
    cx.arguments.finish()?;
    let [challenger, config, epoch_account, vote, challenge, prior, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let challenger_key = *challenger.address().as_array();
    let report = Report::read(shown)?;
    let (hash, terms) = {
        let config = read::<Config>(config, cx.program)?;
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        account.require_epoch(number)?;
        let body = sha256(&[shown])?;
        let hash = report_hash(&config.domain, &number.to_le_bytes(), &account.verdicts_root, &body)?;
        require_voted_for(vote, &hash, cx.program)?; // P-49
        require(index < report.participant_count, KarmaError::BadPath)?; // P-49
        let slot = current_slot()?;
        require_before_evidence_ends(&config, &account, slot)?; // P-49
        let terms = Terms::of(&config, &account, slot)?;
        account.open_challenges = increment(account.open_challenges)?;
        account.held_until_slot = account.held_until_slot.max(terms.closable_slot);
        (hash, terms)
    };
    hold_prior(prior, &report, &Hold { until: terms.closable_slot, program: cx.program })?; // P-49
    let bump = create::<Challenge>(&mut Creation {
        program: cx.program,
        payer: challenger,
        account: challenge,
        lamports: terms.bond,
        seeds: &[seeds::CHALLENGE, &hash, &index.to_le_bytes()],
    })?;
    let mut challenge = write::<Challenge>(challenge, cx.program)?;
    challenge.epoch = number;
    challenge.report_hash = hash;
    challenge.challenger = challenger_key;
    challenge.bond = terms.bond;
    challenge.until_slot = terms.until_slot;
    challenge.closable_slot = terms.closable_slot;
    challenge.index = index;
    challenge.bump = bump;

    let event = Event::new(CHALLENGE_OPENED).u64(number).key(&hash).u32(index).key(&challenger_key);
    event.u64(terms.until_slot).emit()
}

/// `NotVoted` unless the vote revealed this report, so that verdicts cannot be replaced any more.
#[inline(always)]
fn require_voted_for(vote: &AccountView, report_hash: &Key, program: &Address) -> ProgramResult {
    let vote = read::<Vote>(vote, program)?;
    require(vote.has(REVEALED) && vote.report_hash == *report_hash, KarmaError::NotVoted)
}

/// `TooLate` once votes might be closed if there were no challenges: these alone cannot keep them open.
#[inline(always)]
fn require_before_evidence_ends(config: &Config, account: &Epoch, slot: u64) -> ProgramResult {
    let Some(until) = account.evidence_until(config) else { return Ok(()) };
    require(config.epoch_at(slot).unwrap_or(0) < until, KarmaError::TooLate)
}

struct Hold<'a> {
    until: u64,
    program: &'a Address,
}

/// Without the account of the final epoch that the report follows on nobody could answer: `StalePrior` unless it is there, and it
/// stays as long as the challenge.
#[inline(never)]
fn hold_prior(prior: &mut AccountView, report: &Report, hold: &Hold) -> ProgramResult {
    if *report.prior_root == [0; 32] {
        return Ok(());
    }
    let mut prior = write::<Epoch>(prior, hold.program)?;
    require(prior.state == FINALISED && prior.root == *report.prior_root, KarmaError::StalePrior)?; // P-49
    prior.held_until_slot = prior.held_until_slot.max(hold.until);
    Ok(())
}

struct Terms {
    bond: u64,
    until_slot: u64,
    closable_slot: u64,
}

impl Terms {
    /// Each challenge that is open makes the next one dearer: who opens more than can be answered pays for it by the square.
    #[inline(always)]
    fn of(config: &Config, account: &Epoch, slot: u64) -> Result<Self, ProgramError> {
        let answer_slots = config.parameters.challenge_answer_slots;
        let until_slot = add(slot, answer_slots)?;
        let open = u64::from(account.open_challenges);
        Ok(Self {
            bond: mul(config.parameters.challenge_bond_lamports, add(open, 1)?)?,
            until_slot,
            closable_slot: add(until_slot, answer_slots)?,
        })
    }
}
