//! P-01 and P-36: what a parameter may be. The bounds are the program's, so that no vote leaves them.
use super::{
    config::{Parameters, PARAMETERS},
    epoch::KEPT_EPOCHS,
};
use crate::{
    error::{require, KarmaError},
    math::checked::add,
};
use pinocchio::ProgramResult;

const BASIS_POINTS: u64 = 10_000;
const ANY: u64 = u64::MAX;
/// Lamports: 1,000 SOL.
const MOST_BOND: u64 = 1_000_000_000_000;

/// Least, most, and whether a vote may change it. The length of an epoch is for good: every epoch's number follows from it.
pub const BOUNDS: [(u64, u64, bool); PARAMETERS] = [
    (64, 1 << 24, false),        // slotsPerEpoch
    (0, 1 << 16, true),          // closeDelaySlots
    (1, 1 << 16, true),          // proposerWindowSlots
    (1, 1 << 16, true),          // saltRevealSlots
    (2, 1 << 16, true),          // beaconDelaySlots
    (0, 1 << 20, true),          // auditSlots
    (0, 1 << 20, true),          // challengeSlots
    (1, MOST_BOND, true),        // minWorkerBond
    (1, 100 * MOST_BOND, true),  // minValidatorBond
    (1, 100 * MOST_BOND, true),  // minGatewayBond
    (5_000, 9_500, true),        // workerShareBps
    (100, 2_000, true),          // feeShareBps
    (0, 1 << 32, true),          // kappaMicroKarmaPerLamport
    (0, 1 << 40, true),          // seedingCapMicroKarma
    (0, 1 << 40, true),          // uptimeCapMicroKarma
    (0, 1 << 40, true),          // validationCapMicroKarma
    (64, 1 << 40, true),         // inferenceHalfLifeSlots
    (64, 1 << 40, true),         // seedingHalfLifeSlots
    (64, 1 << 40, true),         // uptimeHalfLifeSlots
    (64, 1 << 40, true),         // redundancyHalfLifeSlots
    (64, 1 << 40, true),         // validationHalfLifeSlots
    (1, 1 << 50, true),          // listPriceLamports
    (0, 2_000, true),            // voteShareBps
    (0, 2_000, true),            // auditShareBps
    (0, 2_000, true),            // gatewayShareBps
    (2, 4_096, true),            // coolDownEpochs
    (0, KEPT_EPOCHS - 1, true),  // evidenceEpochs
    (0, 1_024, true),            // slashDelayEpochs
    (100, BASIS_POINTS, true),   // slashCapBps
    (0, BASIS_POINTS, true),     // doubleSignBps
    (0, BASIS_POINTS, true),     // falseVoteBps
    (0, BASIS_POINTS, true),     // silenceBps
    (0, 2_000, true),            // finderShareBps
    (0, 5_000, true),            // harmedShareBps
    (1_000, BASIS_POINTS, true), // claimCapBps
    (1, 4_096, true),            // proposalDelayEpochs
    (0, 1 << 50, true),          // validatorKarmaFloor
    (0, ANY, true),              // karmaFloorFromEpoch
    (8, 1 << 20, true),          // challengeAnswerSlots
    (0, MOST_BOND, true),        // challengeBondLamports
];

/// `BadParameter` unless every parameter lies in its bounds and they fit each other. A salt that could still be revealed once
/// the beacon's slot hash is known would let its owner choose between two beacons; a stake that could leave before a slash is
/// executed would not be slashed.
#[inline(never)]
pub fn check(parameters: &Parameters) -> ProgramResult {
    for (value, (least, most, _)) in parameters.as_array().iter().zip(&BOUNDS) {
        require(least <= value && value <= most, KarmaError::BadParameter)?;
    }
    require(parameters.salt_reveal_slots < parameters.beacon_delay_slots, KarmaError::BadParameter)?;
    require(parameters.slash_delay_epochs < parameters.cool_down_epochs, KarmaError::BadParameter)?;
    require(parameters.evidence_epochs < parameters.cool_down_epochs, KarmaError::BadParameter)?;
    let paid_on = add(parameters.finder_share_bps, parameters.harmed_share_bps)?;
    require(paid_on <= BASIS_POINTS, KarmaError::BadParameter)?;
    let mut shares = add(parameters.worker_share_bps, parameters.fee_share_bps)?;
    for share in [parameters.vote_share_bps, parameters.audit_share_bps, parameters.gateway_share_bps] {
        shares = add(shares, share)?;
    }
    require(shares <= BASIS_POINTS, KarmaError::BadParameter)
}

/// P-36: `BadParameter` unless a vote may give the parameter at this place the value.
#[inline(never)]
pub fn require_votable(index: usize, value: u64) -> ProgramResult {
    let (least, most, is_votable) = BOUNDS.get(index).ok_or(KarmaError::BadParameter)?;
    require(*is_votable && *least <= value && value <= *most, KarmaError::BadParameter)
}
