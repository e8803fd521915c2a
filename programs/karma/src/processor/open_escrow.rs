//! `open_escrow`
use crate::{
    entrypoint::Context,
    seeds,
    state::{
        create::{create, Creation},
        escrow::Escrow,
        participant::{Participant, GATEWAY},
        read, write, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-08: opens a buyer's escrow at a gateway.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | buyer | signer, writable | pays rent and amount |
/// | 1 | gateway | | participant |
/// | 2 | escrow | writable | `["escrow", gateway, buyer]` |
/// | 3 | system program | | |
///
/// Arguments: amount u64 (lamports), authorised u64 (lamports that may be debited in all without a voucher; 2^64-1: whatever an
/// epoch decides).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let amount = cx.arguments.u64()?;
    let authorised = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [buyer, gateway, escrow, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    read::<Participant>(gateway, cx.program)?.require_role(GATEWAY)?; // P-08

    let gateway_key = *gateway.address().as_array();
    let buyer_key = *buyer.address().as_array();
    let bump = create::<Escrow>(&mut Creation {
        program: cx.program,
        payer: buyer,
        account: escrow,
        lamports: amount,
        seeds: &[seeds::ESCROW, &gateway_key, &buyer_key],
    })?;
    let mut account = write::<Escrow>(escrow, cx.program)?;
    account.gateway = gateway_key;
    account.buyer = buyer_key;
    account.withdraw_after_epoch = NONE;
    account.last_settled_epoch = NONE;
    account.authorised = authorised;
    account.bump = bump;
    Ok(())
}
