//! A small circuit for tests, as files: public signals y and x, and y = x^(2^SQUARES) - 3 x. The last row has coefficients of C only.

use crate::curve::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

pub const SQUARES: usize = 10;
/// The constant one, y, x, and a wire for every square.
pub const WIRES: usize = 3 + SQUARES;
pub const CONSTRAINTS: usize = SQUARES + 1;

const ONE: Fr = Fr::ONE;

fn bytes(value: Fr) -> Vec<u8> {
    value.into_bigint().0.iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

fn modulus() -> Vec<u8> {
    Fr::MODULUS.0.iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The file of these sections.
pub fn container(magic: &[u8; 4], version: u32, sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = [magic.to_vec(), words(&[version, sections.len() as u32])].concat();
    for (id, content) in sections {
        file.extend(words(&[*id]));
        file.extend((content.len() as u64).to_le_bytes());
        file.extend(content);
    }
    file
}

/// The .r1cs, its sections in this order.
pub fn r1cs(order: [u32; 3]) -> Vec<u8> {
    let header =
        [words(&[32]), modulus(), words(&[WIRES as u32, 1, 1, 0, WIRES as u32, 0, CONSTRAINTS as u32])].concat();
    let mut constraints = Vec::new();
    let mut combination = |terms: &[(u32, Fr)]| {
        constraints.extend(words(&[terms.len() as u32]));
        for (wire, value) in terms {
            constraints.extend(words(&[*wire]));
            constraints.extend(bytes(*value));
        }
    };
    for square in 0..SQUARES as u32 {
        for wire in [2 + square, 2 + square, 3 + square] {
            combination(&[(wire, ONE)]);
        }
    }
    combination(&[]);
    combination(&[]);
    combination(&[(1, ONE), (WIRES as u32 - 1, -ONE), (2, Fr::from(3u64))]);
    let labels = (0..WIRES as u64).flat_map(|wire| wire.to_le_bytes()).collect();
    let sections = [(1, header), (2, constraints), (3, labels)];
    container(b"r1cs", 1, &order.map(|id| sections[id as usize - 1].clone()))
}

/// The values of all wires for this x.
pub fn values(x: Fr) -> Vec<Fr> {
    let mut values = vec![ONE, Fr::ZERO, x];
    for square in 0..SQUARES {
        values.push(values[2 + square].square());
    }
    values[1] = values[WIRES - 1] - Fr::from(3u64) * x;
    values
}

/// The .wtns of these values.
pub fn wtns(values: &[Fr]) -> Vec<u8> {
    let header = [words(&[32]), modulus(), words(&[values.len() as u32])].concat();
    container(b"wtns", 2, &[(1, header), (2, values.iter().flat_map(|value| bytes(*value)).collect())])
}

/// The integer in 32 bytes, the highest first.
pub fn big_endian(bytes: &[u8]) -> BigInt<4> {
    let mut reversed = bytes.to_vec();
    reversed.reverse();
    crate::r1cs::integer(&reversed)
}
