//! `attest`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, ATTESTED as ATTESTED_EVENT},
    math::checked::{add, increment},
    seeds,
    state::{
        config::{place, Config},
        create::{create, Creation},
        epoch::{self, Epoch},
        participant::Participant,
        read,
        vote::{self, Vote},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-13: the first vote: this validator holds the set that the manifest names. It carries a salt's hash for the beacon.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the validator's; pays the rent |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | epochAccount | writable | |
/// | 4 | vote | writable | `["vote", epoch, validator]` |
/// | 5 | system program | | |
///
/// Arguments: epoch u64, manifestHash [32], saltHash [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let manifest_hash = cx.arguments.bytes::<32>()?;
    let salt_hash = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let [identity, config, validator, epoch_account, vote, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let slot = current_slot()?;
    let stake = {
        let validator = read::<Participant>(validator, cx.program)?;
        validator.require_active_validator(identity, &*read::<Config>(config, cx.program)?, number)?
        // P-13
    };
    let attested_stake = {
        let config = read::<Config>(config, cx.program)?;
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        account.require_epoch(number)?;
        account.require_not_passed_over(&config)?; // P-13
        match account.state {
            epoch::CLOSED => {}
            epoch::ATTESTED => {
                let until = add(account.attested_slot, config.parameter_in(place::SALT_REVEAL_SLOTS, number))?;
                require(slot <= until, KarmaError::TooLate)?; // P-13
            }
            _ => return Err(KarmaError::BadState.into()), // P-13
        }
        require(account.manifest_hash == *manifest_hash, KarmaError::WrongManifest)?; // P-13
        require(vote.is_data_empty(), KarmaError::AlreadyVoted)?; // P-13
        account.attested_stake = add(account.attested_stake, stake)?;
        account.open_votes = increment(account.open_votes)?;
        if account.state == epoch::CLOSED && account.is_quorum(account.attested_stake) {
            account.state = epoch::ATTESTED;
            account.attested_slot = slot;
            account.beacon_target_slot = add(slot, config.parameter_in(place::BEACON_DELAY_SLOTS, number))?;
        }
        account.attested_stake
    };

    let validator_key = *validator.address().as_array();
    let bump = create::<Vote>(&mut Creation {
        program: cx.program,
        payer: identity,
        account: vote,
        lamports: 0,
        seeds: &[seeds::VOTE, epoch, &validator_key],
    })?;
    let mut account = write::<Vote>(vote, cx.program)?;
    account.validator = validator_key;
    account.epoch = number;
    account.stake = stake;
    account.flags = vote::ATTESTED;
    account.bump = bump;
    account.salt_hash = *salt_hash;
    account.payer = *identity.address().as_array();
    drop(account);

    Event::new(ATTESTED_EVENT).u64(number).key(&validator_key).u64(attested_stake).emit()
}
