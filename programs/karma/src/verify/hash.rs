//! SHA-256 and Keccak-256 as syscalls; on the host, where only tests run, SHA-256 in software.
use crate::state::Key;
use pinocchio::error::ProgramError;

/// F-02: the byte after the domain that separates records of different kinds.
pub mod kind {
    pub const TICKET: u8 = 2;
    pub const SEAL: u8 = 4;
    pub const RECEIPT: u8 = 6;
    pub const REFUSAL: u8 = 7;
    pub const BATCH: u8 = 10;
    pub const MANIFEST: u8 = 11;
    pub const VERDICT: u8 = 12;
    pub const REPORT: u8 = 13;
    pub const ROOT_SEAL: u8 = 14;
    pub const SALT: u8 = 15;
    pub const SALT_COMMITMENT: u8 = 16;
    pub const BEACON: u8 = 17;
    pub const SECP256K1: u8 = 19;
    pub const VOUCHER: u8 = 22;
    pub const FINDING: u8 = 23;
    pub const PLANTED: u8 = 24;
}

/// SHA-256 of the parts one after another.
#[cfg(target_arch = "bpf")]
#[inline(always)]
pub fn sha256(parts: &[&[u8]]) -> Result<Key, ProgramError> {
    let mut out = [0u8; 32];
    // SAFETY: the syscall reads `parts.len()` slice descriptors and writes 32 bytes.
    let code = unsafe {
        solana_define_syscall::definitions::sol_sha256(
            parts.as_ptr() as *const u8,
            parts.len() as u64,
            out.as_mut_ptr(),
        )
    };
    crate::error::require(code == 0, crate::error::KarmaError::HashFailed)?;
    Ok(out)
}

#[cfg(not(target_arch = "bpf"))]
pub fn sha256(parts: &[&[u8]]) -> Result<Key, ProgramError> {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Ok(hasher.finalize().into())
}
