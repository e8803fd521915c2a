//! `verify_layer_proof`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, LAYER_PROVEN},
    math::checked::increment,
    seeds,
    state::{
        config::Config,
        create::{create_with, Creation},
        layer::Layer,
        model_keys::ModelKeys,
        proven::{self, Of, Proven},
        read, write, Key,
    },
    verify::{
        groth16::{self, Statement},
        proofs::{proof_context, statement_hash, ProofPlace},
    },
};
use pinocchio::{error::ProgramError, AccountView, ProgramResult};

const NO_STATEMENT: Key = [0; 32];

/// P-25: checks a proof of one operator of one token and records its statement. Each payer has a record of its own: a proof
/// is of whatever inputs its prover liked, so a shared record would let anybody take an operator's place with a true statement
/// about other inputs. Who reads a record compares its statements with those that it expects.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | whose record it is; pays its rent |
/// | 1 | config | | |
/// | 2 | modelKeys | | |
/// | 3 | layer | | `["layer", modelKeys, operator u32le]` |
/// | 4 | proven | writable | `["proven", modelKeys, entryHash, epoch u64le, position u32le, payer]` |
/// | 5 | system program | | |
///
/// Arguments: epoch u64, entryHash [32], position u32, operator u32, signals vec of [32], proof [256].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let entry_hash = cx.arguments.bytes::<32>()?;
    let position = cx.arguments.bytes::<4>()?;
    let operator = cx.arguments.bytes::<4>()?;
    let signals = cx.arguments.items::<32>()?;
    let proof = cx.arguments.bytes::<256>()?;
    cx.arguments.finish()?;
    let [payer, config, model_keys, layer, proven, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u32::from_le_bytes(*operator);
    let model_keys_key = *model_keys.address().as_array();
    let payer_key = *payer.address().as_array();
    let of = Of {
        model_keys: &model_keys_key,
        entry_hash,
        payer: &payer_key,
        epoch: u64::from_le_bytes(*epoch),
        position: u32::from_le_bytes(*position),
    };
    require(payer.is_signer(), KarmaError::WrongIdentity)?;
    let (current, key_count, recorded) = {
        let config = read::<Config>(config, cx.program)?;
        let current = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?; // P-25
        require(of.epoch <= current, KarmaError::TooEarly)?; // P-25
        let keys = read::<ModelKeys>(model_keys, cx.program)?;
        let layer = read::<Layer>(layer, cx.program)?;
        require(layer.model_keys == model_keys_key && layer.operator == number, KarmaError::BadPda)?;
        require(signals.len() == layer.signal_count as usize, KarmaError::BadSignals)?; // Z-21
        groth16::require_signals(signals)?; // Z-21
        let place = ProofPlace { epoch, entry_hash, model_id: &keys.model_id, position, operator };
        let context = proof_context(&config.domain, &place)?;
        require(signals.get(layer.context_index as usize) == Some(&context), KarmaError::WrongContext)?; // Z-41
        let recorded = recorded_statement(proven, cx.program, &of, number)?;
        (current, keys.key_count, recorded)
    };
    let statement = statement_hash(operator, signals)?; // Z-43
    let is_new = recorded == NO_STATEMENT;
    require(is_new || recorded == statement, KarmaError::OtherStatement)?; // P-25
    {
        let layer = read::<Layer>(layer, cx.program)?;
        groth16::verify(&Statement { key: &layer.key, signals, proof })?; // Z-22, Z-23
    }
    // Z-24: another proof of what is recorded holds, and changes nothing.
    if !is_new {
        return Ok(());
    }

    if proven.is_data_empty() {
        let creation = &mut Creation {
            program: cx.program,
            payer,
            account: proven,
            lamports: 0,
            seeds: &[seeds::PROVEN, &model_keys_key, entry_hash, epoch, position, &payer_key],
        };
        let bump = create_with::<Proven>(creation, key_count)?;
        let mut account = write::<Proven>(proven, cx.program)?;
        account.model_keys = model_keys_key;
        account.entry_hash = *entry_hash;
        account.payer = payer_key;
        account.epoch = of.epoch;
        account.position = of.position;
        account.bump = bump;
        account.key_count = key_count;
    }
    let mut account = write::<Proven>(proven, cx.program)?;
    account.recorded_epoch = current;
    account.proven_count = increment(account.proven_count)?;
    drop(account);
    proven::record(proven, number, &statement)?;

    Event::new(LAYER_PROVEN)
        .key(&model_keys_key)
        .key(&payer_key)
        .u64(of.epoch)
        .key(entry_hash)
        .u32(of.position)
        .u32(number)
        .key(&statement)
        .emit()
}

/// The operator's statement in the payer's record, zeros while there is none. `BadPda` if the record is another.
#[inline(always)]
fn recorded_statement(
    proven: &AccountView,
    program: &pinocchio::Address,
    of: &Of,
    operator: u32,
) -> Result<Key, ProgramError> {
    if proven.is_data_empty() {
        return Ok(NO_STATEMENT);
    }
    read::<Proven>(proven, program)?.require_of(of)?;
    proven::statement(proven, operator)
}
