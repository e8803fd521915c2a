//! Reads circom's .r1cs files, one coefficient after the other, from a source that only goes forward. The format is
//! <https://github.com/iden3/r1csfile/blob/master/doc/r1cs_bin_format.md>.
//!
//! The header may stand before the constraints or, as circom writes it, behind them. Before them, nothing is kept and a file may have
//! any size. Behind them, the constraints wait in memory until the header is read.

use crate::curve::Fr;
use ark_ff::{BigInt, PrimeField};
use std::fmt;
use std::io::{self, Read};

/// The most wires or constraints that a file may claim: what they need is allocated before they are read.
pub const MOST: u32 = 1 << 24;

const MOST_SECTIONS: u32 = 64;
const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const CUSTOM_GATES: [u32; 2] = [4, 5];
const HEADER_BYTES: u64 = 64;
/// A wire's number and its coefficient.
const TERM_BYTES: u64 = 4 + 32;

/// How many of everything there are. Wires are numbered: 0 is the constant one, then outputs, public inputs, private inputs and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R1csHeader {
    pub wires: u32,
    pub outputs: u32,
    pub public_inputs: u32,
    pub private_inputs: u32,
    pub constraints: u32,
}

impl R1csHeader {
    /// The public signals: outputs and public inputs.
    pub fn public(&self) -> u32 {
        self.outputs + self.public_inputs
    }
}

/// The linear combination to which a term belongs, in `a * b = c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    A,
    B,
    C,
}

/// A coefficient that need not be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub constraint: u32,
    pub side: Side,
    pub wire: u32,
    /// Less than the field's modulus.
    pub value: BigInt<4>,
}

/// Why a file was refused.
#[derive(Debug)]
pub enum R1csError {
    /// It does not begin as version 1 of the format does.
    NotR1cs,
    /// It ends before what it announced.
    Truncated,
    /// It is over another field than BN254's scalars.
    OtherField,
    /// It claims more than [`MOST`] wires or constraints, or none.
    Size { wires: u32, constraints: u32 },
    /// It uses custom gates, which Groth16 lacks.
    CustomGates,
    /// A section is missing, is there twice, or is not as long as what it holds.
    Section(u32),
    /// A wire of that number does not exist, or a coefficient is not less than the modulus.
    Term { constraint: u32, wire: u32 },
    /// There was no memory for what waits for the header.
    Memory,
    /// The source failed.
    Source(io::Error),
}

impl fmt::Display for R1csError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotR1cs => write!(f, "The file is not an .r1cs of version 1."),
            Self::Truncated => write!(f, "The .r1cs ends before what it announced."),
            Self::OtherField => write!(f, "The .r1cs is over another field than BN254's scalars."),
            Self::Size { wires, constraints } => {
                write!(f, "The .r1cs has {wires} wires and {constraints} constraints; each must be from 1 to {MOST}.")
            }
            Self::CustomGates => write!(f, "The .r1cs uses custom gates, which Groth16 lacks."),
            Self::Section(id) => write!(f, "The .r1cs lacks section {id}, has it twice or gives it a wrong length."),
            Self::Term { constraint, wire } => {
                write!(
                    f,
                    "Constraint {constraint} names wire {wire}, which does not exist, or a coefficient not in the field."
                )
            }
            Self::Memory => write!(f, "There is not enough memory for the constraints."),
            Self::Source(error) => write!(f, "The .r1cs could not be read: {error}."),
        }
    }
}

impl std::error::Error for R1csError {}

impl From<io::Error> for R1csError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Source(error) }
    }
}

/// A file of which the header is known and the constraints are next.
pub struct R1csStream<R> {
    source: R,
    header: R1csHeader,
    sections_left: u32,
    constraints: Constraints,
}

enum Constraints {
    /// So many bytes are next in the source.
    Next(u64),
    /// They stood before the header.
    Kept(Vec<u8>),
}

