//! `prove_false_sum`
use super::report_fault::{record, require_false, require_provable, Proven};
use crate::{
    entrypoint::Context,
    instruction::Arguments,
    state::{buffer, config::Config, fault::SUM, read},
    verify::{
        false_report::{is_false_sum, LifetimeTree},
        report::Report,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-45: the lifetime tree of a report, or the credits of a participant, have a node whose sums are not its children's.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the fault's rent; gets the finding's back |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | |
/// | 3 | vault | writable | |
/// | 4 | finding | writable | `["finding", finder, commitment]` |
/// | 5 | buffer | | holds the evidence |
/// | 6 | fault | writable | `["fault", reportHash, 1]` |
/// | 7 | system program | | |
///
/// Arguments: epoch u64, salt [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    let salt = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let report_hash = require_provable(cx, number, salt)?;
    {
        let [_finder, config, _epoch_account, _vault, _finding, buffer, ..] = &*cx.accounts else {
            return Err(ProgramError::NotEnoughAccountKeys);
        };
        let config = read::<Config>(config, cx.program)?;
        let content = buffer::content(buffer, cx.program)?;
        let mut fields = Arguments::new(&content);
        let report = Report::read(fields.bytes()?)?;
        let tree = LifetimeTree::of(&config.domain, number, &report);
        let is_false = is_false_sum(&tree, &report.totals, &mut fields);
        require_false(is_false)?; // P-45
        fields.finish_padded()?;
    }
    record(cx, &Proven { epoch: number, kind: SUM, report_hash })
}
