//! What two instructions share that read from a buffer what a report says of a registration index.
use crate::{
    error::{require, KarmaError},
    instruction::Arguments,
    state::{
        epoch::{Epoch, FINALISED},
        read, Key,
    },
    verify::{
        false_report::{read_growth, Growth, LifetimeTree},
        report::Report,
    },
};
use pinocchio::{error::ProgramError, AccountView, Address};

/// A report with the account of the final epoch that it follows on; any account if priorRoot is zero.
pub struct Following<'a> {
    pub domain: &'a Key,
    pub epoch: u64,
    pub report: &'a Report<'a>,
    pub prior: &'a AccountView,
    pub program: &'a Address,
}

/// P-46: `StalePrior` unless the account is of a final epoch with the report's priorRoot. Before the first final report, and
/// after one without leaves, there is nothing.
#[inline(never)]
pub fn read_shown_growth(following: &Following, fields: &mut Arguments) -> Result<Growth, ProgramError> {
    let Following { domain, epoch, report, prior, program } = following;
    let tree = LifetimeTree::of(domain, *epoch, report);
    if *report.prior_root == [0; 32] {
        return read_growth(&tree, None, fields);
    }
    let prior = read::<Epoch>(prior, program)?;
    require(prior.state == FINALISED && prior.root == *report.prior_root, KarmaError::StalePrior)?; // P-46
    read_growth(&tree, Some(&LifetimeTree::of_final(domain, &prior)), fields)
}
