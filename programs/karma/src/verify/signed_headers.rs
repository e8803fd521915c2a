//! Two signatures that Solana's Ed25519 program checked in the instruction before this one.
use crate::{
    error::{require, KarmaError},
    state::Key,
};
use pinocchio::{error::ProgramError, sysvars::instructions::Instructions, AccountView, Address};

const ED25519: Address = Address::from_str_const("Ed25519SigVerify111111111111111111111111111");
/// Where an offset says "in this instruction's own data".
const HERE: u16 = u16::MAX;
/// Count and padding.
const FRAME: usize = 2;
/// Offsets of signature, key and message with the instructions that they lie in, and the message's size: seven u16.
const ENTRY: usize = 14;
const MESSAGE_BYTES: u16 = 32;

/// Two messages that one key signed.
pub struct SignedTwice {
    pub signer: Key,
    pub messages: [Key; 2],
}

/// The key and the message of each of the two signatures, read at the very offsets that the Ed25519 program read them at.
/// `BadEvidence` unless the instruction before this one is that program's, over exactly two signatures of one key over
/// messages of 32 bytes, with all of it in its own data.
#[inline(never)]
pub fn read(sysvar: &AccountView) -> Result<SignedTwice, ProgramError> {
    let instructions = Instructions::try_from(sysvar).map_err(|_| KarmaError::BadPda)?;
    let before = instructions.get_instruction_relative(-1).map_err(|_| KarmaError::BadEvidence)?;
    require(*before.get_program_id() == ED25519, KarmaError::BadEvidence)?; // P-44
    parse(before.get_instruction_data())
}

#[inline(never)]
fn parse(data: &[u8]) -> Result<SignedTwice, ProgramError> {
    require(data.first() == Some(&2), KarmaError::BadEvidence)?; // P-44
    let (signer, first) = signed_at(data, FRAME)?;
    let (other, second) = signed_at(data, FRAME + ENTRY)?;
    require(signer == other, KarmaError::BadEvidence)?; // P-44
    Ok(SignedTwice { signer, messages: [first, second] })
}

/// Key and message of the signature whose offsets stand at `at`.
#[inline(always)]
fn signed_at(data: &[u8], at: usize) -> Result<(Key, Key), ProgramError> {
    let field = |i: usize| -> Result<u16, ProgramError> {
        let from = at + 2 * i;
        let bytes = data.get(from..from + 2).and_then(|bytes| bytes.first_chunk()).ok_or(KarmaError::BadEvidence)?;
        Ok(u16::from_le_bytes(*bytes))
    };
    let in_place = field(1)? == HERE && field(3)? == HERE && field(6)? == HERE;
    require(in_place && field(5)? == MESSAGE_BYTES, KarmaError::BadEvidence)?; // P-44
    Ok((key_at(data, field(2)?)?, key_at(data, field(4)?)?))
}

#[inline(always)]
fn key_at(data: &[u8], at: u16) -> Result<Key, ProgramError> {
    let from = usize::from(at);
    let bytes = data.get(from..from + 32).and_then(|bytes| bytes.first_chunk());
    Ok(*bytes.ok_or(KarmaError::BadEvidence)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An instruction over two signatures: one key, two messages.
    fn instruction() -> Vec<u8> {
        let mut data = vec![2, 0];
        for i in 0..2u16 {
            let (signature, key, message) = (30 + 96 * i, 222, 94 + 96 * i);
            for field in [signature, HERE, key, HERE, message, 32, HERE] {
                data.extend(field.to_le_bytes());
            }
        }
        for i in 0..2u8 {
            data.extend([9; 64]);
            data.extend([i; 32]);
        }
        data.extend([7; 32]);
        data
    }

    fn refused(bend: impl Fn(&mut Vec<u8>)) -> bool {
        let mut data = instruction();
        bend(&mut data);
        parse(&data).is_err()
    }

    #[test]
    fn p_44_reads_what_the_precompile_read() {
        let read = parse(&instruction()).unwrap();
        assert_eq!((read.signer, read.messages), ([7; 32], [[0; 32], [1; 32]]));
    }

    #[test]
    fn p_44_refuses_other_shapes() {
        for count in [0, 1, 3] {
            assert!(refused(|data| data[0] = count), "{count}");
        }
        // A part that lies in another instruction, where the precompile reads and this does not.
        for entry in [FRAME, FRAME + ENTRY] {
            for field in [1, 3, 6] {
                assert!(refused(|data| data[entry + 2 * field] = 0));
            }
            assert!(refused(|data| data[entry + 10] = 31));
            for field in [2, 4] {
                assert!(refused(|data| data[entry + 2 * field..][..2].copy_from_slice(&250u16.to_le_bytes())));
            }
        }
        // Two keys.
        assert!(refused(|data| data[FRAME + ENTRY + 4] -= 1));
        for length in 0..254 {
            assert!(refused(|data| data.truncate(length)), "{length}");
        }
    }
}
