//! What every instruction that proves an offence ends with: the case against the offender.
use crate::{
    error::KarmaError,
    event::{Event, CASE_FILED},
    seeds,
    state::{
        case::{left_after, Case},
        create::{create, Creation},
        participant::Participant,
        write, Key,
    },
};
use pinocchio::{AccountView, Address, ProgramResult};

/// The accounts of a filing.
pub struct Filing<'a> {
    pub program: &'a Address,
    /// Signer, writable: pays the rent, which stays.
    pub payer: &'a AccountView,
    /// Writable: the participant.
    pub offender: &'a mut AccountView,
    /// Writable: `["case", offender, offenceKey]`.
    pub case: &'a mut AccountView,
}

/// What was proven.
pub struct Offence<'a> {
    pub kind: u8,
    /// Names the offence, whatever evidence shows it.
    pub key: &'a Key,
    pub bps: u64,
    pub finder: &'a Key,
    /// The escrow of the buyer that was harmed, or zeros.
    pub harmed: &'a Key,
    pub epoch: u64,
}

/// P-42: files a case and holds the offender's stake. `AlreadyInitialised` if this offence was filed before.
#[inline(never)]
pub fn file(filing: &mut Filing, offence: &Offence) -> ProgramResult {
    let offender_key = *filing.offender.address().as_array();
    {
        let mut offender = write::<Participant>(filing.offender, filing.program)?;
        offender.open_cases = offender.open_cases.checked_add(1).ok_or(KarmaError::TooManyCases)?;
        // P-42
    }
    let left = left_after(offence.bps)?;
    let bps = u16::try_from(offence.bps).map_err(|_| KarmaError::Overflow)?;
    let bump = create::<Case>(&mut Creation {
        program: filing.program,
        payer: filing.payer,
        account: filing.case,
        lamports: 0,
        seeds: &[seeds::CASE, &offender_key, offence.key],
    })?;
    let mut case = write::<Case>(filing.case, filing.program)?;
    case.offender = offender_key;
    case.offence_key = *offence.key;
    case.finder = *offence.finder;
    case.harmed = *offence.harmed;
    case.filed_epoch = offence.epoch;
    case.left = left;
    case.bps = bps;
    case.kind = offence.kind;
    case.bump = bump;
    drop(case);

    Event::new(CASE_FILED)
        .key(&offender_key)
        .key(offence.key)
        .key(offence.finder)
        .u8(offence.kind)
        .u64(offence.bps)
        .u64(offence.epoch)
        .emit()
}
