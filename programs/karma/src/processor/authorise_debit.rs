//! `authorise_debit`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, DEBIT_AUTHORISED},
    state::{config::Config, escrow::Escrow, read, write},
    verify::{
        ed25519_instruction::{is_signed_directly_before, Signed},
        records::voucher_hash,
    },
};
use pinocchio::{error::ProgramError, sysvars::instructions::INSTRUCTIONS_ID, ProgramResult};

/// P-39, M-07: raises what an escrow's debits may come to. Either the buyer signs the transaction, or anyone brings its voucher:
/// then the instruction directly before this one is the Ed25519 precompile's over the buyer's voucher.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | escrow | writable | |
/// | 1 | config | | |
/// | 2 | buyer | signer unless there is a voucher | the escrow's |
/// | 3 | instructions | | the sysvar |
///
/// Arguments: cumulative u64 (lamports).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let cumulative = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [escrow, config, buyer, instructions, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let escrow_key = *escrow.address().as_array();
    {
        let config = read::<Config>(config, cx.program)?;
        let mut account = write::<Escrow>(escrow, cx.program)?;
        require(*buyer.address().as_array() == account.buyer, KarmaError::BadOwner)?;
        require(*instructions.address() == INSTRUCTIONS_ID, KarmaError::BadPda)?;
        if !buyer.is_signer() {
            let message = voucher_hash(&config.domain, &escrow_key, cumulative)?;
            let signed = Signed { signer: &account.buyer, message: &message };
            require(is_signed_directly_before(&instructions.try_borrow()?, &signed), KarmaError::NoVoucher)?;
            // P-39
        }
        require(cumulative > account.authorised, KarmaError::VoucherOutdated)?; // P-39
        account.authorised = cumulative;
    }
    Event::new(DEBIT_AUTHORISED).key(&escrow_key).u64(cumulative).emit()
}
