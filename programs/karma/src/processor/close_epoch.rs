//! `close_epoch`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, EPOCH_CLOSED},
    math::checked::add,
    seeds,
    state::{
        config::{place, Config, Electorate},
        create::{create, Creation},
        epoch::{Epoch, Turn, CLOSED},
        participant::Participant,
        read, write, Key,
    },
    verify::records::{manifest_hash, Manifest},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-12: posts the manifest of a past epoch, or replaces one that nobody attested when its proposer's window has passed.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the proposer's; pays the rent |
/// | 1 | config | | |
/// | 2 | validator | | participant whose turn it is |
/// | 3 | epochAccount | writable | `["epoch", epoch]` |
/// | 4 | system program | | |
///
/// Arguments: epoch u64, receiptSetRoot [32], entryCount u32, candidatesRoot [32], slotHashesRoot [32], escrowsRoot [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let receipt_set_root = cx.arguments.bytes::<32>()?;
    let entry_count = cx.arguments.bytes::<4>()?;
    let candidates_root = cx.arguments.bytes::<32>()?;
    let slot_hashes_root = cx.arguments.bytes::<32>()?;
    let escrows_root = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let [identity, config, validator, epoch_account, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let slot = current_slot()?;
    let (electorate, from, window, domain): (Electorate, u64, u64, Key) = {
        let config = read::<Config>(config, cx.program)?;
        require(config.is_after_last_finalised(number), KarmaError::WrongEpoch)?; // P-12
        let from = add(config.first_slot(add(number, 1)?)?, config.parameter_in(place::CLOSE_DELAY_SLOTS, number))?;
        let window = config.parameter_in(place::PROPOSER_WINDOW_SLOTS, number);
        (config.electorate(number)?, from, window, config.domain)
    };
    let turn = Turn { epoch: number, slot, from, window, validators: electorate.validators };
    let attempt = {
        let validator = read::<Participant>(validator, cx.program)?;
        validator.require_active_validator(identity, &*read::<Config>(config, cx.program)?, number)?; // P-12
        turn.require_proposer(validator.role_ordinal)? // P-12
    };
    let manifest_hash = manifest_hash(
        &domain,
        &Manifest { epoch, receipt_set_root, entry_count, candidates_root, slot_hashes_root, escrows_root },
    )?;

    if epoch_account.is_data_empty() {
        let bump = create::<Epoch>(&mut Creation {
            program: cx.program,
            payer: identity,
            account: epoch_account,
            lamports: 0,
            seeds: &[seeds::EPOCH, epoch],
        })?;
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        account.epoch = number;
        account.state = CLOSED;
        account.bump = bump;
        account.payer = *identity.address().as_array();
    } else {
        let account = read::<Epoch>(epoch_account, cx.program)?;
        account.require_epoch(number)?;
        require(account.state == CLOSED && account.attested_stake == 0, KarmaError::BadState)?; // P-12
        let earlier = Turn { slot: account.close_slot, ..turn }.attempt()?;
        require(attempt > earlier, KarmaError::NotProposer)?; // P-12
    }
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    account.total_stake = electorate.stake;
    account.validator_count = electorate.validators;
    account.entry_count = u32::from_le_bytes(*entry_count);
    account.manifest_hash = manifest_hash;
    account.receipt_set_root = *receipt_set_root;
    account.candidates_root = *candidates_root;
    account.slot_hashes_root = *slot_hashes_root;
    account.escrows_root = *escrows_root;
    account.close_slot = slot;
    account.proposer = *validator.address().as_array();
    drop(account);

    Event::new(EPOCH_CLOSED).u64(number).key(&manifest_hash).emit()
}
