//! Finding: that somebody committed to evidence before showing it, so that who copies it when it is shown comes too late.
use super::{lamports::move_lamports, Account, Key};
use crate::{
    error::{require, KarmaError},
    math::checked::add,
    verify::evidence::finding_commitment,
};
use pinocchio::{AccountView, Address, ProgramResult};

/// How old a finding must be when its evidence is shown. Evidence in a buffer is public from its first piece on: who copies
/// it and commits then must come too late even if writing took all of this.
pub const LEAST_AGE_SLOTS: u64 = 32;

#[repr(C)]
pub struct Finding {
    pub discriminator: [u8; 8],
    /// Who committed, paid the rent and gets it back.
    pub finder: Key,
    pub commitment: Key,
    pub slot: u64,
    pub bump: u8,
    pub padding0: [u8; 7],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Finding {
    const DISCRIMINATOR: [u8; 8] = [207, 23, 56, 14, 197, 170, 203, 34];
}

const _: () = assert!(core::mem::size_of::<Finding>() == 88);

/// What is held against a finding.
pub struct Shown<'a> {
    pub domain: &'a Key,
    /// The hash of the evidence.
    pub evidence: &'a Key,
    pub salt: &'a Key,
    pub slot: u64,
    pub program: &'a Address,
}

/// P-41: `NotCommitted` unless `finder` signed, and committed to this evidence long enough ago.
#[inline(never)]
pub fn require_committed(finder: &AccountView, finding: &AccountView, shown: &Shown) -> ProgramResult {
    require(finder.is_signer(), KarmaError::WrongIdentity)?;
    let account = super::read::<Finding>(finding, shown.program)?;
    let finder = finder.address().as_array();
    require(account.finder == *finder, KarmaError::NotCommitted)?; // P-41
    require(shown.slot >= add(account.slot, LEAST_AGE_SLOTS)?, KarmaError::NotCommitted)?; // P-41
    let commitment = finding_commitment(shown.domain, finder, shown.evidence, shown.salt)?;
    require(account.commitment == commitment, KarmaError::NotCommitted) // P-41
}

/// P-41: ends a finding and pays its rent back. To be called after every call of another program, whose balances must add up.
#[inline(never)]
pub fn end(finder: &mut AccountView, finding: &mut AccountView) -> ProgramResult {
    let lamports = finding.lamports();
    move_lamports(finding, finder, lamports)?;
    finding.close()
}