impl<R: Read> R1csStream<R> {
    /// Reads until header and constraints are at hand.
    pub fn open(mut source: R) -> Result<Self, R1csError> {
        let mut start = [0; 12];
        source.read_exact(&mut start)?;
        let mut sections_left = u32_at(&start, 8);
        if start[..4] != *b"r1cs" || u32_at(&start, 4) != 1 || sections_left > MOST_SECTIONS {
            return Err(R1csError::NotR1cs);
        }
        let (mut header, mut kept) = (None, None);
        while sections_left > 0 {
            sections_left -= 1;
            let (id, length) = section(&mut source)?;
            match (id, header) {
                (HEADER, None) => header = Some(read_header(&mut source, length)?),
                (CONSTRAINTS, Some(header)) if kept.is_none() => {
                    return Ok(Self { source, header, sections_left, constraints: Constraints::Next(length) });
                }
                (CONSTRAINTS, None) if kept.is_none() => kept = Some(keep(&mut source, length)?),
                (HEADER | CONSTRAINTS, _) => return Err(R1csError::Section(id)),
                _ => skip(&mut source, length)?,
            }
            if let (Some(header), Some(bytes)) = (header, kept.as_mut()) {
                let constraints = Constraints::Kept(std::mem::take(bytes));
                return Ok(Self { source, header, sections_left, constraints });
            }
        }
        Err(R1csError::Section(if header.is_none() { HEADER } else { CONSTRAINTS }))
    }

    pub fn header(&self) -> R1csHeader {
        self.header
    }

    /// Visits every coefficient in the file's order, which is that of the constraints and in each that of A, B and C, and then
    /// reads to the end of the file.
    pub fn for_each_term<E: From<R1csError>>(mut self, visit: impl FnMut(Term) -> Result<(), E>) -> Result<(), E> {
        match self.constraints {
            Constraints::Next(length) => read_terms(&mut self.source, length, self.header, visit)?,
            Constraints::Kept(bytes) => read_terms(&mut bytes.as_slice(), bytes.len() as u64, self.header, visit)?,
        }
        for _ in 0..self.sections_left {
            let (id, length) = section(&mut self.source)?;
            if id == HEADER || id == CONSTRAINTS {
                return Err(R1csError::Section(id).into());
            }
            skip(&mut self.source, length)?;
        }
        Ok(())
    }
}

fn section(source: &mut impl Read) -> Result<(u32, u64), R1csError> {
    let mut start = [0; 12];
    source.read_exact(&mut start)?;
    let id = u32_at(&start, 0);
    if CUSTOM_GATES.contains(&id) {
        return Err(R1csError::CustomGates);
    }
    Ok((id, u64::from(u32_at(&start, 4)) | u64::from(u32_at(&start, 8)) << 32))
}

fn read_header(source: &mut impl Read, length: u64) -> Result<R1csHeader, R1csError> {
    let mut bytes = [0; HEADER_BYTES as usize];
    source.read_exact(&mut bytes[..4])?;
    if u32_at(&bytes, 0) != 32 {
        return Err(R1csError::OtherField);
    }
    if length != HEADER_BYTES {
        return Err(R1csError::Section(HEADER));
    }
    source.read_exact(&mut bytes[4..])?;
    if integer(&bytes[4..36]) != Fr::MODULUS {
        return Err(R1csError::OtherField);
    }
    // Between the private inputs and the constraints stands the number of labels, which only debuggers use.
    let header = R1csHeader {
        wires: u32_at(&bytes, 36),
        outputs: u32_at(&bytes, 40),
        public_inputs: u32_at(&bytes, 44),
        private_inputs: u32_at(&bytes, 48),
        constraints: u32_at(&bytes, 60),
    };
    let sizes = 1..=MOST;
    if !sizes.contains(&header.wires) || !sizes.contains(&header.constraints) {
        return Err(R1csError::Size { wires: header.wires, constraints: header.constraints });
    }
    let named = [header.outputs, header.public_inputs, header.private_inputs];
    if named.into_iter().map(u64::from).sum::<u64>() >= u64::from(header.wires) {
        return Err(R1csError::Section(HEADER));
    }
    Ok(header)
}

fn read_terms<E: From<R1csError>>(
    source: &mut impl Read,
    mut length: u64,
    header: R1csHeader,
    mut visit: impl FnMut(Term) -> Result<(), E>,
) -> Result<(), E> {
    for constraint in 0..header.constraints {
        for side in [Side::A, Side::B, Side::C] {
            let mut count = [0; 4];
            length = length.checked_sub(4).ok_or(R1csError::Section(CONSTRAINTS))?;
            source.read_exact(&mut count).map_err(R1csError::from)?;
            let count = u32::from_le_bytes(count);
            length = length.checked_sub(u64::from(count) * TERM_BYTES).ok_or(R1csError::Section(CONSTRAINTS))?;
            for _ in 0..count {
                let mut bytes = [0; TERM_BYTES as usize];
                source.read_exact(&mut bytes).map_err(R1csError::from)?;
                let (wire, value) = (u32_at(&bytes, 0), integer(&bytes[4..]));
                if wire >= header.wires || value >= Fr::MODULUS {
                    return Err(R1csError::Term { constraint, wire }.into());
                }
                visit(Term { constraint, side, wire, value })?;
            }
        }
    }
    if length == 0 { Ok(()) } else { Err(R1csError::Section(CONSTRAINTS).into()) }
}

