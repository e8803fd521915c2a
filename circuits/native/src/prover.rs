//! Groth16 proofs from snarkjs' keys and witnesses, as snarkjs makes them (src/groth16_prove.js of snarkjs 0.7.6; Jens Groth, On the
//! Size of Pairing-based Non-interactive Arguments, 2016).
//!
//! A key has no matrix C, and so no prover can see whether a witness satisfies the circuit: from one that does not, it makes a proof
//! that does not verify. Check the witness against the .r1cs where that matters.
//!
//! How long a proof takes depends on the witness: do not let those measure it from whom the witness is to be hidden.

use crate::curve::{Fr, G1, G1Affine, G2Affine};
use crate::msm::msm;
use crate::points::Point;
use crate::witness::{WitnessError, parse_witness};
use crate::zkey::{PointsOf, Zkey, ZkeyError};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInt, FftField, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use std::fmt;

/// Points A, B, C without flags, coordinates with the highest byte first, of B's the imaginary part first: the order of EIP-197 and
/// of Solana's alt_bn128.
pub const PROOF_BYTES: usize = 64 + 128 + 64;

/// Two numbers of 64 bytes from the host's generator for cryptography. They hide the witness, and serve once.
pub const RANDOM_BYTES: usize = 128;

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProveError {
    Key(ZkeyError),
    Witness(WitnessError),
    /// The witness is of another circuit than the key.
    OtherCircuit {
        wires: usize,
        values: usize,
    },
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => write!(f, "The key was refused. {error}"),
            Self::Witness(error) => write!(f, "The witness was refused. {error}"),
            Self::OtherCircuit { wires, values } => {
                write!(f, "The witness has {values} values and the key {wires} wires.")
            }
        }
    }
}

impl std::error::Error for ProveError {}

impl From<ZkeyError> for ProveError {
    fn from(error: ZkeyError) -> Self {
        Self::Key(error)
    }
}

impl From<WitnessError> for ProveError {
    fn from(error: WitnessError) -> Self {
        Self::Witness(error)
    }
}

/// A proof and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// [`PROOF_BYTES`] bytes.
    pub proof: Vec<u8>,
    /// 32 bytes for each public signal, the highest first.
    pub public: Vec<u8>,
}

/// Proves that a witness satisfies the circuit of a key, from a .zkey and a .wtns.
pub fn prove(zkey: &[u8], wtns: &[u8], random: &[u8; RANDOM_BYTES]) -> Result<Proven, ProveError> {
    let key = Zkey::parse(zkey)?;
    let witness = parse_witness(wtns)?;
    if witness.len() != key.wires {
        return Err(ProveError::OtherCircuit { wires: key.wires, values: witness.len() });
    }
    let (r, s) = random.split_at(RANDOM_BYTES / 2);
    let (r, s) = (Fr::from_le_bytes_mod_order(r), Fr::from_le_bytes_mod_order(s));

    let quotient = quotient(&key, &witness)?;
    let sum_1 = |list: PointsOf, scalars: &[BigInt<4>]| -> Result<G1, ZkeyError> {
        Ok(msm(&key.points::<G1Affine>(list)?, scalars))
    };
    let a = sum_1(PointsOf::A, &witness)? + key.alpha_1 + key.delta_1 * r;
    let b_1 = sum_1(PointsOf::B1, &witness)? + key.beta_1 + key.delta_1 * s;
    let b = msm(&key.points::<G2Affine>(PointsOf::B2)?, &witness) + key.beta_2 + key.delta_2 * s;
    let c =
        sum_1(PointsOf::Private, &witness[key.public + 1..])? + sum_1(PointsOf::Quotient, &quotient)? + a * s + b_1 * r
            - key.delta_1 * (r * s);

    let mut proof = Vec::with_capacity(PROOF_BYTES);
    a.into_affine().write_integers(&mut proof);
    b.into_affine().write_integers(&mut proof);
    c.into_affine().write_integers(&mut proof);
    let public = witness[1..=key.public].iter().flat_map(|value| {
        let limbs = value.0;
        limbs.into_iter().rev().flat_map(u64::to_be_bytes)
    });
    Ok(Proven { proof, public: public.collect() })
}

