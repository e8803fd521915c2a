//! Stake: what one staker has behind one participant, in lamports or in the cluster's token.
use super::{config::Parameters, participant::Participant, Account, Key};
use crate::{
    error::{require, KarmaError},
    math::{
        checked::{add, sub},
        mul_div::{mul, mul_div},
        rewards::earned,
        units::Share,
    },
};
use core::mem::{offset_of, size_of};
use pinocchio::{error::ProgramError, AccountView};

/// What a stake is counted in.
pub const LAMPORTS: u8 = 0;
pub const TOKENS: u8 = 1;

#[repr(C)]
pub struct Stake {
    pub discriminator: [u8; 8],
    pub participant: Key,
    pub staker: Key,
    pub asset: u8,
    pub bump: u8,
    pub padding0: [u8; 6],
    pub units: u64,
    /// The participant's `reward_per_unit` when this account was last brought up to date.
    pub reward_per_unit: [u64; 2],
    /// Lamports earned up to then and not collected.
    pub reward_lamports: u64,
    /// Units on their way out, all of the last request, and those of them that were paid out.
    pub unbonding_units: u64,
    pub released_units: u64,
    pub unbonding_from_slot: u64,
    pub reserved: [u8; 48],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Stake {
    const DISCRIMINATOR: [u8; 8] = [150, 197, 176, 29, 55, 132, 112, 149];
}

const _: () = assert!(size_of::<Stake>() == 184);
const _: () = assert!(offset_of!(Stake, units) == 80);
const _: () = assert!(offset_of!(Stake, unbonding_units) == 112);

impl Stake {
    /// `BadPda` unless this is a stake behind `participant`.
    #[inline(always)]
    pub fn require_of(&self, participant: &Key) -> Result<(), ProgramError> {
        require(self.participant == *participant, KarmaError::BadPda)
    }

    /// `BadOwner` unless `signer` is the staker and signed.
    #[inline(always)]
    pub fn require_staker(&self, signer: &AccountView) -> Result<(), ProgramError> {
        require(signer.is_signer() && *signer.address().as_array() == self.staker, KarmaError::BadOwner)
    }

    /// Which of the participant's counters this stake is a part of.
    #[inline(always)]
    pub fn kind(&self) -> usize {
        usize::from(self.asset != LAMPORTS)
    }

    /// Units on their way out that were not paid yet.
    #[inline(always)]
    pub fn unpaid_units(&self) -> Result<u64, ProgramError> {
        sub(self.unbonding_units, self.released_units)
    }

    /// P-30: units that are on their way out from `slot` on. What an earlier request left unpaid starts again with them: a second
    /// clock would need a second place, and whoever asks again can withdraw what is released before.
    #[inline(always)]
    pub fn begin_release(&mut self, units: u64, slot: u64) -> Result<(), ProgramError> {
        self.unbonding_units = add(self.unpaid_units()?, units)?;
        self.released_units = 0;
        self.unbonding_from_slot = slot;
        Ok(())
    }

    /// P-30: takes the units that may leave by `slot`, and returns how many. None are kept for longer than the cool-down, and none
    /// leave while evidence against what was done under this stake is still taken: an offender would be faster than the proof.
    #[inline(never)]
    pub fn release(&mut self, parameters: &Parameters, slot: u64) -> Result<u64, ProgramError> {
        let passed = sub(slot, self.unbonding_from_slot)?;
        let held = mul(parameters.evidence_epochs, parameters.slots_per_epoch)?;
        let whole = mul(parameters.cool_down_epochs, parameters.slots_per_epoch)?;
        let released = if passed >= whole {
            self.unbonding_units
        } else {
            mul_div(self.unbonding_units, passed.saturating_sub(held), sub(whole, held)?)?
        };
        // A vote may have made the cool-down longer meanwhile, so that more is out than would be by now.
        let units = released.saturating_sub(self.released_units);
        self.released_units = add(self.released_units, units)?;
        if self.released_units == self.unbonding_units {
            self.unbonding_units = 0;
            self.released_units = 0;
            self.unbonding_from_slot = 0;
        }
        Ok(units)
    }

    /// Units that earn: those of tokens count by the cluster's rate.
    #[inline(always)]
    pub fn earning_units(&self, token_rate: u64) -> Result<u64, ProgramError> {
        match self.asset {
            LAMPORTS => Ok(self.units),
            _ => Share::of_rate(token_rate).of(self.units),
        }
    }

    /// P-31: adds what this stake earned since it was last touched. To be called before its units change.
    #[inline(never)]
    pub fn sync_rewards(&mut self, participant: &Participant, token_rate: u64) -> Result<(), ProgramError> {
        let units = self.earning_units(token_rate)?;
        let due = earned(units, self.reward_per_unit, participant.reward_per_unit)?;
        self.reward_lamports = add(self.reward_lamports, due)?;
        self.reward_per_unit = participant.reward_per_unit;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `units` on their way out since slot 1,000 of a cluster whose stakes leave from 64 to 256 slots later.
    fn leaving(units: u64) -> (Stake, Parameters) {
        // SAFETY: both structures are integers and bytes only.
        let (mut stake, mut parameters): (Stake, Parameters) = unsafe { (core::mem::zeroed(), core::mem::zeroed()) };
        stake.begin_release(units, 1_000).unwrap();
        parameters.slots_per_epoch = 64;
        parameters.evidence_epochs = 1;
        parameters.cool_down_epochs = 4;
        (stake, parameters)
    }

    #[test]
    fn p_30_units_leave_evenly_once_no_evidence_is_taken() {
        for units in [1, 2, 191, 192, 193, 1_000_000_007, u64::MAX] {
            let (mut stake, parameters) = leaving(units);
            let mut left = 0;
            for passed in 0..=300 {
                if stake.unbonding_units == 0 {
                    break;
                }
                left += stake.release(&parameters, 1_000 + passed).unwrap();
                let exact = units as u128 * (passed.clamp(64, 256) - 64) as u128 / 192;
                assert_eq!(left as u128, exact, "{units} after {passed}");
                assert_eq!(stake.release(&parameters, 1_000 + passed).unwrap(), 0);
            }
            assert_eq!(left, units);
        }
    }

    #[test]
    fn p_30_a_second_request_starts_the_unpaid_rest_again() {
        let (mut stake, parameters) = leaving(192);
        assert_eq!(stake.release(&parameters, 1_000 + 64 + 100).unwrap(), 100);
        stake.begin_release(8, 1_200).unwrap();
        assert_eq!((stake.unbonding_units, stake.released_units, stake.unbonding_from_slot), (100, 0, 1_200));
        assert_eq!(stake.release(&parameters, 1_256).unwrap(), 0);
        assert_eq!(stake.release(&parameters, 1_456).unwrap(), 100);
    }

    #[test]
    fn p_30_a_longer_cool_down_takes_nothing_back() {
        let (mut stake, mut parameters) = leaving(192);
        assert_eq!(stake.release(&parameters, 1_160).unwrap(), 96);
        parameters.cool_down_epochs = 8;
        assert_eq!(stake.release(&parameters, 1_200).unwrap(), 0);
        assert_eq!(stake.unpaid_units().unwrap(), 96);
        assert_eq!(stake.release(&parameters, 1_512).unwrap(), 96);
    }

    #[test]
    fn p_30_a_slot_before_the_request_is_refused() {
        let (mut stake, parameters) = leaving(192);
        assert!(stake.release(&parameters, 999).is_err());
    }
}
