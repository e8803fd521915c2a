//! What a host calls for keys and proofs. It writes arguments into memory that it got from `allocate`, and gives two functions for
//! files that need not fit there. Whatever a file holds, a call returns; that it traps means that memory ran out, and the instance is
//! of no more use.

use crate::prover::{PROOF_BYTES, ProveError, RANDOM_BYTES, prove as make_proof};
use crate::r1cs::R1csError;
use crate::setup::{SetupError, setup as make_key};
use crate::trapdoor::SEED_BYTES;
use crate::witness::WitnessError;
use crate::zkey::{Zkey, ZkeyError};
use std::io::{self, BufReader, BufWriter, Read, Write};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// Writes the next bytes of the .r1cs, at most `length`, to `at` and returns how many: 0 at the end only.
    fn read(at: *mut u8, length: usize) -> usize;
    /// Takes the next bytes of the key.
    fn write(at: *const u8, length: usize);
}

/// What became of a call.
#[repr(u32)]
pub enum Status {
    Done = 0,
    /// The .r1cs is of another format, ends early or contradicts itself.
    R1csMalformed = 1,
    /// The .r1cs is over another field than BN254's scalars, or uses custom gates.
    R1csUnsupported = 2,
    /// The .r1cs claims no wires or constraints, or more than 2^24.
    R1csSize = 3,
    /// The host's `read` returned more than it was asked for.
    HostRead = 4,
    /// There is not enough memory.
    Memory = 5,
    /// The .zkey is of another format, ends early or contradicts itself.
    KeyMalformed = 6,
    /// The .zkey is not for Groth16 over BN254.
    KeyUnsupported = 7,
    /// The .wtns is of another format, ends early or contradicts itself.
    WitnessMalformed = 8,
    /// The .wtns is over another field than BN254's scalars.
    WitnessUnsupported = 9,
    /// The witness does not have as many values as the key has wires.
    OtherCircuit = 10,
}

impl From<SetupError> for Status {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Memory | SetupError::Write(_) | SetupError::R1cs(R1csError::Memory) => Self::Memory,
            SetupError::R1cs(R1csError::OtherField | R1csError::CustomGates) => Self::R1csUnsupported,
            SetupError::R1cs(R1csError::Size { .. }) => Self::R1csSize,
            SetupError::R1cs(R1csError::Source(_)) => Self::HostRead,
            SetupError::R1cs(
                R1csError::NotR1cs | R1csError::Truncated | R1csError::Section(_) | R1csError::Term { .. },
            ) => Self::R1csMalformed,
        }
    }
}

impl From<ProveError> for Status {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Key(ZkeyError::OtherProtocol | ZkeyError::OtherCurve) => Self::KeyUnsupported,
            ProveError::Key(_) => Self::KeyMalformed,
            ProveError::Witness(WitnessError::OtherField) => Self::WitnessUnsupported,
            ProveError::Witness(_) => Self::WitnessMalformed,
            ProveError::OtherCircuit { .. } => Self::OtherCircuit,
        }
    }
}

/// The host's end of a file.
struct Host;

impl Read for Host {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the pointer and the length are those of the buffer.
        let count = unsafe { read(buffer.as_mut_ptr(), buffer.len()) };
        if count <= buffer.len() { Ok(count) } else { Err(io::Error::from(io::ErrorKind::InvalidData)) }
    }
}

impl Write for Host {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the pointer and the length are those of the bytes.
        unsafe { write(bytes.as_ptr(), bytes.len()) };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes an INSECURE DEVELOPMENT KEY of the .r1cs that the host's `read` gives and hands it to the host's `write`. Whoever has the
/// seed, 32 bytes at `seed`, can forge proofs. Returns a [`Status`]; unless that is `Done`, what was written is no key.
///
/// # Safety
/// The pointer comes from `allocate` and is as long as that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setup(seed: *const u8) -> u32 {
    const PIECE: usize = 1 << 18;
    // SAFETY: the caller's promise.
    let seed = unsafe { &*seed.cast::<[u8; SEED_BYTES]>() };
    let made = make_key(BufReader::with_capacity(PIECE, Host), seed, BufWriter::with_capacity(PIECE, Host));
    made.map_or_else(Status::from, |_| Status::Done) as u32
}

/// Proves that the .wtns at `wtns` satisfies the circuit of the .zkey at `zkey`. At `random` are 128 bytes from a generator for
/// cryptography, which serve once. Writes 256 bytes to `proof` and 32 for each public signal to `public`; their order is that of
/// [`crate::prover`]. Returns a [`Status`]; unless that is `Done`, nothing is written.
///
/// # Safety
/// The pointers come from `allocate` and are as long as that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prove(
    zkey: *const u8,
    zkey_length: usize,
    wtns: *const u8,
    wtns_length: usize,
    random: *const u8,
    proof: *mut u8,
    public: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    let (zkey, wtns, random) = unsafe {
        (
            core::slice::from_raw_parts(zkey, zkey_length),
            core::slice::from_raw_parts(wtns, wtns_length),
            &*random.cast::<[u8; RANDOM_BYTES]>(),
        )
    };
    match make_proof(zkey, wtns, random) {
        Ok(proven) => {
            // SAFETY: the caller's promise; the proof has so many bytes, and the host asked `public_count` for the other length.
            unsafe {
                core::slice::from_raw_parts_mut(proof, PROOF_BYTES).copy_from_slice(&proven.proof);
                core::slice::from_raw_parts_mut(public, proven.public.len()).copy_from_slice(&proven.public);
            }
            Status::Done as u32
        }
        Err(error) => Status::from(error) as u32,
    }
}

/// The number of public signals of the .zkey at `zkey`, or 2^32 - 1 if that is no key.
///
/// # Safety
/// The pointer comes from `allocate` and is as long as that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn public_count(zkey: *const u8, zkey_length: usize) -> u32 {
    // SAFETY: the caller's promise.
    let zkey = unsafe { core::slice::from_raw_parts(zkey, zkey_length) };
    Zkey::parse(zkey).map_or(u32::MAX, |key| key.public as u32)
}
