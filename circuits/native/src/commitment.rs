//! The commitment to a tensor (docs/proofs.md, Z-01).

use crate::field::Fr;
use crate::poseidon::{INPUTS, Poseidon};
use ark_ff::{AdditiveGroup, BigInt, PrimeField};

/// Bits of a field element that values are packed into.
const PACK_BITS: u32 = 248;
/// Of a hash's inputs the first takes the state.
const ABSORBED: usize = INPUTS - 1;
/// What tells this hash from any other of this one's width.
pub const TENSOR_TAG: u64 = 1;

/// Why there is no commitment.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Refusal {
    /// `bits` is not 2 to 32.
    Bits,
    /// A value does not fit in `bits`.
    Value,
    /// The blinding is not below the field's order.
    Blinding,
}

/// Commits to signed integers of so many bits each, -2^(bits-1) to 2^(bits-1) - 1, hidden by `blinding`.
///
/// Values are packed with an offset, as many as 248 bits hold to an element, the first one lowest. Elements, then the blinding, are
/// absorbed eleven at a time, zeros behind the last, from a state of tag, count and width.
pub fn commit(hash: &Poseidon, values: &[i32], bits: u32, blinding: BigInt<4>) -> Result<Fr, Refusal> {
    if !(2..=32).contains(&bits) {
        return Err(Refusal::Bits);
    }
    let blinding = Fr::from_bigint(blinding).ok_or(Refusal::Blinding)?;
    let offset = 1i64 << (bits - 1);
    if values.iter().any(|&value| !(-offset..offset).contains(&i64::from(value))) {
        return Err(Refusal::Value);
    }
    let packs = values.chunks((PACK_BITS / bits) as usize).map(|values| {
        let mut limbs = [0u64; 4];
        for (i, &value) in values.iter().enumerate() {
            let word = (i64::from(value) + offset) as u64;
            let at = i as u32 * bits;
            let (limb, shift) = ((at / 64) as usize, at % 64);
            limbs[limb] |= word << shift;
            if shift + bits > 64 {
                limbs[limb + 1] |= word >> (64 - shift);
            }
        }
        Fr::from_bigint(BigInt(limbs)).expect("248 bits are below the modulus")
    });
    let mut inputs = [Fr::ZERO; INPUTS];
    inputs[0] =
        Fr::from_bigint(BigInt([u64::from(bits), values.len() as u64, TENSOR_TAG, 0])).expect("below the modulus");
    let mut filled = 0;
    for element in packs.chain([blinding]) {
        if filled == ABSORBED {
            inputs[0] = hash.hash(&inputs);
            filled = 0;
        }
        filled += 1;
        inputs[filled] = element;
    }
    inputs[filled + 1..].fill(Fr::ZERO);
    Ok(hash.hash(&inputs))
}

/// What tells this hash from a tensor's.
pub const LIST_TAG: u64 = 2;

/// The hash of a list of field elements (docs/proofs.md, Z-03): eleven at a time, zeros behind the last, from a state of tag and count.
pub fn hash_list(hash: &Poseidon, elements: &[Fr]) -> Fr {
    let mut inputs = [Fr::ZERO; INPUTS];
    inputs[0] = Fr::from_bigint(BigInt([elements.len() as u64, 0, LIST_TAG, 0])).expect("below the modulus");
    for absorbed in elements.chunks(ABSORBED) {
        inputs[1..].fill(Fr::ZERO);
        inputs[1..=absorbed.len()].copy_from_slice(absorbed);
        inputs[0] = hash.hash(&inputs);
    }
    inputs[0]
}

#[cfg(test)]
mod tests {
    use super::{Refusal, commit};
    use crate::poseidon::Poseidon;
    use ark_ff::{BigInt, PrimeField};

    const BLINDING: BigInt<4> = BigInt([7, 0, 0, 0]);

    #[test]
    fn every_value_the_width_and_the_blinding_count() {
        let hash = Poseidon::new();
        let of = |values: &[i32], bits, blinding| commit(&hash, values, bits, BigInt([blinding, 0, 0, 0])).unwrap();
        // 220 elements of 15 values fill ten hashes, and the blinding begins the eleventh.
        let values: Vec<i32> = (0..1650).map(|i| (i * 37) % 65536 - 32768).collect();
        let whole = of(&values, 16, 7);
        for changed in [0, 14, 15, 164, 165, 1649] {
            let mut other = values.clone();
            other[changed] ^= 1;
            assert_ne!(of(&other, 16, 7), whole);
        }
        assert_ne!(of(&values, 17, 7), whole);
        assert_ne!(of(&values, 16, 8), whole);
        assert_ne!(of(&values[..1649], 16, 7), whole);
        // What a packed element cannot tell apart: a value that is one too large, and its neighbour one less.
        assert_eq!(commit(&hash, &[128, 0], 8, BLINDING), Err(Refusal::Value));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let hash = Poseidon::new();
        assert_eq!(commit(&hash, &[-129], 8, BLINDING), Err(Refusal::Value));
        assert_eq!(commit(&hash, &[i32::MIN], 31, BLINDING), Err(Refusal::Value));
        assert!(commit(&hash, &[i32::MIN, i32::MAX], 32, BLINDING).is_ok());
        assert_eq!(commit(&hash, &[0], 33, BLINDING), Err(Refusal::Bits));
        assert_eq!(commit(&hash, &[0], 1, BLINDING), Err(Refusal::Bits));
        assert_eq!(commit(&hash, &[0], 8, crate::field::Fr::MODULUS), Err(Refusal::Blinding));
    }
}
