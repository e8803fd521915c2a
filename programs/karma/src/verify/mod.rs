pub mod hash;
pub mod secp256k1;
pub mod sum_path;
