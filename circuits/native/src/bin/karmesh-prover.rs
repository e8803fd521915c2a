//! The prover as a program, several times as fast as in WebAssembly.

use karmesh_circuits::prover::{RANDOM_BYTES, prove};
use karmesh_circuits::setup::setup;
use karmesh_circuits::trapdoor::SEED_BYTES;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::process::ExitCode;

const USAGE: &str = "\
usage: karmesh-prover setup <r1cs> <seed> <zkey>
       karmesh-prover prove <zkey> <wtns> <proof> <public>

setup makes an INSECURE DEVELOPMENT KEY: whoever has the seed, 64 hexadecimal digits, can forge proofs.
prove writes a proof of 256 bytes and 32 bytes for each public signal, numbers with the highest byte first.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage.";

/// What ends the program without a result.
enum Failure {
    Usage(String),
    Other(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["setup", r1cs, seed, zkey] => make_key(r1cs, seed, zkey),
        ["prove", zkey, wtns, proof, public] => make_proof(zkey, wtns, proof, public),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::Usage("The arguments are not those of a command.".into())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Other(sentence)) => {
            eprintln!("✖ {sentence}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(sentence)) => {
            eprintln!("✖ {sentence}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn make_key(r1cs: &str, seed: &str, zkey: &str) -> Result<(), Failure> {
    const PIECE: usize = 1 << 20;
    let seed = parse_seed(seed).ok_or_else(|| Failure::Usage("A seed is 64 hexadecimal digits.".into()))?;
    let source = File::open(r1cs).map_err(|error| failed("read", r1cs, error))?;
    let target = File::create(zkey).map_err(|error| failed("write", zkey, error))?;
    let header = setup(BufReader::with_capacity(PIECE, source), &seed, BufWriter::with_capacity(PIECE, target));
    let header = header.map_err(|error| {
        // Half a key is worse than none. That it cannot be removed changes nothing about the failure to tell.
        let _ = fs::remove_file(zkey);
        Failure::Other(error.to_string())
    })?;
    eprintln!(
        "Wrote an INSECURE DEVELOPMENT KEY for {} constraints, {} wires and {} public signals.",
        header.constraints,
        header.wires,
        header.public()
    );
    Ok(())
}

fn make_proof(zkey: &str, wtns: &str, proof: &str, public: &str) -> Result<(), Failure> {
    let key = fs::read(zkey).map_err(|error| failed("read", zkey, error))?;
    let witness = fs::read(wtns).map_err(|error| failed("read", wtns, error))?;
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::Other(format!("The system gave no random bytes: {error}.")))?;
    let proven = prove(&key, &witness, &random).map_err(|error| Failure::Other(error.to_string()))?;
    fs::write(proof, proven.proof).map_err(|error| failed("write", proof, error))?;
    fs::write(public, proven.public).map_err(|error| failed("write", public, error))
}

fn failed(verb: &str, path: &str, error: std::io::Error) -> Failure {
    Failure::Other(format!("Could not {verb} {path}: {error}."))
}

fn parse_seed(text: &str) -> Option<[u8; SEED_BYTES]> {
    let mut seed = [0; SEED_BYTES];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != SEED_BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in seed.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(seed)
}
