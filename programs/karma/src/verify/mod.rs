pub mod hash;
pub mod records;
pub mod secp256k1;
pub mod sum_path;