/// A * B - C at the odd powers of a root of unity of twice the domain's order, as integers. C is what A * B is at the even powers: the
/// difference is zero there, and its values between suffice.
fn quotient(key: &Zkey, witness: &[BigInt<4>]) -> Result<Vec<BigInt<4>>, ZkeyError> {
    let mut a = vec![Fr::ZERO; key.domain];
    let mut b = vec![Fr::ZERO; key.domain];
    for coefficient in key.coefficients() {
        let coefficient = coefficient?;
        let value = coefficient.value * Fr::new_unchecked(witness[coefficient.wire]);
        let column = if coefficient.in_b { &mut b } else { &mut a };
        column[coefficient.row] += value;
    }
    let mut c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
    let even = Radix2EvaluationDomain::<Fr>::new(key.domain).expect("the key's parser lets no larger domain through");
    let root = Fr::get_root_of_unity(2 * key.domain as u64).expect("the key's parser lets no larger domain through");
    let odd = even.get_coset(root).expect("a root of unity is not zero");
    for values in [&mut a, &mut b, &mut c] {
        even.ifft_in_place(values);
        odd.fft_in_place(values);
    }
    Ok(a.iter().zip(&b).zip(&c).map(|((a, b), c)| (*a * b - c).into_bigint()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{Fq, Fq2};
    use crate::points::Coordinate;
    use crate::sample;
    use crate::setup::setup;
    use ark_bn254::Bn254;
    use ark_ec::AffineRepr;
    use ark_ec::pairing::Pairing;

    fn key() -> Vec<u8> {
        let mut key = Vec::new();
        setup(sample::r1cs([2, 1, 3]).as_slice(), &[7; 32], &mut key).unwrap();
        key
    }

    fn random() -> [u8; RANDOM_BYTES] {
        core::array::from_fn(|i| (i * 37 + 11) as u8)
    }

    fn element(bytes: &[u8]) -> ark_bn254::Fq {
        ark_bn254::Fq::from_bigint(sample::big_endian(bytes)).unwrap()
    }

    fn point_1(bytes: &[u8]) -> ark_bn254::G1Affine {
        ark_bn254::G1Affine::new(element(&bytes[..32]), element(&bytes[32..]))
    }

    fn point_2(bytes: &[u8]) -> ark_bn254::G2Affine {
        let coordinate =
            |at: usize| ark_bn254::Fq2::new(element(&bytes[at + 32..at + 64]), element(&bytes[at..at + 32]));
        ark_bn254::G2Affine::new(coordinate(0), coordinate(64))
    }

    fn written<P: Point>(point: P) -> Vec<u8> {
        let mut bytes = Vec::new();
        point.write_integers(&mut bytes);
        bytes
    }

    /// Groth16's equation, with arkworks' own curve and pairing.
    fn verifies(key: &[u8], proven: &Proven) -> bool {
        let key = Zkey::parse(key).unwrap();
        let points: Vec<G1Affine> = key.points(PointsOf::Public).unwrap();
        let mut sum = point_1(&written(points[0])).into_group();
        for (point, value) in points[1..].iter().zip(proven.public.chunks(32)) {
            sum += point_1(&written(*point)) * ark_bn254::Fr::from_bigint(sample::big_endian(value)).unwrap();
        }
        let (a, b, c) = (&proven.proof[..64], &proven.proof[64..192], &proven.proof[192..]);
        let left = Bn254::pairing(point_1(a), point_2(b));
        let right = Bn254::multi_pairing(
            [point_1(&written(key.alpha_1)), sum.into_affine(), point_1(c)],
            [key.beta_2, key.gamma_2, key.delta_2].map(|point| point_2(&written(point))),
        );
        left == right
    }

    #[test]
    fn a_proof_verifies() {
        let values = sample::values(Fr::from(3u64));
        let proven = prove(&key(), &sample::wtns(&values), &random()).unwrap();
        assert_eq!(proven.proof.len(), PROOF_BYTES);
        let public: Vec<BigInt<4>> = proven.public.chunks(32).map(sample::big_endian).collect();
        assert_eq!(public, [values[1].into_bigint(), values[2].into_bigint()]);
        assert!(verifies(&key(), &proven));
    }

    #[test]
    fn random_numbers_hide_a_proof() {
        let wtns = sample::wtns(&sample::values(Fr::from(3u64)));
        let proven = prove(&key(), &wtns, &random()).unwrap();
        assert_eq!(prove(&key(), &wtns, &random()).unwrap(), proven);
        let mut other = random();
        other[0] ^= 1;
        let other = prove(&key(), &wtns, &other).unwrap();
        assert!(verifies(&key(), &other));
        // A and C depend on r, B on s.
        assert_ne!(other.proof[..64], proven.proof[..64]);
        assert_eq!(other.proof[64..192], proven.proof[64..192]);
        assert_ne!(other.proof[192..], proven.proof[192..]);
    }

    #[test]
    fn another_public_signal_does_not_verify() {
        let mut proven = prove(&key(), &sample::wtns(&sample::values(Fr::from(3u64))), &random()).unwrap();
        proven.public[31] ^= 1;
        assert!(!verifies(&key(), &proven));
    }

    #[test]
    fn a_witness_with_any_wrong_value_does_not_verify() {
        for wire in 1..sample::WIRES {
            let mut values = sample::values(Fr::from(3u64));
            values[wire] += Fr::from(1u64);
            let proven = prove(&key(), &sample::wtns(&values), &random()).unwrap();
            assert!(!verifies(&key(), &proven), "{wire}");
        }
    }

    #[test]
    fn a_witness_of_another_circuit_is_refused() {
        let values = sample::values(Fr::from(3u64));
        let error = prove(&key(), &sample::wtns(&values[1..12]), &random());
        assert_eq!(error, Err(ProveError::Witness(WitnessError::NoOne)));
        let error = prove(&key(), &sample::wtns(&values[..12]), &random()).unwrap_err();
        assert_eq!(error.to_string(), "The witness has 12 values and the key 13 wires.");
    }

    #[test]
    fn every_shorter_key_is_refused_and_no_changed_byte_brings_the_prover_down() {
        let key = key();
        let wtns = sample::wtns(&sample::values(Fr::from(3u64)));
        for length in 0..key.len() {
            assert!(prove(&key[..length], &wtns, &random()).is_err());
        }
        // Every byte of the headers, and of the lists of coefficients and points one of every part of an item.
        for at in (0..1000).chain((1000..key.len()).step_by(31)) {
            let mut key = key.clone();
            key[at] ^= 0xff;
            let _ = prove(&key, &wtns, &random());
        }
    }

    #[test]
    fn coordinates_are_written_with_the_imaginary_part_first() {
        let mut bytes = Vec::new();
        Fq2::new(Fq::from(1u64), Fq::from(2u64)).write_integer(&mut bytes);
        let expected: Vec<u8> = [[0; 31].as_slice(), &[2], &[0; 31], &[1]].concat();
        assert_eq!(bytes, expected);
    }
}
