//! `execute_case`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CASE_EXECUTED},
    math::{
        checked::{add, sub},
        mul_div::mul_div,
        slash::{Slash, Slashed},
        units::WHOLE,
    },
    state::{
        case::Case, config::Config, create::rent, escrow::Escrow, lamports::move_lamports, participant::Participant,
        read, write,
    },
};
use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};

const BASIS_POINTS: u64 = 10_000;
const SYSTEM: Address = Address::new_from_array([0; 32]);
/// Lamports on it are burned at the end of the slot.
const INCINERATOR: Address = Address::from_str_const("1nc1nerator11111111111111111111111111111111");

/// P-43: slashes an offender's stake after the delay, as far as this epoch's bound goes. What is beyond it waits for the next
/// epoch. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | config | writable | |
/// | 1 | offender | writable | participant |
/// | 2 | case | writable | |
/// | 3 | finder | writable | the case's |
/// | 4 | harmed | writable | the case's escrow; anything if it names none |
/// | 5 | incinerator | writable | burns the rest |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [config, offender, case, finder, harmed, incinerator, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let offender_key = *offender.address().as_array();
    let (slash, pays, key) = {
        let mut config = write::<Config>(config, cx.program)?;
        let mut case = write::<Case>(case, cx.program)?;
        require(case.offender == offender_key, KarmaError::BadPda)?; // P-43
        require(case.finder == *finder.address().as_array(), KarmaError::BadPda)?; // P-43
        let has_harmed = case.harmed != [0; 32];
        require(!has_harmed || case.harmed == *harmed.address().as_array(), KarmaError::BadPda)?; // P-43
        require(*incinerator.address() == INCINERATOR, KarmaError::BadPda)?; // P-43
        require(case.executed == 0, KarmaError::BadState)?; // P-43
        let epoch = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
        let from = add(case.filed_epoch, config.parameters.slash_delay_epochs)?;
        require(epoch >= from, KarmaError::CaseOpen)?; // P-43

        let mut offender = write::<Participant>(offender, cx.program)?;
        let slash = take(&mut offender, &mut config, &Order { left: case.left, epoch, slot })?;
        case.left = slash.left;
        case.slashed_lamports = add(case.slashed_lamports, slash.lamports)?;
        if slash.left == WHOLE {
            case.executed = 1;
            offender.open_cases = offender.open_cases.saturating_sub(1);
        }
        let parameters = &config.parameters;
        let to_harmed = if has_harmed && read::<Escrow>(harmed, cx.program).is_ok() { slash.lamports } else { 0 };
        let pays = Pays {
            finder: mul_div(slash.lamports, parameters.finder_share_bps, BASIS_POINTS)?,
            harmed: mul_div(to_harmed, parameters.harmed_share_bps, BASIS_POINTS)?,
        };
        (slash, pays, case.offence_key)
    };

    let to_finder = if can_take(finder, pays.finder)? { pays.finder } else { 0 };
    let burned = sub(sub(slash.lamports, to_finder)?, pays.harmed)?;
    move_lamports(offender, finder, to_finder)?;
    move_lamports(offender, harmed, pays.harmed)?;
    move_lamports(offender, incinerator, burned)?;
    let executed = slash.left == WHOLE;
    Event::new(CASE_EXECUTED)
        .key(&offender_key)
        .key(&key)
        .u64(slash.lamports)
        .u64(slash.weight)
        .u64(burned)
        .u8(executed as u8)
        .emit()
}

/// Lamports of a slash that are not burned.
struct Pays {
    finder: u64,
    harmed: u64,
}

struct Order {
    left: u64,
    epoch: u64,
    slot: u64,
}

/// P-43: lowers index and karma, counts what this epoch slashed, and has the new weight hold from the next epoch on.
/// `SlashCapped` if nothing more may be slashed in this epoch.
#[inline(never)]
fn take(offender: &mut Participant, config: &mut Config, order: &Order) -> Result<Slash, ProgramError> {
    if config.slash_epoch != order.epoch {
        config.slash_epoch = order.epoch;
        config.slashed_weight = 0;
    }
    let before = offender.slash_index;
    let slashed = Slashed {
        index: before,
        units: [
            add(offender.units[0], offender.unbonding_units[0])?,
            add(offender.units[1], offender.unbonding_units[1])?,
        ],
        token_rate: config.token_rate,
    };
    // A case must come to an end, or it would hold the stake behind its offender for good, when all validators have left.
    let all = config.stake.at(order.epoch)?.max(slashed.weight()?);
    let bound = mul_div(all, config.parameters.slash_cap_bps, BASIS_POINTS)?;
    let slash = slashed.by(order.left, bound.saturating_sub(config.slashed_weight))?;
    require(slash.left == WHOLE || slash.weight > 0, KarmaError::SlashCapped)?; // P-43
    config.slashed_weight = add(config.slashed_weight, slash.weight)?;
    offender.slash_index = slash.index;
    if before > slash.index {
        for i in 0..offender.karma.len() {
            offender.karma[i] = mul_div(offender.karma[i], slash.index, before)?;
        }
        let next = config.active_from(order.slot)?;
        if offender.weight_from_epoch < next {
            offender.weight_karma[0] = offender.weight_karma[1];
        }
        offender.weight_karma[1] = mul_div(offender.weight_karma[1], slash.index, before)?;
        offender.weight_from_epoch = next;
    }
    offender.update_weight(config, order.slot)?; // P-28
    Ok(slash)
}

/// True if lamports can be put on the finder's account without the runtime refusing the transaction: it is an ordinary one and
/// has, or will have, its rent. A finder may be the offender's friend and empty its account so that no slash goes through.
#[inline(always)]
fn can_take(finder: &AccountView, lamports: u64) -> Result<bool, ProgramError> {
    let ordinary = finder.owned_by(&SYSTEM) && finder.is_data_empty();
    Ok(ordinary && add(finder.lamports(), lamports)? >= rent(0)?)
}
