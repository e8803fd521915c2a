//! `prove_false_lifetime`
use super::{
    report_fault::{record, require_false, require_provable, Proven},
    shown_growth::{read_shown_growth, Following},
};
use crate::{
    entrypoint::Context,
    instruction::Arguments,
    state::{buffer, config::Config, fault::LIFETIME, read},
    verify::report::Report,
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-46: a report says of a participant what is not its prior lifetime and its credits of the epoch.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the fault's rent; gets the finding's back |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | |
/// | 3 | vault | writable | |
/// | 4 | finding | writable | `["finding", finder, commitment]` |
/// | 5 | buffer | | holds the evidence |
/// | 6 | fault | writable | `["fault", reportHash, 2]` |
/// | 7 | system program | | |
/// | 8 | prior | | the final epoch that the report follows on; anything if priorRoot is zero |
///
/// Arguments: epoch u64, salt [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    let salt = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let report_hash = require_provable(cx, number, salt)?;
    {
        let [_finder, config, _epoch_account, _vault, _finding, buffer, _fault, _system, prior, ..] = &*cx.accounts
        else {
            return Err(ProgramError::NotEnoughAccountKeys);
        };
        let config = read::<Config>(config, cx.program)?;
        let content = buffer::content(buffer, cx.program)?;
        let mut fields = Arguments::new(&content);
        let report = Report::read(fields.bytes()?)?;
        let following =
            Following { domain: &config.domain, epoch: number, report: &report, prior, program: cx.program };
        let is_false = read_shown_growth(&following, &mut fields).map(|growth| growth.is_false);
        require_false(is_false)?; // P-46
        fields.finish_padded()?;
    }
    record(cx, &Proven { epoch: number, kind: LIFETIME, report_hash })
}
