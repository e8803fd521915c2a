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
        config::{place, Config},
        create::{create, Creation},
        epoch::{self, Epoch},
        fault::Fault,
        finding::{self, Shown},
        read,
        vault::Vault,
        write, Key,
    },
    verify::hash::sha256,
};
use pinocchio::{error::ProgramError, ProgramResult};

/// Checks what is the same for every fault. The accounts are those of each such instruction: finder (signer, writable), config,
/// epochAccount (writable), vault (writable), finding (writable), buffer, fault (writable), system program.
#[inline(never)]
pub fn require_provable(cx: &Context, number: u64, salt: &Key) -> ProgramResult {
    let [finder, config, epoch_account, _vault, finding, buffer, ..] = &*cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let config = read::<Config>(config, cx.program)?;
    let account = read::<Epoch>(epoch_account, cx.program)?;
    account.require_epoch(number)?;
    match account.state {
        epoch::REPORTED => {}
        epoch::FINALISED => {
            // P-45: from then on its votes are paid and closed.
            let current = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
            let decided = config.epoch_at(account.finalised_slot).unwrap_or(0);
            require(sub(current, decided)? < config.parameter_in(place::EVIDENCE_EPOCHS, number), KarmaError::TooLate)?;
        }
        _ => return Err(KarmaError::BadState.into()), // P-45
    }
    let evidence = sha256(&[&buffer::content(buffer, cx.program)?])?;
    let shown = Shown { domain: &config.domain, evidence: &evidence, salt, slot, program: cx.program };
    finding::require_committed(finder, finding, &shown) // P-41
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

/// P-45: records the fault, so that the epoch does not become final, and takes back what a final one had set aside for its votes.
#[inline(never)]
pub fn record(cx: &mut Context, number: u64, kind: u8) -> ProgramResult {
    let [finder, _config, epoch_account, vault, finding, _buffer, fault, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let finder_key = *finder.address().as_array();
    let bump = create::<Fault>(&mut Creation {
        program: cx.program,
        payer: finder,
        account: fault,
        lamports: 0,
        seeds: &[seeds::FAULT, &number.to_le_bytes(), &[kind]],
    })?;
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    account.faults = increment(account.faults)?;
    account.fault_slot = slot;
    let mut vault = write::<Vault>(vault, cx.program)?;
    // No vote took of it yet: none is closed before evidence is over (P-22).
    vault.rewards = sub(vault.rewards, account.vote_reward)?;
    account.vote_reward = 0;
    let report_hash = account.report_hash;
    drop(account);
    drop(vault);
    let mut fault = write::<Fault>(fault, cx.program)?;
    fault.epoch = number;
    fault.finder = finder_key;
    fault.report_hash = report_hash;
    fault.slot = slot;
    fault.kind = kind;
    fault.bump = bump;
    drop(fault);
    finding::end(finder, finding)?;

    Event::new(FAULT_PROVEN).u64(number).u8(kind).key(&finder_key).key(&report_hash).emit()
}
