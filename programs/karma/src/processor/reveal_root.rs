//! `reveal_root`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, REPORT_REACHED},
    math::checked::{add, increment},
    state::{
        config::Config,
        epoch::{self, Candidate, Epoch, MAX_CANDIDATES},
        participant::Participant,
        read,
        vote::{self, Vote},
        write, Key,
    },
    verify::{
        hash::sha256,
        records::{self, RootSeal},
        report::{Report, REPORT_BYTES},
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-18: opens a seal and adds its stake to the report, which follows on the last final one: no other could become final, and
/// whoever votes for one can be shown what it says of the final one's lifetimes. The report that passes two thirds is stored.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer | the validator's |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | epochAccount | writable | |
/// | 4 | vote | writable | |
///
/// Arguments: epoch u64, report (228 bytes), salt [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let report = cx.arguments.bytes::<REPORT_BYTES>()?;
    let salt = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let [identity, config, validator, epoch_account, vote, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let validator_key = *validator.address().as_array();
    let config = read::<Config>(config, cx.program)?;
    read::<Participant>(validator, cx.program)?.require_active_validator(identity, &config, number)?;
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    let mut vote = write::<Vote>(vote, cx.program)?;
    account.require_epoch(number)?;
    vote.require_of(&validator_key, number)?;
    require(account.state == epoch::VERDICTS || account.state == epoch::REPORTED, KarmaError::BadState)?; // P-18
    require(account.is_open(current_slot()?)?, KarmaError::SealsIncomplete)?; // P-18
    require(vote.has(vote::SEALED) && vote.seal_attempt == account.verdict_attempt, KarmaError::NotVoted)?; // P-18
    let counted = vote.has(vote::REVEALED) && position_of(&account, &vote.report_hash).is_some();
    require(!counted, KarmaError::AlreadyVoted)?; // P-18
    let body = sha256(&[report])?;
    let report_hash = records::report_hash(&config.domain, epoch, &account.verdicts_root, &body)?;
    let opened = RootSeal { epoch, report_hash: &report_hash, salt, validator: &validator_key };
    require(records::root_seal(&config.domain, &opened)? == vote.seal, KarmaError::SealMismatch)?; // P-18

    let stated = Report::read(report)?;
    require(*stated.prior_root == config.last_root, KarmaError::StalePrior)?; // P-18

    vote.flags |= vote::REVEALED;
    vote.report_hash = report_hash;
    let paid = if vote.keeps_pay() && !vote.has(vote::LATE) { vote.stake } else { 0 };
    let stake = add_stake(&mut account, Candidate { report_hash, stake: vote.stake, paid_stake: paid })?;
    if account.state != epoch::VERDICTS || !account.is_quorum(stake) {
        return Ok(());
    }
    store_report(&mut account, &stated);
    account.report_hash = report_hash;
    account.state = epoch::REPORTED;
    account.quorum_slot = current_slot()?;
    Event::new(REPORT_REACHED).u64(number).key(&report_hash).key(&account.root).emit()
}

/// Where the account counts this report.
#[inline(always)]
fn position_of(account: &Epoch, report_hash: &Key) -> Option<usize> {
    let count = (account.candidate_count as usize).min(MAX_CANDIDATES);
    account.candidates[..count].iter().position(|candidate| candidate.report_hash == *report_hash)
}

/// P-18: adds a vote's stake to its report and returns the report's stake. When the places are taken, a vote of greater stake
/// replaces the report that has the least; else four small validators could shut the honest report out.
#[inline(never)]
fn add_stake(account: &mut Epoch, vote: Candidate) -> Result<u64, ProgramError> {
    if let Some(position) = position_of(account, &vote.report_hash) {
        let candidate = &mut account.candidates[position];
        candidate.stake = add(candidate.stake, vote.stake)?;
        candidate.paid_stake = add(candidate.paid_stake, vote.paid_stake)?;
        return Ok(candidate.stake);
    }
    let count = account.candidate_count as usize;
    let position = if count < MAX_CANDIDATES {
        account.candidate_count = increment(account.candidate_count)?;
        count
    } else {
        let mut least = 0;
        for i in 1..MAX_CANDIDATES {
            if account.candidates[i].stake < account.candidates[least].stake {
                least = i;
            }
        }
        require(vote.stake > account.candidates[least].stake, KarmaError::TooManyReports)?; // P-18
        least
    };
    account.candidates[position] = vote;
    Ok(vote.stake)
}

#[inline(never)]
fn store_report(account: &mut Epoch, report: &Report) {
    account.root = *report.root;
    account.totals = report.totals;
    account.participant_count = report.participant_count;
    account.settlements_root = *report.settlements_root;
    account.settlements_total = report.settlements_total;
    account.escrow_count = report.escrow_count;
    account.carried_root = *report.carried_root;
    account.carried_count = report.carried_count;
    account.prior_root = *report.prior_root;
    account.claims_root = *report.claims_root;
}
