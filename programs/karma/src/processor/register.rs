//! What the three registrations share: the account, the owner's stake, the position in the lifetime tree and the event.
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, REGISTERED},
    math::{checked::increment, units::WHOLE},
    seeds,
    state::{
        config::Config,
        create::{create, Creation},
        participant::{Participant, GATEWAY, WORKER},
        stake::{Stake, LAMPORTS},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// What a role adds to the account.
pub struct Registration {
    pub role: u8,
    /// Lamports.
    pub bond: u64,
    /// Requests at once that a worker's bond stands for; 1 for other roles.
    pub capacity: u16,
}

/// Creates the participant's account, with the bond as its owner's stake, and counts it. The accounts are those of every
/// registration: owner (signer, writable, pays), identity (signer), config (writable), participant (writable,
/// `["participant", identity]`), stake (writable, `["stake", participant, owner, 0]`), system program.
#[inline(never)]
pub fn register(cx: &mut Context, registration: &Registration) -> ProgramResult {
    let Registration { role, bond, capacity } = *registration;
    let [owner, identity, config, participant, stake, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    require(identity.is_signer(), KarmaError::WrongIdentity)?;
    let slot = current_slot()?;
    let (index, role_ordinal, active_from, version) = {
        let mut config = write::<Config>(config, cx.program)?;
        config.require_unpaused(slot)?; // P-37
        let index = config.participant_count;
        config.participant_count = increment(index)?;
        let role_ordinal = match role {
            WORKER => {
                config.worker_count = increment(config.worker_count)?;
                config.worker_count - 1
            }
            GATEWAY => {
                config.gateway_count = increment(config.gateway_count)?;
                config.gateway_count - 1
            }
            _ => config.add_validator(slot)?,
        };
        (index, role_ordinal, config.active_from(slot)?, config.version)
    };

    let identity_key = *identity.address().as_array();
    let owner_key = *owner.address().as_array();
    let bump = create::<Participant>(&mut Creation {
        program: cx.program,
        payer: owner,
        account: participant,
        lamports: bond,
        seeds: &[seeds::PARTICIPANT, &identity_key],
    })?;
    let address = *participant.address().as_array();
    let stake_bump = create::<Stake>(&mut Creation {
        program: cx.program,
        payer: owner,
        account: stake,
        lamports: 0,
        seeds: &[seeds::STAKE, &address, &owner_key, &[LAMPORTS]],
    })?;
    {
        let mut stake = write::<Stake>(stake, cx.program)?;
        stake.participant = address;
        stake.staker = owner_key;
        stake.asset = LAMPORTS;
        stake.bump = stake_bump;
        stake.units = bond;
    }
    let mut account = write::<Participant>(participant, cx.program)?;
    account.role = role;
    account.bump = bump;
    account.version = version;
    account.index = index;
    account.owner = owner_key;
    account.identity = identity_key;
    account.previous_identity = identity_key;
    account.initial_identity = identity_key;
    account.active_from_epoch = active_from;
    account.role_ordinal = role_ordinal;
    account.capacity = [capacity; 2];
    account.slash_index = WHOLE;
    account.own_units = bond;
    account.units[LAMPORTS as usize] = bond;
    let mut config = write::<Config>(config, cx.program)?;
    require(bond >= account.minimum(&config)?, KarmaError::BondTooSmall)?; // P-03, P-04, P-05
    account.update_weight(&mut config, slot)?; // P-28
    drop(account);

    Event::new(REGISTERED).key(&address).u8(role).u32(index).emit()
}
