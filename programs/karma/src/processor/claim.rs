//! `claim`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CLAIMED},
    math::{
        checked::{add, sub},
        decay::decay,
    },
    state::{
        config::Config,
        create::rent,
        epoch::{self, Epoch},
        lamports::move_lamports,
        participant::Participant,
        read,
        vault::Vault,
        write, Account,
    },
    verify::{
        records::{lifetime_leaf, LifetimeLeaf},
        sum_path::{follow, Place, SumNode},
    },
};
use pinocchio::{account::RefMut, error::ProgramError, ProgramResult};

const INFERENCE: usize = 0;
const REDUNDANCY: usize = 3;

/// P-21: syncs a participant's karma with a finalised root and pays what its owner is owed. Anyone may send it; the owner is paid.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer | pays the transaction only |
/// | 1 | config | | |
/// | 2 | epochAccount | | a finalised epoch |
/// | 3 | participant | writable | |
/// | 4 | owner | writable | the participant's |
/// | 5 | vault | writable | |
///
/// Arguments: epoch u64, index u32, lifetime [u64; 5], lifetimeOwed u64, receiptsRoot [32], path vec of hash [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let index = cx.arguments.u32()?;
    let counters = cx.arguments.bytes::<48>()?;
    let receipts_root = cx.arguments.bytes::<32>()?;
    let [payer, config, epoch_account, participant, owner, vault, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    require(payer.is_signer(), KarmaError::WrongIdentity)?;
    let number = u64::from_le_bytes(*epoch);
    let slot = current_slot()?;
    let participant_key = *participant.address().as_array();
    let sums: [u64; 6] = crate::instruction::Arguments::new(counters).u64s()?;
    let (paid, karma) = {
        let config = read::<Config>(config, cx.program)?;
        let account = read::<Epoch>(epoch_account, cx.program)?;
        let mut participant = write::<Participant>(participant, cx.program)?;
        account.require_epoch(number)?;
        require(account.state == epoch::FINALISED, KarmaError::NotFinalised)?; // P-21
        require(index == participant.index, KarmaError::BadPath)?; // P-21
        require(*owner.address().as_array() == participant.owner, KarmaError::BadOwner)?; // P-21

        // T-01
        let leaf = LifetimeLeaf { epoch, participant: &participant_key, counters, receipts_root };
        let hash = lifetime_leaf(&config.domain, &leaf)?;
        let place = Place { index, count: account.participant_count };
        let root = follow(SumNode { hash, sums: [] }, &place, &mut cx.arguments)?;
        cx.arguments.finish()?;
        require(root.hash == account.claims_root, KarmaError::BadPath)?; // P-21, T-06
        config.require_unpaused(slot)?; // P-37
        let vault = write::<Vault>(vault, cx.program)?;
        let paid = sync(&mut participant, vault, &Sync { sums: &sums, slot, config: &config })?;
        (paid, participant.karma)
    };
    require(sub(vault.lamports(), rent(Vault::SIZE)?)? >= paid, KarmaError::EscrowShort)?;
    move_lamports(vault, owner, paid)?;
    Event::new(CLAIMED)
        .u64(number)
        .key(&participant_key)
        .u64(paid)
        .u64(karma[0])
        .u64(karma[1])
        .u64(karma[2])
        .u64(karma[3])
        .u64(karma[4])
        .emit()
}

struct Sync<'a> {
    sums: &'a [u64; 6],
    slot: u64,
    config: &'a Config,
}

/// P-21: moves karma to this slot and adds what the lifetimes grew by. Returns the lamports to pay, which the vault has counted.
#[inline(never)]
fn sync(participant: &mut Participant, mut vault: RefMut<Vault>, with: &Sync) -> Result<u64, ProgramError> {
    let owed = with.sums[5];
    require(owed >= participant.lifetime_paid, KarmaError::StaleRoot)?; // P-21
    let due = owed - participant.lifetime_paid;
    let mut grew = false;
    for i in 0..5 {
        require(with.sums[i] >= participant.lifetime[i], KarmaError::StaleRoot)?; // P-21
        grew |= with.sums[i] > participant.lifetime[i];
    }
    require(grew || due > 0, KarmaError::AlreadyClaimed)?; // P-21

    let elapsed = sub(with.slot, participant.karma_slot)?;
    for i in 0..5 {
        let left = decay(participant.karma[i], elapsed, with.config.parameters.half_lives[i])?; // K-06
        participant.karma[i] = add(left, sub(with.sums[i], participant.lifetime[i])?)?;
        participant.lifetime[i] = with.sums[i];
    }
    participant.karma_slot = with.slot;
    let next = with.config.active_from(with.slot)?;
    if participant.weight_from_epoch < next {
        participant.weight_karma[0] = participant.weight_karma[1];
    }
    participant.weight_karma[1] = add(participant.karma[INFERENCE], participant.karma[REDUNDANCY])?;
    participant.weight_from_epoch = next;
    let current = with.config.epoch_at(with.slot).unwrap_or(0);
    let allowed = vault.claimable(with.config, current)?; // P-38
                                                          // P-38: karma comes whether or not there is money left in this epoch, because weights follow from it.
    require(grew || allowed > 0, KarmaError::ClaimsExhausted)?;
    let paid = due.min(allowed);
    participant.lifetime_paid = add(participant.lifetime_paid, paid)?;
    vault.paid = add(vault.paid, paid)?;
    vault.window_paid = add(vault.window_paid, paid)?;
    Ok(paid)
}
