//! Whether the transaction carries a signature that the Ed25519 precompile has checked: the precompile fails the whole
//! transaction for a wrong one, so that a program only has to see what it was asked to check.
use crate::state::Key;
use pinocchio::Address;

const PRECOMPILE: Address = Address::from_str_const("Ed25519SigVerify111111111111111111111111111");
/// As an index of an instruction: the precompile's own, so that what it checked lies in the data that is read here.
const OWN_DATA: u16 = u16::MAX;
const MESSAGE_BYTES: u16 = 32;
/// Of an account in the sysvar: flags and address.
const ACCOUNT_BYTES: usize = 33;

/// What must have been signed, by whom.
pub struct Signed<'a> {
    pub signer: &'a Key,
    pub message: &'a Key,
}

/// True if the instruction directly before the one that runs is the precompile's, with one signature of this signer over this
/// message, all in its own data. `sysvar` is the data of the Instructions sysvar: a count and the offsets of the instructions,
/// the instructions, and last the index of the one that runs.
#[inline(never)]
pub fn is_signed_directly_before(sysvar: &[u8], signed: &Signed) -> bool {
    find(sysvar, signed).is_some()
}

#[inline(always)]
fn find(sysvar: &[u8], signed: &Signed) -> Option<()> {
    let running = u16_at(sysvar, sysvar.len().checked_sub(2)?)?;
    let before = usize::from(running.checked_sub(1)?);
    let start = usize::from(u16_at(sysvar, 2 + 2usize.wrapping_mul(before))?);
    let accounts = usize::from(u16_at(sysvar, start)?);
    let program = start + 2 + accounts.wrapping_mul(ACCOUNT_BYTES);
    if sysvar.get(program..program + 32)? != PRECOMPILE.as_array() {
        return None;
    }
    let data = program + 34;
    let length = usize::from(u16_at(sysvar, program + 32)?);
    is_of(sysvar.get(data..data + length)?, signed)
}

/// The precompile's data: a count, a byte of padding, and for each signature seven numbers of 16 bits: where signature, key and
/// message are, each in which instruction, and the message's length.
#[inline(always)]
fn is_of(data: &[u8], signed: &Signed) -> Option<()> {
    let [signature, signature_in, key, key_in, message, message_length, message_in] =
        [2, 4, 6, 8, 10, 12, 14].map(|at| u16_at(data, at));
    let own = signature_in? == OWN_DATA && key_in? == OWN_DATA && message_in? == OWN_DATA;
    let (key, message, signature) = (usize::from(key?), usize::from(message?), usize::from(signature?));
    data.get(signature..signature + 64)?;
    let holds = *data.first()? == 1
        && own
        && message_length? == MESSAGE_BYTES
        && data.get(key..key + 32)? == signed.signer
        && data.get(message..message + 32)? == signed.message;
    holds.then_some(())
}

#[inline(always)]
fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: Key = [7; 32];
    const MESSAGE: Key = [9; 32];

    fn asked(sysvar: &[u8]) -> bool {
        is_signed_directly_before(sysvar, &Signed { signer: &SIGNER, message: &MESSAGE })
    }

    /// The precompile's data as web3.js lays it: key, signature and message behind the numbers.
    fn precompile_data() -> Vec<u8> {
        let numbers = [48, OWN_DATA, 16, OWN_DATA, 112, MESSAGE_BYTES, OWN_DATA];
        let mut data = vec![1, 0];
        data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        data.extend(SIGNER);
        data.extend([5; 64]);
        data.extend(MESSAGE);
        data
    }

    fn instruction(program: &[u8; 32], accounts: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = accounts.to_le_bytes().to_vec();
        bytes.extend((0..accounts).flat_map(|_| [3; ACCOUNT_BYTES]));
        bytes.extend(program);
        bytes.extend((data.len() as u16).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn sysvar(instructions: &[Vec<u8>], running: u16) -> Vec<u8> {
        let mut bytes = (instructions.len() as u16).to_le_bytes().to_vec();
        let mut offset = 2 + 2 * instructions.len();
        for one in instructions {
            bytes.extend((offset as u16).to_le_bytes());
            offset += one.len();
        }
        bytes.extend(instructions.concat());
        bytes.extend(running.to_le_bytes());
        bytes
    }

    fn with(data: &[u8]) -> Vec<u8> {
        sysvar(&[instruction(PRECOMPILE.as_array(), 0, data), instruction(&[1; 32], 4, &[8; 16])], 1)
    }

    #[test]
    fn p_39_sees_the_signature_directly_before() {
        assert!(asked(&with(&precompile_data())));
        let (check, other) = (instruction(PRECOMPILE.as_array(), 2, &precompile_data()), instruction(&[1; 32], 1, &[]));
        assert!(asked(&sysvar(&[other.clone(), other.clone(), check.clone(), other.clone()], 3)));
        for running in [0, 1, 2, 4, 5, u16::MAX] {
            assert!(
                !asked(&sysvar(&[other.clone(), other.clone(), check.clone(), other.clone()], running)),
                "{running}"
            );
        }
        assert!(!asked(&sysvar(&[instruction(&[1; 32], 0, &precompile_data()), other], 1)));
    }

    #[test]
    fn p_39_every_byte_but_padding_and_the_signature_counts() {
        let data = precompile_data();
        for at in 0..data.len() {
            let mut bent = data.clone();
            bent[at] ^= 1;
            // Another place of the signature is still a signature's, which the precompile checks.
            let is_free = at == 1 || at == 2 || (48..112).contains(&at);
            assert_eq!(asked(&with(&bent)), is_free, "byte {at}");
        }
    }

    #[test]
    fn p_39_what_points_out_of_the_data_is_refused() {
        for field in [2, 6, 10] {
            let mut bent = precompile_data();
            bent[field..field + 2].copy_from_slice(&(u16::MAX - 10).to_le_bytes());
            assert!(!asked(&with(&bent)), "field {field}");
        }
        let whole = with(&precompile_data());
        for length in 0..whole.len() {
            assert!(!asked(&whole[..length]), "{length} bytes");
        }
        for length in 0..precompile_data().len() {
            assert!(!asked(&with(&precompile_data()[..length])), "{length} bytes of data");
        }
    }
}
