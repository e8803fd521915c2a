//! Participant: a worker, validator or gateway with its two keys, the stake behind it and its karma.
use super::{
    config::{place, Config},
    weights::Weights,
    Account, Key,
};
use crate::{
    error::{require, KarmaError},
    math::{
        checked::{add, sub},
        mul_div::{mul, mul_div},
        rewards::{accumulate, per_unit},
        units::{value_of, Share, WHOLE},
    },
};
use core::mem::{offset_of, size_of};
use pinocchio::{error::ProgramError, AccountView};

pub const WORKER: u8 = 1;
pub const VALIDATOR: u8 = 2;
pub const GATEWAY: u8 = 3;
pub const MAX_MODELS: usize = 4;
const VALIDATION: usize = 4;
const BASIS_POINTS: u64 = 10_000;

#[repr(C)]
pub struct Participant {
    pub discriminator: [u8; 8],
    pub role: u8,
    pub bump: u8,
    pub version: u16,
    /// Position in the lifetime tree, over all roles.
    pub index: u32,
    pub owner: Key,
    pub identity: Key,
    pub previous_identity: Key,
    pub identity_from_epoch: u64,
    pub initial_identity: Key,
    /// Units of lamports that the owner staked itself; a part of `lamport_units`.
    pub own_units: u64,
    pub active_from_epoch: u64,
    pub role_ordinal: u32,
    pub model_count: u8,
    pub has_secp256k1: u8,
    /// What the account keeps back while offences of this participant wait for their slash.
    pub open_cases: u16,
    pub karma: [u64; 5],
    pub karma_slot: u64,
    pub lifetime: [u64; 5],
    pub lifetime_paid: u64,
    pub weight_karma: [u64; 2],
    pub weight_from_epoch: u64,
    pub engine_class: Key,
    pub models: [Key; MAX_MODELS],
    pub secp256k1_address: [u8; 20],
    /// Requests at once that a worker's bond stands for: [1] from `capacity_from_epoch` on, [0] before.
    pub capacity: [u16; 2],
    pub capacity_from_epoch: u64,
    /// What one unit is worth, `WHOLE` being all of it. Slashing lowers it and nothing else moves it.
    pub slash_index: u64,
    /// Units that count, in lamports and in tokens.
    pub units: [u64; 2],
    /// Units on their way out, which can still be slashed.
    pub unbonding_units: [u64; 2],
    /// Lamports that one lamport's unit earned so far, as a 128-bit number with 64 bits behind the point: low, high.
    pub reward_per_unit: [u64; 2],
    /// Lamports in this account that stakers earned and did not collect.
    pub reward_lamports: u64,
    /// Lamports in this account that are the owner's commission.
    pub commission_lamports: u64,
    /// The owner's part of what its stakers earn, in 1/10,000: [1] from `commission_from_epoch` on, [0] before.
    pub commission_bps: [u16; 2],
    pub padding0: [u8; 4],
    pub commission_from_epoch: u64,
    /// P-28: the weight of an epoch; 0 while the participant may not act.
    pub weights: Weights,
    pub reserved: [u8; 128],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Participant {
    const DISCRIMINATOR: [u8; 8] = [32, 142, 108, 79, 247, 179, 54, 6];
}

const _: () = assert!(size_of::<Participant>() == 832);
const _: () = assert!(offset_of!(Participant, identity_from_epoch) == 112);
const _: () = assert!(offset_of!(Participant, karma) == 176);
const _: () = assert!(offset_of!(Participant, engine_class) == 296);
const _: () = assert!(offset_of!(Participant, secp256k1_address) == 456);
const _: () = assert!(offset_of!(Participant, capacity_from_epoch) == 480);
const _: () = assert!(offset_of!(Participant, weights) == 576);

impl Participant {
    /// `WrongIdentity` unless `signer` is the newest identity and signed.
    #[inline(always)]
    pub fn require_identity(&self, signer: &AccountView) -> Result<(), ProgramError> {
        require(signer.is_signer() && *signer.address().as_array() == self.identity, KarmaError::WrongIdentity)
    }

    /// who signs for this participant in an epoch.
    #[inline(always)]
    pub fn identity_in(&self, epoch: u64) -> &Key {
        if self.identity_from_epoch <= epoch {
            &self.identity
        } else {
            &self.previous_identity
        }
    }

