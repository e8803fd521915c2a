//! Creation of the program's accounts at derived addresses.
use super::Account;
use crate::error::{require, KarmaError};
#[cfg(target_arch = "bpf")]
use crate::verify::hash::sha256;
use pinocchio::{
    cpi::{Seed, Signer},
    error::ProgramError,
    sysvars::{rent::Rent, Sysvar},
    AccountView, Address,
};
use pinocchio_system::instructions::{Allocate, Assign, CreateAccount, Transfer};

/// No address of this program has more seeds than this, the bump included.
const MAX_SEEDS: usize = 7;

pub struct Creation<'a> {
    pub program: &'a Address,
    pub payer: &'a AccountView,
    pub account: &'a mut AccountView,
    /// Lamports above the rent: a bond or a deposit.
    pub lamports: u64,
    pub seeds: &'a [&'a [u8]],
}

/// Lamports that an account of `size` bytes must keep.
#[inline(always)]
pub fn rent(size: usize) -> Result<u64, ProgramError> {
    Rent::get()?.try_minimum_balance(size)
}

/// Creates an account of type `T`, writes its discriminator and returns its bump. `BadPda` if the address is another,
/// `AlreadyInitialised` if the account exists. Lamports that a stranger sent to the address beforehand do not stop it.
#[inline(always)]
pub fn create<T: Account>(creation: &mut Creation) -> Result<u8, ProgramError> {
    create_sized(creation, T::SIZE, &T::DISCRIMINATOR)
}

/// As `create`, with room for `items` behind the structure. What a program creates has at most 10,240 bytes.
#[inline(always)]
pub fn create_with<T: Account>(creation: &mut Creation, items: u32) -> Result<u8, ProgramError> {
    create_sized(creation, T::SIZE.wrapping_add(T::ITEM.wrapping_mul(items as usize)), &T::DISCRIMINATOR)
}

#[inline(always)]
fn create_sized(creation: &mut Creation, size: usize, discriminator: &[u8; 8]) -> Result<u8, ProgramError> {
    let bump = create_for(creation, size, creation.program)?;
    creation.account.try_borrow_mut()?[..8].copy_from_slice(discriminator);
    Ok(bump)
}

/// As `create`, for an account of `size` zeros that `owner` will fill.
#[inline(never)]
pub fn create_for(creation: &mut Creation, size: usize, owner: &Address) -> Result<u8, ProgramError> {
    let Creation { program, payer, account, lamports, seeds } = creation;
    let (address, bump) = derive(seeds, program)?;
    require(*account.address() == address, KarmaError::BadPda)?;
    require(account.is_data_empty() && !account.owned_by(owner), KarmaError::AlreadyInitialised)?;
    require(payer.is_signer(), KarmaError::WrongIdentity)?;

    let bump_seed = [bump];
    let mut signer_seeds: [Seed; MAX_SEEDS] = core::array::from_fn(|_| Seed::from(bump_seed.as_slice()));
    for (to, from) in signer_seeds.iter_mut().zip(seeds.iter()) {
        *to = Seed::from(*from);
    }
    let signers = [Signer::from(&signer_seeds[..seeds.len() + 1])];
    let minimum = rent(size)?;
    let present = account.lamports();
    if present == 0 {
        let total = minimum.checked_add(*lamports).ok_or(KarmaError::Overflow)?;
        CreateAccount { from: payer, to: account, lamports: total, space: size as u64, owner }
            .invoke_signed(&signers)?;
    } else {
        let total = minimum.saturating_sub(present).checked_add(*lamports).ok_or(KarmaError::Overflow)?;
        Transfer { from: payer, to: account, lamports: total }.invoke()?;
        Allocate { account, space: size as u64 }.invoke_signed(&signers)?;
        Assign { account, owner }.invoke_signed(&signers)?;
    }
    Ok(bump)
}

/// The address that the seeds give, and its bump: the highest for which the hash is no point of the curve, as the runtime finds
/// it. A hash and a look at the curve take a quarter of the units of the runtime's own call, which costs as much for every bump.
#[cfg(target_arch = "bpf")]
#[inline(never)]
fn derive(seeds: &[&[u8]], program: &Address) -> Result<(Address, u8), ProgramError> {
    use solana_define_syscall::definitions::sol_curve_validate_point;
    const EDWARDS: u64 = 0;
    let mut bump = [u8::MAX];
    loop {
        let mut parts: [&[u8]; MAX_SEEDS + 2] = [&[]; MAX_SEEDS + 2];
        for (to, from) in parts.iter_mut().zip(seeds.iter()) {
            *to = from;
        }
        parts[seeds.len()] = &bump;
        parts[seeds.len() + 1] = program.as_array();
        parts[seeds.len() + 2] = b"ProgramDerivedAddress";
        let hash = sha256(&parts[..seeds.len() + 3])?;
        // SAFETY: the syscall reads the 32 bytes of a compressed point, and writes nothing.
        let is_point = unsafe { sol_curve_validate_point(EDWARDS, hash.as_ptr(), core::ptr::null_mut()) } == 0;
        if !is_point {
            return Ok((Address::new_from_array(hash), bump[0]));
        }
        bump[0] = bump[0].checked_sub(1).ok_or(KarmaError::BadPda)?;
    }
}

/// The host cannot derive addresses; the in-process machine of test/program runs the real syscall.
#[cfg(not(target_arch = "bpf"))]
fn derive(_seeds: &[&[u8]], _program: &Address) -> Result<(Address, u8), ProgramError> {
    Err(KarmaError::BadPda.into())
}
