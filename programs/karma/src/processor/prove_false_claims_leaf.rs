//! `prove_false_claims_leaf`
use super::report_fault::{record, require_false, require_provable, Proven};
use crate::{
    entrypoint::Context,
    instruction::Arguments,
    state::{buffer, config::Config, fault::CLAIMS, read},
    verify::{
        false_report::{is_false_claims_leaf, LifetimeTree},
        report::Report,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-46: the claims tree of a report (T-06) has another leaf at an index than the lifetime tree.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the fault's rent; gets the finding's back |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | |
/// | 3 | vault | writable | |
/// | 4 | finding | writable | `["finding", finder, commitment]` |
/// | 5 | buffer | | holds the evidence |
/// | 6 | fault | writable | `["fault", reportHash, 3]` |
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
        let is_false = is_false_claims_leaf(&tree, report.claims_root, &mut fields);
        require_false(is_false)?; // P-46
        fields.finish_padded()?;
    }
    record(cx, &Proven { epoch: number, kind: CLAIMS, report_hash })
}
