//! `record_beacon`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, BEACON_RECORDED},
    math::checked::add,
    state::{
        config::Config,
        epoch::{self, Epoch},
        read, write, Key,
    },
    verify::records,
};
use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};

const SLOT_HASHES: Address = Address::from_str_const("SysvarS1otHashes111111111111111111111111111");

/// The sysvar holds at most this many slots.
const MAX_ENTRIES: usize = 512;
/// Slot u64 and hash.
const ENTRY_BYTES: usize = 40;

/// P-15: records the beacon from the first slot at or after its target, or, when SlotHashes has forgotten that slot, moves the
/// target to a fixed later one. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | epochAccount | writable | |
/// | 1 | config | | |
/// | 2 | slotHashes | | the sysvar |
///
/// Arguments: epoch u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    cx.arguments.finish()?;
    let [epoch_account, config, slot_hashes, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let slot = current_slot()?;
    let beacon = {
        let config = read::<Config>(config, cx.program)?;
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        account.require_epoch(number)?;
        account.require_state(epoch::ATTESTED)?; // P-15
        let target = account.beacon_target_slot;
        require(slot > target, KarmaError::TooEarly)?; // P-15
        require(*slot_hashes.address() == SLOT_HASHES, KarmaError::BadPda)?;
        match first_at_or_after(slot_hashes, target)? {
            Found::Forgotten => {
                // P-15: the smallest multiple of 512 that reaches this slot, so that nobody chooses the new target.
                let behind = slot - target;
                account.beacon_target_slot = add(target, ((add(behind, 511)?) >> 9) << 9)?;
                return Ok(());
            }
            Found::Entry { slot: of, hash } => {
                let beacon = records::beacon(&config.domain, epoch, &hash, &account.salt_accumulator)?;
                account.beacon = beacon;
                account.beacon_slot = of;
                account.state = epoch::BEACON;
                beacon
            }
        }
    };
    Event::new(BEACON_RECORDED).u64(number).key(&beacon).emit()
}

enum Found {
    /// The oldest slot that the sysvar holds is already later than the target.
    Forgotten,
    Entry {
        slot: u64,
        hash: Key,
    },
}

/// The hash of the first slot at or after `target`. The sysvar lists slots from the newest to the oldest behind a u64 count;
/// skipped slots have no entry. `TooEarly` while no such slot has a hash.
#[inline(never)]
fn first_at_or_after(slot_hashes: &AccountView, target: u64) -> Result<Found, ProgramError> {
    let data = slot_hashes.try_borrow()?;
    let (count, entries) = data.split_first_chunk::<8>().ok_or(KarmaError::BadPda)?;
    let count = u64::from_le_bytes(*count).min(MAX_ENTRIES as u64) as usize;
    let mut entries = entries.chunks_exact(ENTRY_BYTES).take(count);
    let mut best: Option<&[u8]> = None;
    let mut reached = false;
    for entry in &mut entries {
        let slot = slot_of(entry)?;
        if slot < target {
            reached = true;
            break;
        }
        best = Some(entry);
        if slot == target {
            reached = true;
            break;
        }
    }
    let Some(entry) = best else { return Err(KarmaError::TooEarly.into()) };
    if !reached {
        return Ok(Found::Forgotten);
    }
    let hash = entry[8..].first_chunk::<32>().ok_or(KarmaError::BadPda)?;
    Ok(Found::Entry { slot: slot_of(entry)?, hash: *hash })
}

#[inline(always)]
fn slot_of(entry: &[u8]) -> Result<u64, ProgramError> {
    Ok(u64::from_le_bytes(*entry.first_chunk::<8>().ok_or(KarmaError::BadPda)?))
}
