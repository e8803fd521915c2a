//! What this program reads of accounts of the SPL Token program, and what it asks of it. Layouts:
//! <https://github.com/solana-program/token/blob/main/interface/src/state.rs>.
use super::{config::Config, Key};
use crate::{
    error::{require, KarmaError},
    seeds,
    verify::hash::sha256,
};
use pinocchio::{
    cpi::{invoke_signed, Seed, Signer},
    error::ProgramError,
    instruction::{InstructionAccount, InstructionView},
    AccountView, Address, ProgramResult,
};

pub const TOKEN_PROGRAM: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Bytes of a token account.
pub const TOKEN_ACCOUNT_BYTES: usize = 165;
const MINT_BYTES: usize = 82;
const NO_KEY: [u8; 4] = [0; 4];
const INITIALISED: u8 = 1;
const TRANSFER: u8 = 3;
const INITIALISE_ACCOUNT_3: u8 = 18;

/// `BadPda` unless this is the SPL Token program.
#[inline(always)]
pub fn require_token_program(program: &AccountView) -> ProgramResult {
    require(*program.address() == TOKEN_PROGRAM, KarmaError::BadPda)
}

/// The supply of a mint that nobody can change any more. `BadMint` unless it is one: who could mint would have all the weight it
/// likes, who could freeze would keep others' stake from leaving, and wrapped lamports have no supply of their own.
#[inline(never)]
pub fn fixed_supply(mint: &AccountView) -> Result<u64, ProgramError> {
    require(mint.owned_by(&TOKEN_PROGRAM) && mint.data_len() == MINT_BYTES, KarmaError::BadMint)?;
    let data = mint.try_borrow()?;
    require(data[45] == INITIALISED, KarmaError::BadMint)?;
    require(data[..4] == NO_KEY && data[46..50] == NO_KEY, KarmaError::BadMint)?;
    let supply = u64_at(&data, 36)?;
    require(supply > 0, KarmaError::BadMint)?;
    Ok(supply)
}

/// The tokens in `owner`'s account. `BadTokenAccount` unless it is one for the cluster's token and open; `BadMint` while the
/// cluster has no token.
#[inline(never)]
pub fn tokens_of(account: &AccountView, config: &Config, owner: &Key) -> Result<u64, ProgramError> {
    require(config.token_mint != [0; 32], KarmaError::BadMint)?;
    let fits = account.owned_by(&TOKEN_PROGRAM) && account.data_len() == TOKEN_ACCOUNT_BYTES;
    require(fits, KarmaError::BadTokenAccount)?;
    let data = account.try_borrow()?;
    require(data[..32] == config.token_mint && data[32..64] == *owner, KarmaError::BadTokenAccount)?;
    require(data[108] == INITIALISED, KarmaError::BadTokenAccount)?;
    u64_at(&data, 64)
}

/// `BadTokenAccount` unless this is the account that holds staked tokens. Its address alone says so: anybody can make a token
/// account that belongs to itself.
#[inline(never)]
pub fn require_token_vault(account: &AccountView, config: &Config, program: &Address) -> ProgramResult {
    let bump = [config.token_vault_bump];
    let address = sha256(&[seeds::TOKENS, &bump, program.as_array(), b"ProgramDerivedAddress"])?;
    require(*account.address().as_array() == address, KarmaError::BadTokenAccount)
}

/// Makes the token vault out of an empty account: it belongs to its own address, for which only this program signs.
#[inline(never)]
pub fn initialise_vault(vault: &AccountView, mint: &AccountView) -> ProgramResult {
    let mut data = [INITIALISE_ACCOUNT_3; 33];
    data[1..].copy_from_slice(vault.address().as_array());
    let accounts = [InstructionAccount::writable(vault.address()), InstructionAccount::readonly(mint.address())];
    let instruction = InstructionView { program_id: &TOKEN_PROGRAM, accounts: &accounts, data: &data };
    invoke_signed(&instruction, &[vault, mint], &[])
}

/// Tokens that `authority` moves: who signed, or the vault.
pub struct TokenTransfer<'a> {
    pub from: &'a AccountView,
    pub to: &'a AccountView,
    pub authority: &'a AccountView,
    pub amount: u64,
}

impl TokenTransfer<'_> {
    #[inline(never)]
    pub fn invoke(&self, signers: &[Signer]) -> ProgramResult {
        let Self { from, to, authority, amount } = *self;
        let mut data = [TRANSFER; 9];
        data[1..].copy_from_slice(&amount.to_le_bytes());
        let accounts = [
            InstructionAccount::writable(from.address()),
            InstructionAccount::writable(to.address()),
            InstructionAccount::readonly_signer(authority.address()),
        ];
        let instruction = InstructionView { program_id: &TOKEN_PROGRAM, accounts: &accounts, data: &data };
        invoke_signed(&instruction, &[from, to, authority], signers)
    }

    #[inline(always)]
    pub fn invoke_as_vault(&self, bump: u8) -> ProgramResult {
        let bump = [bump];
        self.invoke(&[Signer::from(&[Seed::from(seeds::TOKENS), Seed::from(bump.as_slice())])])
    }
}

#[inline(always)]
fn u64_at(data: &[u8], offset: usize) -> Result<u64, ProgramError> {
    Ok(u64::from_le_bytes(*data[offset..].first_chunk::<8>().ok_or(KarmaError::BadTokenAccount)?))
}
