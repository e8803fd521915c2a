//! What the three registrations share: the account, the bond, the position in the lifetime tree and the event.
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, REGISTERED},
    math::checked::increment,
    seeds,
    state::{
        config::Config,
        create::{create, Creation},
        participant::{Participant, GATEWAY, VALIDATOR, WORKER},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// Creates the participant's account with its bond and counts it. The accounts are those of every registration: owner (signer,
/// writable, pays), identity (signer), config (writable), participant (writable, `["participant", identity]`), system program.
#[inline(never)]
pub fn register(cx: &mut Context, role: u8, bond: u64) -> ProgramResult {
    let [owner, identity, config, participant, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    require(identity.is_signer(), KarmaError::WrongIdentity)?;
    let slot = current_slot()?;
    let (index, role_ordinal, active_from, version) = {
        let mut config = write::<Config>(config, cx.program)?;
        let minimum = match role {
            WORKER => config.parameters.min_worker_bond,
            VALIDATOR => config.parameters.min_validator_bond,
            _ => config.parameters.min_gateway_bond,
        };
        require(bond >= minimum, KarmaError::BondTooSmall)?; // P-03, P-04, P-05
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
            _ => {
                config.roll_stake(slot)?;
                config.add_validator(slot, bond)?
            }
        };
        (index, role_ordinal, config.active_from(slot)?, config.version)
    };

    let identity_key = *identity.address().as_array();
    let bump = create::<Participant>(&mut Creation {
        program: cx.program,
        payer: owner,
        account: participant,
        lamports: bond,
        seeds: &[seeds::PARTICIPANT, &identity_key],
    })?;
    let address = *participant.address().as_array();
    let mut account = write::<Participant>(participant, cx.program)?;
    account.role = role;
    account.bump = bump;
    account.version = version;
    account.index = index;
    account.owner = *owner.address().as_array();
    account.identity = identity_key;
    account.previous_identity = identity_key;
    account.initial_identity = identity_key;
    account.bond_lamports = bond;
    account.active_from_epoch = active_from;
    account.role_ordinal = role_ordinal;
    drop(account);

    Event::new(REGISTERED).key(&address).u8(role).u32(index).emit()
}
