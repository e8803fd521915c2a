//! `attest_keys`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, KEYS_ATTESTED},
    math::{
        checked::{add, increment},
        quorum::is_quorum,
    },
    seeds,
    state::{
        config::Config,
        create::{create, Creation},
        key_attestation::KeyAttestation,
        model_keys::{ModelKeys, MAX_KEYS},
        participant::Participant,
        read, write, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-23: a validator stands behind the verifying keys of a model's operators. With more than two thirds of the stake they are
/// admitted, for good. What was attested in an earlier epoch counts no more, since stake moves between epochs.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the validator's; pays the rent |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | modelKeys | writable | `["keys", modelId, keysRoot, keyCount u32le]` |
/// | 4 | attestation | writable | `["attestation", modelKeys, validator]` |
/// | 5 | system program | | |
///
/// Arguments: modelId [32], keysRoot [32], keyCount u32.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let model_id = cx.arguments.bytes::<32>()?;
    let keys_root = cx.arguments.bytes::<32>()?;
    let key_count = cx.arguments.bytes::<4>()?;
    cx.arguments.finish()?;
    let [identity, config, validator, model_keys, attestation, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let count = u32::from_le_bytes(*key_count);
    require((1..=MAX_KEYS).contains(&count), KarmaError::BadLength)?; // P-23
    let slot = current_slot()?;
    let (epoch, total_stake, stake) = {
        let config = read::<Config>(config, cx.program)?;
        let epoch = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?; // P-23
        let validator = read::<Participant>(validator, cx.program)?;
        let stake = validator.require_active_validator(identity, &config, epoch)?; // P-23
        (epoch, config.electorate(epoch)?.stake, stake)
    };

    if model_keys.is_data_empty() {
        let bump = create::<ModelKeys>(&mut Creation {
            program: cx.program,
            payer: identity,
            account: model_keys,
            lamports: 0,
            seeds: &[seeds::KEYS, model_id, keys_root, key_count],
        })?;
        let mut account = write::<ModelKeys>(model_keys, cx.program)?;
        account.model_id = *model_id;
        account.keys_root = *keys_root;
        account.key_count = count;
        account.admitted_epoch = NONE;
        account.bump = bump;
    }
    let model_keys_key = *model_keys.address().as_array();
    let validator_key = *validator.address().as_array();
    let mut account = write::<ModelKeys>(model_keys, cx.program)?;
    require(
        account.model_id == *model_id && account.keys_root == *keys_root && account.key_count == count,
        KarmaError::BadPda,
    )?;
    let was_admitted = account.is_admitted();
    // P-23: stake moves between epochs, so that what counts together is of one epoch.
    if !account.is_admitted() && account.counted_epoch != epoch {
        account.counted_epoch = epoch;
        account.attested_stake = 0;
        account.attestation_count = 0;
    }
    account.attested_stake = add(account.attested_stake, stake)?;
    account.attestation_count = increment(account.attestation_count)?;
    account.total_stake = total_stake;
    if !account.is_admitted() && is_quorum(account.attested_stake, total_stake) {
        account.admitted_epoch = epoch;
    }
    let (attested_stake, is_admitted) = (account.attested_stake, account.is_admitted());
    drop(account);

    if attestation.is_data_empty() {
        let bump = create::<KeyAttestation>(&mut Creation {
            program: cx.program,
            payer: identity,
            account: attestation,
            lamports: 0,
            seeds: &[seeds::ATTESTATION, &model_keys_key, &validator_key],
        })?;
        let mut account = write::<KeyAttestation>(attestation, cx.program)?;
        account.model_keys = model_keys_key;
        account.validator = validator_key;
        account.payer = *identity.address().as_array();
        account.bump = bump;
    } else {
        let account = read::<KeyAttestation>(attestation, cx.program)?;
        require(account.model_keys == model_keys_key && account.validator == validator_key, KarmaError::BadPda)?;
        require(account.epoch != epoch && !was_admitted, KarmaError::AlreadyVoted)?;
        // P-23
    }
    let mut account = write::<KeyAttestation>(attestation, cx.program)?;
    account.stake = stake;
    account.epoch = epoch;
    drop(account);

    Event::new(KEYS_ATTESTED).key(&model_keys_key).key(&validator_key).u64(attested_stake).u8(is_admitted as u8).emit()
}
