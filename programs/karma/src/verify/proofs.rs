//! What a chain knows keys and proofs by (docs/proofs.md, Z-40 to Z-43), pinned by test/vectors/hashes.json. Integers come as the
//! little-endian bytes of the arguments.
use super::hash::sha256;
use crate::state::Key;
use pinocchio::error::ProgramError;

type Hashed = Result<Key, ProgramError>;

/// The key of one operator of a model, as the registry names it.
pub struct LayerKeyName<'a> {
    pub model_id: &'a Key,
    pub operator: &'a [u8; 4],
    /// Which of its signals, from 0, is the context.
    pub context_index: u8,
    pub key_id: &'a Key,
}

/// Z-40.
#[inline(always)]
pub fn layer_key_leaf(domain: &Key, name: &LayerKeyName) -> Hashed {
    sha256(&[&[0], domain, name.model_id, name.operator, &[name.context_index], name.key_id])
}

/// What one proof is for.
pub struct ProofPlace<'a> {
    pub epoch: &'a [u8; 8],
    pub entry_hash: &'a Key,
    pub model_id: &'a Key,
    pub position: &'a [u8; 4],
    pub operator: &'a [u8; 4],
}

/// Z-41: without its three highest bits, which leaves it below the field's order.
#[inline(always)]
pub fn proof_context(domain: &Key, place: &ProofPlace) -> Hashed {
    let mut context = sha256(&[
        b"karmesh:proof",
        domain,
        place.epoch,
        place.entry_hash,
        place.model_id,
        place.position,
        place.operator,
    ])?;
    context[0] &= 0x1f;
    Ok(context)
}

/// Z-43.
#[inline(always)]
pub fn statement_hash(operator: &[u8; 4], signals: &[Key]) -> Hashed {
    sha256(&[operator, signals.as_flattened()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{bytes, hashes, key, number};

    #[test]
    fn z_40_layer_key_leaf() {
        let vectors = hashes();
        let v = &vectors["layerKeyLeaf"];
        let leaf = LayerKeyName {
            model_id: &key(&v["modelId"]),
            operator: &(v["operator"].as_u64().unwrap() as u32).to_le_bytes(),
            context_index: v["contextIndex"].as_u64().unwrap() as u8,
            key_id: &key(&v["keyId"]),
        };
        assert_eq!(layer_key_leaf(&key(&vectors["domain"]["domain"]), &leaf).unwrap(), key(&v["hash"]));
    }

    #[test]
    fn z_41_proof_context() {
        let vectors = hashes();
        let v = &vectors["proofContext"];
        let place = ProofPlace {
            epoch: &number(&v["epoch"]).to_le_bytes(),
            entry_hash: &key(&v["entryHash"]),
            model_id: &key(&v["modelId"]),
            position: &(v["position"].as_u64().unwrap() as u32).to_le_bytes(),
            operator: &(v["operator"].as_u64().unwrap() as u32).to_le_bytes(),
        };
        assert_eq!(proof_context(&key(&vectors["domain"]["domain"]), &place).unwrap(), key(&v["context"]));
    }

    #[test]
    fn z_43_statement_hash() {
        let vectors = hashes();
        let v = &vectors["statementHash"];
        let operator = (v["operator"].as_u64().unwrap() as u32).to_le_bytes();
        let signals: Vec<Key> =
            v["signals"].as_array().unwrap().iter().map(|hex| bytes(hex).try_into().unwrap()).collect();
        assert_eq!(statement_hash(&operator, &signals).unwrap(), key(&v["hash"]));
    }
}
