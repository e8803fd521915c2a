//! Vault: holds what escrows settled and pays claims.
use super::Account;

#[repr(C)]
pub struct Vault {
    pub discriminator: [u8; 8],
    pub bump: u8,
    pub padding0: [u8; 7],
    /// Lamports that escrows settled, in all.
    pub received: u64,
    /// Lamports that claims paid, in all.
    pub paid: u64,
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Vault {
    const DISCRIMINATOR: [u8; 8] = [211, 8, 232, 43, 2, 152, 117, 119];
}

const _: () = assert!(core::mem::size_of::<Vault>() == 32);
