//! `reveal_salt`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    math::checked::{add, increment},
    state::{
        config::{place, Config},
        epoch::{self, Epoch},
        participant::Participant,
        read,
        vote::{self, Vote},
        write,
    },
    verify::records::{accumulate, salt_commitment, salt_share, Salt},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-14: reveals the salt of an attestation into the beacon.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer | the validator's |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | epochAccount | writable | |
/// | 4 | vote | writable | |
///
/// Arguments: epoch u64, salt [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let salt = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let [identity, config, validator, epoch_account, vote, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let validator_key = *validator.address().as_array();
    let config = read::<Config>(config, cx.program)?;
    read::<Participant>(validator, cx.program)?.require_active_validator(identity, &config, number)?;
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    let mut vote = write::<Vote>(vote, cx.program)?;
    account.require_epoch(number)?;
    vote.require_of(&validator_key, number)?;
    account.require_state(epoch::ATTESTED)?; // P-14
    let until = add(account.attested_slot, config.parameter_in(place::SALT_REVEAL_SLOTS, number))?;
    let slot = current_slot()?;
    // P-14: whatever the parameters, no salt counts that was kept back until the beacon's slot hash was there.
    require(slot <= until && slot < account.beacon_target_slot, KarmaError::TooLate)?;
    require(vote.has(vote::ATTESTED), KarmaError::NotVoted)?; // P-14
    require(!vote.has(vote::SALT_REVEALED), KarmaError::AlreadyVoted)?; // P-14
    let salt = Salt { epoch, validator: &validator_key, salt };
    require(salt_commitment(&config.domain, &salt)? == vote.salt_hash, KarmaError::SaltMismatch)?; // P-14

    accumulate(&mut account.salt_accumulator, &salt_share(&config.domain, &salt)?);
    account.salt_count = increment(account.salt_count)?;
    account.salt_stake = add(account.salt_stake, vote.stake)?;
    vote.flags |= vote::SALT_REVEALED;
    Ok(())
}
