//! `prove_lazy_verdict`
use super::{
    current_slot,
    file_case::{file, Filing, Offence},
};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        case::LAZY_VERDICT,
        config::Config,
        finding::{self, Shown},
        participant::{Participant, VALIDATOR},
        read,
    },
    verify::{
        ed25519_instruction::{is_signed_directly_before, Signed},
        lazy_verdict::LazyVerdict,
    },
};
use pinocchio::{error::ProgramError, sysvars::instructions::INSTRUCTIONS_ID, ProgramResult};

/// P-52: a validator signed that an answer passes which was planted: no tokens hash to its output hash, as every auditor finds
/// that looks. The Ed25519 program checks the signature in the instruction before this one.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the case's rent; gets the finding's back |
/// | 1 | config | | |
/// | 2 | offender | writable | the validator's participant |
/// | 3 | finding | writable | `["finding", finder, commitment]` |
/// | 4 | case | writable | `["case", offender, offenceKey]` |
/// | 5 | instructions | | the sysvar |
/// | 6 | system program | | |
///
/// Arguments: salt [32], verdict [140], receipt [152], secret [32]: the fields of the two records, and what was planted.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let salt = cx.arguments.bytes::<32>()?;
    let lazy =
        LazyVerdict { verdict: cx.arguments.bytes()?, receipt: cx.arguments.bytes()?, secret: cx.arguments.bytes()? };
    cx.arguments.finish()?;
    let [finder, config, offender, finding, case, instructions, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let finder_key = *finder.address().as_array();
    let (bps, epoch) = {
        let config = read::<Config>(config, cx.program)?;
        let epoch = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
        let evidence = lazy.evidence()?;
        let shown = Shown { domain: &config.domain, evidence: &evidence, salt, slot, program: cx.program };
        finding::require_committed(finder, finding, &shown)?; // P-41

        lazy.require_lazy(&config.domain)?; // P-52
        let of = lazy.epoch();
        require(of.saturating_add(config.parameters.cool_down_epochs) >= epoch, KarmaError::TooLate)?; // P-52
        require(lazy.validator() == offender.address().as_array(), KarmaError::BadEvidence)?; // P-52
        let validator = read::<Participant>(offender, cx.program)?;
        validator.require_role(VALIDATOR)?; // P-52
        require(*instructions.address() == INSTRUCTIONS_ID, KarmaError::BadPda)?;
        let message = lazy.message(&config.domain)?;
        let signed = Signed { signer: validator.identity_in(of), message: &message };
        require(is_signed_directly_before(&instructions.try_borrow()?, &signed), KarmaError::BadEvidence)?; // P-52
        (config.parameters.false_vote_bps, epoch)
    };
    let key = lazy.offence_key()?;

    file(
        &mut Filing { program: cx.program, payer: finder, offender, case },
        &Offence { kind: LAZY_VERDICT, key: &key, bps, finder: &finder_key, harmed: &[0; 32], epoch },
    )?;
    finding::end(finder, finding)
}
