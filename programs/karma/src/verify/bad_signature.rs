//! P-48: what shows that a closed set has a record that its worker did not sign, read from a buffer. Whose key it is follows from the
//! candidates of the same manifest, so that who attested it attested both, and no rotation since then changes it.
use super::{
    ed25519::{holds, Signature},
    hash::{
        kind::{RECEIPT, REFUSAL, SEAL},
        sha256,
    },
    sum_path::{follow, Place, SumNode},
};
use crate::{
    error::{require, KarmaError},
    instruction::Arguments,
    state::{config::Config, epoch::Epoch, Key},
};
use pinocchio::{error::ProgramError, ProgramResult};

// Sizes of fields (docs/protocol.md, F-20 to F-28).
const TICKET_BYTES: usize = 129;
const DISPATCH_BYTES: usize = 153;
const SEAL_BYTES: usize = 104;
const RECEIPT_BYTES: usize = 152;
const REFUSAL_BYTES: usize = 73;
const TIMEOUT_BYTES: usize = 73;
const OUTCOME_BYTES: usize = 113;
const SIGNATURE_BYTES: usize = 64;
/// Beside a seal stands when it arrived, beside a receipt its body (E-01).
const ARRIVED_BYTES: usize = 8;
const BODY_BYTES: usize = 209;
/// no list of an entry is longer.
const MAX_DRAWN: u32 = 8;

/// Where the dispatch says which candidates its worker was drawn from.
struct Drawn<'a> {
    slot: u64,
    model: &'a [u8],
    engine_class: &'a [u8],
}

/// A record of an entry with its signature.
#[derive(Clone, Copy)]
struct Record<'a> {
    kind: u8,
    fields: &'a [u8],
    signature: &'a [u8],
}

impl Record<'_> {
    /// In all three kinds it stands behind the dispatch's hash.
    #[inline(always)]
    fn worker(&self) -> &[u8] {
        &self.fields[32..64]
    }
}

struct Entry<'a> {
    hash: Key,
    drawn: Drawn<'a>,
    record: Record<'a>,
}

/// An entry whole (E-01), of which one record is asked for: by the list of its kind and the place in that list.
#[inline(never)]
fn read_entry<'a>(fields: &mut Arguments<'a>) -> Result<Entry<'a>, ProgramError> {
    let (kind, place) = (fields.u8()?, fields.u8()?);
    let start = fields.rest();
    fields.slice(TICKET_BYTES + SIGNATURE_BYTES)?;
    let dispatch = fields.slice(DISPATCH_BYTES)?;
    fields.slice(SIGNATURE_BYTES)?;
    let mut asked = None;
    for (list, size, beside) in [
        (SEAL, SEAL_BYTES, ARRIVED_BYTES),
        (RECEIPT, RECEIPT_BYTES, BODY_BYTES),
        (REFUSAL, REFUSAL_BYTES, 0),
        (0, TIMEOUT_BYTES, 0),
    ] {
        let count = fields.u32()?;
        require(count <= MAX_DRAWN, KarmaError::BadEvidence)?; // E-01
        for i in 0..count {
            let record = Record { kind: list, fields: fields.slice(size)?, signature: fields.slice(SIGNATURE_BYTES)? };
            fields.slice(beside)?;
            if list != 0 && list == kind && i == u32::from(place) {
                asked = Some(record);
            }
        }
    }
    fields.slice(OUTCOME_BYTES + SIGNATURE_BYTES)?;
    let length = start.len() - fields.rest().len();
    let record = asked.ok_or(KarmaError::BadEvidence)?; // P-48
    let mut slot = [0; 8];
    slot.copy_from_slice(&dispatch[40..48]);
    let drawn = Drawn { slot: u64::from_le_bytes(slot), model: &dispatch[80..112], engine_class: &dispatch[112..144] };
    Ok(Entry { hash: sha256(&[&start[..length]])?, drawn, record })
}

/// A closed set and its cluster.
struct Set<'a> {
    domain: &'a Key,
    closed: &'a Epoch,
}

/// E-32: the entry stands in the set.
#[inline(never)]
fn require_in_set(set: &Set, entry: &Key, fields: &mut Arguments) -> ProgramResult {
    let Set { domain, closed } = *set;
    let place = Place { index: fields.u32()?, count: closed.entry_count };
    let price = fields.u64()?;
    let leaf = sha256(&[&[0], domain, &closed.epoch.to_le_bytes(), entry])?;
    let root = follow::<1>(SumNode { hash: leaf, sums: [price] }, &place, fields)?;
    require(root.hash == closed.receipt_set_root, KarmaError::BadPath) // P-48
}

/// the identity that the set's candidates give the worker, in the entry's epoch, for its class and model.
#[inline(never)]
fn read_identity<'a>(
    set: &Set,
    epoch: u64,
    entry: &Entry,
    fields: &mut Arguments<'a>,
) -> Result<&'a Key, ProgramError> {
    let (domain, Entry { drawn, record, .. }) = (set.domain, entry);
    let epoch = epoch.to_le_bytes();
    let count = fields.bytes::<4>()?;
    let place = Place { index: fields.u32()?, count: u32::from_le_bytes(*count) };
    let index = fields.bytes::<4>()?;
    let identity = fields.bytes::<32>()?;
    let weight = fields.bytes::<8>()?;
    let leaf = sha256(&[&[0], domain, &epoch, record.worker(), index, identity, weight])?;
    let group = follow::<1>(SumNode { hash: leaf, sums: [u64::from_le_bytes(*weight)] }, &place, fields)?;
    let leaf = sha256(&[&[0], domain, &epoch, drawn.engine_class, drawn.model, count, &group.hash])?;
    // How many groups there are the chain does not know; a leaf's and a node's preimages begin with different bytes, so that no
    // other height leads to the root.
    let place = Place { index: fields.u32()?, count: fields.u32()? };
    let root = follow::<1>(SumNode { hash: leaf, sums: group.sums }, &place, fields)?;
    require(root.hash == set.closed.candidates_root, KarmaError::BadPath)?; // P-48
    Ok(identity)
}

/// P-48: true if the evidence leads to a record of the set that the worker's identity did not sign.
#[inline(never)]
pub fn is_bad_signature(config: &Config, closed: &Epoch, fields: &mut Arguments) -> Result<bool, ProgramError> {
    let set = Set { domain: &config.domain, closed };
    let entry = read_entry(fields)?;
    let epoch = config.epoch_at(entry.drawn.slot).ok_or(KarmaError::BadEvidence)?; // E-10
    require_in_set(&set, &entry.hash, fields)?;
    let key = read_identity(&set, epoch, &entry, fields)?;
    let Record { kind, fields: signed, signature } = entry.record;
    let message = sha256(&[set.domain, &[kind], signed])?;
    let (r, s) = signature.split_at(32);
    let halves = (r.first_chunk(), s.first_chunk());
    let (Some(r), Some(s)) = halves else { return Err(KarmaError::BadEvidence.into()) };
    Ok(!holds(&Signature { key, message: &message, r, s })?)
}
