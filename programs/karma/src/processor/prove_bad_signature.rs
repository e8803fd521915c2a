//! `prove_bad_signature`
use super::{
    current_slot,
    report_fault::{record, require_false, Proven},
};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    instruction::Arguments,
    state::{
        buffer,
        config::Config,
        epoch::{self, Epoch},
        fault::SIGNATURE,
        finding::{self, Shown},
        read, Key,
    },
    verify::{bad_signature::is_bad_signature, hash::sha256},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-48: a set that somebody attested has an entry with a seal, a receipt or a refusal that its worker did not sign. Who attests has
/// checked that (V-11, E-18), so that each of them can be accused (P-47), and the epoch does not become final.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the fault's rent; gets the finding's back |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | |
/// | 3 | vault | writable | |
/// | 4 | finding | writable | `["finding", finder, commitment]` |
/// | 5 | buffer | | holds the evidence |
/// | 6 | fault | writable | `["fault", manifestHash, 4]` |
/// | 7 | system program | | |
///
/// Arguments: epoch u64, salt [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    let salt = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    judge(cx, number, salt)?;
    let [_finder, _config, epoch_account, ..] = &*cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let report_hash = read::<Epoch>(epoch_account, cx.program)?.manifest_hash;
    record(cx, &Proven { epoch: number, kind: SIGNATURE, report_hash })
}

/// Everything that is checked before anything changes.
#[inline(never)]
fn judge(cx: &Context, number: u64, salt: &Key) -> ProgramResult {
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
    let mut fields = Arguments::new(&content);
    require_false(is_bad_signature(&config, &account, &mut fields))?; // P-48
    fields.finish_padded()
}

/// P-48: `BadState` while nobody attested the set, which is replaced then (P-12). `TooLate` once the votes of a final epoch may be
/// closed.
#[inline(never)]
fn require_open_to_evidence(config: &Config, account: &Epoch, slot: u64) -> ProgramResult {
    require(account.attested_stake > 0, KarmaError::BadState)?; // P-48
    if account.state != epoch::FINALISED {
        return Ok(());
    }
    let current = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
    let until = account.evidence_until(config).unwrap_or(0);
    require(current < until, KarmaError::TooLate) // P-48
}
