//! What the three instructions share that prove a report false.
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, FAULT_PROVEN},
    math::checked::{increment, sub},
    seeds,
    state::{
        buffer,
        config::Config,
        create::{create, Creation},
        epoch::{self, Epoch},
        fault::{Fault, SIGNATURE},
        finding::{self, Shown},
        read,
        vault::Vault,
        write, Key,
    },
    verify::{hash::sha256, records::report_hash, report::REPORT_BYTES},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// Checks what is the same for every fault, and returns the hash of the report that the evidence begins with (P-18). The
/// accounts are those of each such instruction: finder (signer, writable), config, epochAccount (writable), vault (writable), finding
/// (writable), buffer, fault (writable), system program.
#[inline(never)]
pub fn require_provable(cx: &Context, number: u64, salt: &Key) -> Result<Key, ProgramError> {
    let [finder, config, epoch_account, _vault, finding, buffer, ..] = &*cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let config = read::<Config>(config, cx.program)?;
    let account = read::<Epoch>(epoch_account, cx.program)?;
    account.require_epoch(number)?;
    require_open_to_evidence(&config, &account, slot)?;
    let content = buffer::content(buffer, cx.program)?;
    let evidence = sha256(&[&content])?;
    let shown = Shown { domain: &config.domain, evidence: &evidence, salt, slot, program: cx.program };
    finding::require_committed(finder, finding, &shown)?; // P-41
    let report = content.first_chunk::<REPORT_BYTES>().ok_or(KarmaError::BadEvidence)?; // P-45
    report_hash(&config.domain, &number.to_le_bytes(), &account.verdicts_root, &sha256(&[report])?)
}

/// P-45: `BadState` before a report has won, or the epoch is passed over with its seals: a fault of a report that wins afterwards
/// would not count. `TooLate` once the votes of a final epoch may be closed.
#[inline(never)]
fn require_open_to_evidence(config: &Config, account: &Epoch, slot: u64) -> ProgramResult {
    match account.state {
        epoch::VERDICTS => {
            let is_over = account.is_passed_over(config) && account.is_quorum(account.sealed_stake);
            require(is_over, KarmaError::BadState) // P-45
        }
        epoch::REPORTED => Ok(()),
        epoch::FINALISED => {
            let current = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
            let until = account.evidence_until(config).unwrap_or(0);
            require(current < until, KarmaError::TooLate) // P-45
        }
        _ => Err(KarmaError::BadState.into()), // P-45
    }
}

/// `BadEvidence` for evidence that ends early, and `NotAnOffence` for a true report.
#[inline(always)]
pub fn require_false(judged: Result<bool, ProgramError>) -> ProgramResult {
    match judged {
        Ok(true) => Ok(()),
        Ok(false) => Err(KarmaError::NotAnOffence.into()), // P-45, P-46
        Err(ProgramError::InvalidInstructionData) => Err(KarmaError::BadEvidence.into()),
        Err(error) => Err(error),
    }
}

/// What was proven.
pub struct Proven {
    pub epoch: u64,
    pub kind: u8,
    /// Of a set its manifest's.
    pub report_hash: Key,
}

/// P-45, P-48: records the fault. Of the report that won, or of the set, it also counts in the epoch.
#[inline(never)]
pub fn record(cx: &mut Context, proven: &Proven) -> ProgramResult {
    let [finder, _config, epoch_account, vault, finding, _buffer, fault, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let Proven { epoch: number, kind, report_hash } = proven;
    let finder_key = *finder.address().as_array();
    let bump = create::<Fault>(&mut Creation {
        program: cx.program,
        payer: finder,
        account: fault,
        lamports: 0,
        seeds: &[seeds::FAULT, report_hash, &[*kind]],
    })?;
    {
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        let mut vault = write::<Vault>(vault, cx.program)?;
        if *kind == SIGNATURE || account.has_won(report_hash) {
            count(&mut account, &mut vault, slot)?;
        }
    }
    let mut fault = write::<Fault>(fault, cx.program)?;
    fault.epoch = *number;
    fault.finder = finder_key;
    fault.report_hash = *report_hash;
    fault.slot = slot;
    fault.kind = *kind;
    fault.bump = bump;
    drop(fault);
    finding::end(finder, finding)?;

    Event::new(FAULT_PROVEN).u64(*number).u8(*kind).key(&finder_key).key(report_hash).emit()
}

/// P-45: keeps the epoch from becoming final, and takes back what a final one had set aside for its votes.
#[inline(never)]
fn count(account: &mut Epoch, vault: &mut Vault, slot: u64) -> ProgramResult {
    account.faults = increment(account.faults)?;
    account.fault_slot = slot;
    // No vote took of it yet: none is closed while evidence is taken (P-22).
    vault.rewards = sub(vault.rewards, account.vote_reward)?;
    account.vote_reward = 0;
    Ok(())
}