    #[inline(always)]
    pub fn require_role(&self, role: u8) -> Result<(), ProgramError> {
        require(self.role == role, KarmaError::WrongRole)
    }

    /// `BadOwner` unless `signer` is the owner and signed.
    #[inline(always)]
    pub fn require_owner(&self, signer: &AccountView) -> Result<(), ProgramError> {
        require(signer.is_signer() && *signer.address().as_array() == self.owner, KarmaError::BadOwner)
    }

    /// The checks that every duty of a validator begins with: role, identity, a weight in `epoch`, and karma above the floor of
    /// old clusters. Returns the weight.
    #[inline(always)]
    pub fn require_active_validator(
        &self,
        signer: &AccountView,
        config: &Config,
        epoch: u64,
    ) -> Result<u64, ProgramError> {
        self.require_role(VALIDATOR)?;
        self.require_identity(signer)?;
        let weight = self.weights.at(epoch)?;
        require(weight > 0, KarmaError::NotActive)?;
        if epoch >= config.parameter_in(place::KARMA_FLOOR_FROM_EPOCH, epoch) {
            let floor = config.parameter_in(place::VALIDATOR_KARMA_FLOOR, epoch);
            require(self.karma[VALIDATION] >= floor, KarmaError::NotActive)?;
            // P-28
        }
        Ok(weight)
    }

    /// The capacity that the newest declaration gives.
    #[inline(always)]
    pub fn newest_capacity(&self) -> u64 {
        u64::from(self.capacity[1])
    }

    /// P-28: the weight that today's units give: what they are worth in lamports, or 0 if the owner's own part is below what the
    /// role asks for.
    #[inline(never)]
    pub fn earned_weight(&self, config: &Config) -> Result<u64, ProgramError> {
        let own = value_of(self.own_units, self.slash_index)?;
        if self.own_units == 0 || own < self.minimum(config)? {
            return Ok(0);
        }
        let lamports = value_of(self.units[0], self.slash_index)?;
        let tokens = value_of(self.units[1], self.slash_index)?;
        add(lamports, Share::of_rate(config.token_rate).of(tokens)?)
    }

    /// Lamports that the owner itself must have staked (P-03 to P-05).
    #[inline(always)]
    pub fn minimum(&self, config: &Config) -> Result<u64, ProgramError> {
        match self.role {
            WORKER => mul(config.parameters.min_worker_bond, self.newest_capacity()),
            VALIDATOR => Ok(config.parameters.min_validator_bond),
            _ => Ok(config.parameters.min_gateway_bond),
        }
    }

    /// P-28: after units, capacity or their worth have changed: the new weight holds from the next epoch on, for this
    /// participant and, of a validator, in the sum of all.
    #[inline(never)]
    pub fn update_weight(&mut self, config: &mut Config, slot: u64) -> Result<(), ProgramError> {
        let from = config.active_from(slot)?;
        let before = self.weights.newest();
        let after = self.earned_weight(config)?;
        self.weights.set(from, after);
        if self.role == VALIDATOR {
            config.replace_stake(from, before, after)?;
        }
        Ok(())
    }

    /// P-31: units that share a reward: those of tokens count by the cluster's rate.
    #[inline(always)]
    pub fn earning_units(&self, token_rate: u64) -> Result<u64, ProgramError> {
        add(self.units[0], Share::of_rate(token_rate).of(self.units[1])?)
    }

    /// P-31: lamports that this account is about to receive: the owner's commission, and the rest to the units that count. What
    /// is not divisible stays in the account and is nobody's.
    #[inline(never)]
    pub fn take_reward(&mut self, lamports: u64, epoch: u64, token_rate: u64) -> Result<(), ProgramError> {
        if lamports == 0 {
            return Ok(());
        }
        let commission_bps = self.commission_bps[usize::from(epoch >= self.commission_from_epoch)];
        let units = self.earning_units(token_rate)?;
        let commission =
            if units == 0 { lamports } else { mul_div(lamports, u64::from(commission_bps), BASIS_POINTS)? };
        self.commission_lamports = add(self.commission_lamports, commission)?;
        if units > 0 {
            let rest = sub(lamports, commission)?;
            self.reward_per_unit = accumulate(self.reward_per_unit, per_unit(rest, units))?;
            self.reward_lamports = add(self.reward_lamports, rest)?;
        }
        Ok(())
    }

    /// Whether nothing of the stake was ever slashed.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        self.slash_index == WHOLE
    }
}
