//! `register_layer`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, LAYER_REGISTERED},
    seeds,
    state::{
        config::Config,
        create::{create, Creation},
        layer::Layer,
        model_keys::ModelKeys,
        read, write,
    },
    verify::{
        groth16::{decompress, key_bytes, CompressedKey, MAX_KEY_BYTES},
        hash::sha256,
        proofs::{layer_key_leaf, LayerKeyName},
        sum_path::{follow, Place, SumNode},
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-24: stores the verifying key of one operator under keys that were admitted, by its path under their root. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | pays the rent, which stays |
/// | 1 | config | | |
/// | 2 | modelKeys | | |
/// | 3 | layer | writable | `["layer", modelKeys, operator u32le]` |
/// | 4 | system program | | |
///
/// Arguments: operator u32, contextIndex u8, alpha [32], beta [64], gamma [64], delta [64], inputs vec of [32], path vec of [32].
/// The points are compressed, so that they and the path fit a transaction.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let operator = cx.arguments.bytes::<4>()?;
    let context_index = cx.arguments.u8()?;
    let key = CompressedKey {
        alpha: cx.arguments.bytes()?,
        beta: cx.arguments.bytes()?,
        gamma: cx.arguments.bytes()?,
        delta: cx.arguments.bytes()?,
        inputs: cx.arguments.items()?,
    };
    let [payer, config, model_keys, layer, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let model_keys_key = *model_keys.address().as_array();
    let mut points = [0u8; MAX_KEY_BYTES];
    let (signal_count, key_id) = {
        let config = read::<Config>(config, cx.program)?;
        let keys = read::<ModelKeys>(model_keys, cx.program)?;
        require(keys.is_admitted(), KarmaError::NotAdmitted)?; // P-24
        let signals = decompress(&key, &mut points)?; // P-24, Z-20
        require((context_index as usize) < signals, KarmaError::BadKey)?; // P-24
        let key_id = sha256(&[&points[..key_bytes(signals)]])?;
        let name = LayerKeyName { model_id: &keys.model_id, operator, context_index, key_id: &key_id };
        let leaf = SumNode::<0> { hash: layer_key_leaf(&config.domain, &name)?, sums: [] };
        let place = Place { index: u32::from_le_bytes(*operator), count: keys.key_count };
        let root = follow(leaf, &place, &mut cx.arguments)?; // P-24, T-02
        cx.arguments.finish()?;
        require(root.hash == keys.keys_root, KarmaError::BadPath)?; // P-24
        (signals as u8, key_id)
    };

    let bump = create::<Layer>(&mut Creation {
        program: cx.program,
        payer,
        account: layer,
        lamports: 0,
        seeds: &[seeds::LAYER, &model_keys_key, operator],
    })?;
    let mut account = write::<Layer>(layer, cx.program)?;
    account.model_keys = model_keys_key;
    account.operator = u32::from_le_bytes(*operator);
    account.context_index = context_index;
    account.signal_count = signal_count;
    account.bump = bump;
    account.key_id = key_id;
    account.key = points;
    drop(account);

    Event::new(LAYER_REGISTERED).key(&model_keys_key).u32(u32::from_le_bytes(*operator)).key(&key_id).emit()
}
