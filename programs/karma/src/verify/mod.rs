pub mod bn254;
pub mod ed25519_instruction;
pub mod groth16;
pub mod hash;
pub mod proofs;
pub mod records;
pub mod secp256k1;
pub mod sum_path;

pub mod bad_signature;
pub mod ed25519;
pub mod evidence;
pub mod false_report;
pub mod lazy_verdict;
pub mod report;
pub mod sha512;
pub mod signed_headers;