/// Takes memory as bytes arrive, not as they are announced.
fn keep(source: &mut impl Read, length: u64) -> Result<Vec<u8>, R1csError> {
    const PIECE: u64 = 1 << 20;
    let mut bytes = Vec::new();
    let mut left = length;
    while left > 0 {
        let piece = left.min(PIECE) as usize;
        let at = bytes.len();
        bytes.try_reserve(piece).map_err(|_| R1csError::Memory)?;
        bytes.resize(at + piece, 0);
        source.read_exact(&mut bytes[at..])?;
        left -= piece as u64;
    }
    Ok(bytes)
}

fn skip(source: &mut impl Read, length: u64) -> Result<(), R1csError> {
    let skipped = io::copy(&mut source.take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(R1csError::Truncated) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The integer in 32 bytes, the lowest first.
pub(crate) fn integer(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    BigInt(limbs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn terms(file: &[u8]) -> Result<Vec<Term>, R1csError> {
        let mut terms = Vec::new();
        R1csStream::open(file)?.for_each_term(|term| {
            terms.push(term);
            Ok::<_, R1csError>(())
        })?;
        Ok(terms)
    }

    #[test]
    fn constraints_are_read_before_and_behind_the_header() {
        let ahead = terms(&sample::r1cs([1, 2, 3])).unwrap();
        assert_eq!(ahead.len(), 3 * sample::SQUARES + 3);
        assert_eq!(ahead[5], Term { constraint: 1, side: Side::C, wire: 4, value: BigInt::from(1u64) });
        for order in [[2, 1, 3], [2, 3, 1], [3, 1, 2]] {
            assert_eq!(terms(&sample::r1cs(order)).unwrap(), ahead);
        }
    }

    #[test]
    fn every_shorter_file_is_refused() {
        for order in [[1, 2, 3], [2, 1, 3]] {
            let file = sample::r1cs(order);
            for length in 0..file.len() {
                assert!(matches!(terms(&file[..length]), Err(R1csError::Truncated)), "{length}");
            }
        }
    }

    #[test]
    fn no_changed_byte_brings_the_reader_down() {
        for order in [[1, 2, 3], [2, 1, 3]] {
            let file = sample::r1cs(order);
            for at in 0..file.len() {
                for change in [1, 0x80, 0xff] {
                    let mut file = file.clone();
                    file[at] ^= change;
                    let _ = terms(&file);
                }
            }
        }
    }

    #[test]
    fn what_a_file_claims_is_checked() {
        let file = sample::r1cs([1, 2, 3]);
        let with = |at: usize, bytes: &[u8]| {
            let mut file = file.clone();
            file[at..at + bytes.len()].copy_from_slice(bytes);
            terms(&file).unwrap_err().to_string()
        };
        let header = 12 + 12;
        let constraints = header + HEADER_BYTES as usize + 12;
        assert_eq!(with(0, b"R"), "The file is not an .r1cs of version 1.");
        assert_eq!(with(header + 4, &[2]), "The .r1cs is over another field than BN254's scalars.");
        assert_eq!(
            with(header + 36, &u32::MAX.to_le_bytes()),
            "The .r1cs has 4294967295 wires and 11 constraints; each must be from 1 to 16777216."
        );
        assert_eq!(with(header + 40, &[13]), "The .r1cs lacks section 1, has it twice or gives it a wrong length.");
        assert_eq!(
            with(constraints, &u32::MAX.to_le_bytes()),
            "The .r1cs lacks section 2, has it twice or gives it a wrong length."
        );
        let wire = "Constraint 0 names wire 13, which does not exist, or a coefficient not in the field.";
        assert_eq!(with(constraints + 4, &[13]), wire);
        let value = "Constraint 0 names wire 2, which does not exist, or a coefficient not in the field.";
        assert_eq!(with(constraints + 8, &[0xff; 32]), value);
        assert_eq!(with(12, &[4]), "The .r1cs uses custom gates, which Groth16 lacks.");
        assert_eq!(with(12, &[2]), "The .r1cs lacks section 2, has it twice or gives it a wrong length.");
    }
}
