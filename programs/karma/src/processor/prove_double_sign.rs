//! `prove_double_sign`
use super::{
    current_slot,
    file_case::{file, Filing, Offence},
};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    math::checked::add,
    state::{
        case::DOUBLE_SIGN,
        config::Config,
        finding::{self, Shown},
        participant::{Participant, GATEWAY, VALIDATOR, WORKER},
        read, Key,
    },
    verify::{
        evidence::offence_key,
        hash::{
            kind::{BATCH, RECEIPT, TICKET, VERDICT},
            sha256,
        },
        signed_headers,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// What a kind of record is about, as places in its fields (docs/protocol.md, F-20 to F-31).
struct Kind {
    size: usize,
    role: u8,
    participant_at: usize,
    epoch_at: Option<usize>,
    /// What no two honest records of one participant share.
    key: [(usize, usize); 2],
}

impl Kind {
    /// P-42, P-44: the name of the offence of signing another record in this one's place.
    #[inline(never)]
    fn offence(&self, number: &[u8; 1], fields: &[u8]) -> Result<Key, ProgramError> {
        let [(a, b), (c, d)] = self.key;
        offence_key(DOUBLE_SIGN, &[number, &fields[a..b], &fields[c..d]])
    }
}

#[inline(always)]
fn kind_of(number: u8) -> Option<Kind> {
    Some(match number {
        // E-34: worker, epoch, counter.
        RECEIPT => Kind { size: 152, role: WORKER, participant_at: 32, epoch_at: Some(64), key: [(32, 80), (0, 0)] },
        // U-08: epoch, entryHash; validator, attempt.
        VERDICT => {
            Kind { size: 140, role: VALIDATOR, participant_at: 72, epoch_at: Some(0), key: [(0, 40), (72, 105)] }
        }
        // E-33: gateway, ticketNumber.
        TICKET => Kind { size: 129, role: GATEWAY, participant_at: 32, epoch_at: None, key: [(32, 72), (0, 0)] },
        // F-30: producer, sequence.
        BATCH => Kind { size: 124, role: GATEWAY, participant_at: 0, epoch_at: Some(40), key: [(0, 40), (0, 0)] },
        _ => return None,
    })
}

/// P-44: two records of one kind by one participant that exclude each other. The Ed25519 program checks their signatures in the
/// instruction before this one. The domain and the kind are not taken from the evidence but put before the fields here, so
/// that a record of another cluster or another kind has another hash than the one that was signed.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | finder | signer, writable | pays the case's rent; gets the finding's back |
/// | 1 | config | | |
/// | 2 | offender | writable | participant |
/// | 3 | finding | writable | `["finding", finder, commitment]` |
/// | 4 | case | writable | `["case", offender, offenceKey]` |
/// | 5 | instructions | | the sysvar |
/// | 6 | system program | | |
///
/// Arguments: salt [32], kind u8, first vec of u8, second vec of u8: the fields of the two records.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let salt = cx.arguments.bytes::<32>()?;
    let number = cx.arguments.bytes::<1>()?;
    let first = vector(cx)?;
    let second = vector(cx)?;
    cx.arguments.finish()?;
    let [finder, config, offender, finding, case, instructions, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let kind = kind_of(number[0]).ok_or(KarmaError::BadEvidence)?; // P-44
    require(first.len() == kind.size && second.len() == kind.size, KarmaError::BadEvidence)?; // P-44
    let slot = current_slot()?;
    let finder_key = *finder.address().as_array();
    let offender_key = *offender.address().as_array();
    let (key, bps, epoch) = {
        let config = read::<Config>(config, cx.program)?;
        let epoch = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
        let evidence = sha256(&[number, first, second])?;
        let shown = Shown { domain: &config.domain, evidence: &evidence, salt, slot, program: cx.program };
        finding::require_committed(finder, finding, &shown)?; // P-41

        let signed = signed_headers::read(instructions)?; // P-44
        let messages = [sha256(&[&config.domain, number, first])?, sha256(&[&config.domain, number, second])?];
        require(signed.messages == messages, KarmaError::BadEvidence)?; // P-44
        require(messages[0] != messages[1], KarmaError::NotAnOffence)?; // P-44
        let offence = kind.offence(number, first)?;
        require(kind.offence(number, second)? == offence, KarmaError::NotAnOffence)?; // P-44
        let offender = read::<Participant>(offender, cx.program)?;
        offender.require_role(kind.role)?; // P-44
        require(first[kind.participant_at..kind.participant_at + 32] == offender_key, KarmaError::BadEvidence)?; // P-44
        let span = config.parameters.cool_down_epochs;
        for fields in [first, second] {
            let signer = Signer { offender: &offender, key: &signed.signer, epoch, span };
            signer.require_of(fields, kind.epoch_at)?; // P-44
        }
        (offence, config.parameters.double_sign_bps, epoch)
    };

    file(
        &mut Filing { program: cx.program, payer: finder, offender, case },
        &Offence { kind: DOUBLE_SIGN, key: &key, bps, finder: &finder_key, harmed: &[0; 32], epoch },
    )?;
    finding::end(finder, finding)
}

#[inline(always)]
fn vector<'a>(cx: &mut Context<'a>) -> Result<&'a [u8], ProgramError> {
    let length = cx.arguments.u32()? as usize;
    cx.arguments.slice(length)
}

/// Whose key signed.
struct Signer<'a> {
    offender: &'a Participant,
    key: &'a Key,
    /// The current epoch, and for how many a stake answers.
    epoch: u64,
    span: u64,
}

impl Signer<'_> {
    /// `BadEvidence` unless the key is the participant's in the record's epoch. A record that names none (a ticket) is
    /// answered for by the identity, and by the one before it as long as stake of its time may be there. `TooLate` for
    /// records older than that: stake of that time is gone, and old keys get lost.
    #[inline(never)]
    fn require_of(&self, fields: &[u8], epoch_at: Option<usize>) -> ProgramResult {
        let Self { offender, key, epoch, span } = *self;
        let is_newest = *key == offender.identity;
        let is_previous = *key == offender.previous_identity;
        let Some(at) = epoch_at else {
            let lasts = epoch <= add(offender.identity_from_epoch, span)?;
            return require(is_newest || (is_previous && lasts), KarmaError::BadEvidence);
        };
        let bytes = fields.get(at..at + 8).and_then(|bytes| bytes.first_chunk()).ok_or(KarmaError::BadEvidence)?;
        let of = u64::from_le_bytes(*bytes);
        require(of.saturating_add(span) >= epoch, KarmaError::TooLate)?;
        require(*key == *offender.identity_in(of), KarmaError::BadEvidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{bytes, key, read};

    #[test]
    fn p_44_offence_keys() {
        let vectors = read("evidence");
        let rows = vectors["doubleSigns"].as_array().unwrap();
        assert_eq!(rows.len(), 4);
        for v in rows {
            let number = v["kind"].as_u64().unwrap() as u8;
            let kind = kind_of(number).unwrap();
            let fields = bytes(&v["encoded"]);
            assert_eq!(fields.len(), kind.size, "{v}");
            assert_eq!(kind.offence(&[number], &fields).unwrap(), key(&v["offenceKey"]), "{v}");
            let of = ["worker", "validator", "gateway", "producer"].map(|name| &v["fields"][name]);
            let participant = of.into_iter().find(|field| field.is_string()).unwrap();
            assert_eq!(fields[kind.participant_at..kind.participant_at + 32], key(participant), "{v}");
            if let Some(at) = kind.epoch_at {
                assert_eq!(fields[at..at + 8], 7u64.to_le_bytes(), "{v}");
            }
        }
    }
}
