//! `settle_escrow`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, ESCROW_SETTLED},
    math::checked::{add, increment, sub},
    state::{
        config::Config,
        epoch::{self, Epoch},
        escrow::{balance, Escrow},
        lamports::move_lamports,
        read,
        vault::Vault,
        write, NONE,
    },
    verify::{
        records::{settlement_leaf, SettlementLeaf},
        sum_path::{follow, Place, SumNode},
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-19: moves what an epoch debits one escrow to the vault, by a path under the report's settlementsRoot. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | epochAccount | writable | |
/// | 1 | config | | |
/// | 2 | escrow | writable | |
/// | 3 | vault | writable | |
///
/// Arguments: epoch u64, index u32, cumulativeAfter u64, debit u64, path vec of (hash [32], sum u64).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let index = cx.arguments.u32()?;
    let cumulative_after = cx.arguments.u64()?;
    let debit = cx.arguments.u64()?;
    let [epoch_account, config, escrow, vault, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let escrow_key = *escrow.address().as_array();
    {
        let available = balance(escrow)?;
        let config = read::<Config>(config, cx.program)?;
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        let mut escrow = write::<Escrow>(escrow, cx.program)?;
        account.require_epoch(number)?;
        account.require_state(epoch::REPORTED)?; // P-19
                                                 // P-19: what was passed over never becomes final, so that its debits would be for nothing.
        require(config.is_after_last_finalised(number), KarmaError::WrongEpoch)?;
        let settled = escrow.last_settled_epoch != NONE && escrow.last_settled_epoch >= number;
        require(!settled, KarmaError::AlreadySettled)?; // P-19
        let leaf = SumNode {
            hash: settlement_leaf(
                &config.domain,
                &SettlementLeaf { epoch, escrow: &escrow_key, cumulative_after, debit },
            )?,
            sums: [debit],
        };
        let root = follow(leaf, &Place { index, count: account.escrow_count }, &mut cx.arguments)?;
        cx.arguments.finish()?;
        require(
            root.hash == account.settlements_root && root.sums[0] == account.settlements_total,
            KarmaError::BadPath,
        )?; // P-19
        require(sub(cumulative_after, debit)? == escrow.cumulative_debit, KarmaError::BadAmount)?; // P-19
        require(available >= debit, KarmaError::EscrowShort)?; // P-19
        require(cumulative_after <= escrow.authorised, KarmaError::NoVoucher)?; // M-07

        escrow.cumulative_debit = cumulative_after;
        escrow.last_settled_epoch = number;
        account.settled_lamports = add(account.settled_lamports, debit)?;
        account.settled_count = increment(account.settled_count)?;
        let mut vault = write::<Vault>(vault, cx.program)?;
        vault.received = add(vault.received, debit)?;
    }
    move_lamports(escrow, vault, debit)?;
    Event::new(ESCROW_SETTLED).u64(number).key(&escrow_key).u64(debit).emit()
}
