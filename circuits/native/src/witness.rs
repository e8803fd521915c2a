//! Reads a witness in snarkjs' format (.wtns): a value for every wire.

use crate::container::{Container, ContainerError, Cursor};
use crate::curve::Fr;
use crate::r1cs::integer;
use ark_ff::{BigInt, PrimeField};
use std::fmt;

/// Why a witness was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessError {
    Container(ContainerError),
    /// It is over another field than BN254's scalars.
    OtherField,
    /// The wire's value is not less than the modulus.
    Value(usize),
    /// Wire 0 is not the constant one.
    NoOne,
}

impl fmt::Display for WitnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(error) => error.fmt(f),
            Self::OtherField => write!(f, "The witness is over another field than BN254's scalars."),
            Self::Value(wire) => write!(f, "The value of wire {wire} is not in the field."),
            Self::NoOne => write!(f, "The witness' wire 0 is not the constant one."),
        }
    }
}

impl std::error::Error for WitnessError {}

impl From<ContainerError> for WitnessError {
    fn from(error: ContainerError) -> Self {
        Self::Container(error)
    }
}

/// The values of all wires, each less than the modulus.
pub fn parse_witness(bytes: &[u8]) -> Result<Vec<BigInt<4>>, WitnessError> {
    let container = Container::open(bytes, *b"wtns", 2)?;
    let mut header = Cursor(container.section(1)?);
    if header.u32()? != 32 || integer(header.take(32)?) != Fr::MODULUS {
        return Err(WitnessError::OtherField);
    }
    let count = header.u32()? as usize;
    if !header.0.is_empty() {
        return Err(ContainerError::Length(1).into());
    }
    let values: Vec<BigInt<4>> = container.items(2, count, 32)?.chunks(32).map(integer).collect();
    if let Some(wire) = values.iter().position(|value| *value >= Fr::MODULUS) {
        return Err(WitnessError::Value(wire));
    }
    if values.first() != Some(&BigInt::from(1u64)) {
        return Err(WitnessError::NoOne);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn values_are_read() {
        let values = sample::values(Fr::from(5u64));
        let expected: Vec<BigInt<4>> = values.iter().map(|value| value.into_bigint()).collect();
        assert_eq!(parse_witness(&sample::wtns(&values)), Ok(expected));
    }

    #[test]
    fn every_shorter_file_is_refused_and_no_changed_byte_brings_the_reader_down() {
        let file = sample::wtns(&sample::values(Fr::from(5u64)));
        for length in 0..file.len() {
            assert_eq!(parse_witness(&file[..length]), Err(ContainerError::Truncated.into()));
        }
        for at in 0..file.len() {
            for change in [1, 0x80, 0xff] {
                let mut file = file.clone();
                file[at] ^= change;
                let _ = parse_witness(&file);
            }
        }
    }

    #[test]
    fn values_are_in_the_field_and_the_first_is_one() {
        let mut values = sample::values(Fr::from(5u64));
        let mut file = sample::wtns(&values);
        let end = file.len();
        file[end - 32..].fill(0xff);
        assert_eq!(parse_witness(&file), Err(WitnessError::Value(sample::WIRES - 1)));
        values[0] = Fr::from(2u64);
        assert_eq!(parse_witness(&sample::wtns(&values)), Err(WitnessError::NoOne));
        assert_eq!(parse_witness(&sample::wtns(&[])), Err(WitnessError::NoOne));
    }
}
