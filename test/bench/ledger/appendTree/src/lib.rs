//! The rival that `npm run bench -- ledger` measures: a program that appends the hash of every receipt to a Merkle tree of 2^20
//! leaves in one account. It keeps the rightmost node of each level and the root, and nothing that other such programs need
//! beside it (a change log, a canopy, permissions), so that it is cheaper than any of them.
#![cfg_attr(target_arch = "bpf", no_std)]
#![allow(unexpected_cfgs)]

#[cfg(target_arch = "bpf")]
#[path = "../../../../../programs/karma/src/builtins.rs"]
mod builtins;

#[cfg(target_arch = "bpf")]
mod program {
    use pinocchio::{
        error::ProgramError, no_allocator, nostd_panic_handler, program_entrypoint, AccountView, Address, ProgramResult,
    };

    const HEIGHT: usize = 20;
    /// Leaves so far as u64, the root, then the rightmost left node of each level.
    const ROOT: usize = 8;
    const NODES: usize = 40;
    const SIZE: usize = NODES + 32 * HEIGHT;

    program_entrypoint!(append);
    no_allocator!();
    nostd_panic_handler!();

    /// An inner node.
    fn inner(left: &[u8], right: &[u8]) -> [u8; 32] {
        let parts: [&[u8]; 3] = [&[1], left, right];
        let mut out = [0u8; 32];
        // SAFETY: the syscall reads three slice descriptors and writes 32 bytes.
        unsafe { solana_define_syscall::definitions::sol_sha256(parts.as_ptr() as *const u8, 3, out.as_mut_ptr()) };
        out
    }

    /// Data: the leaves, 32 bytes each. Account 0 is the tree, writable, of `SIZE` bytes and the program's.
    fn append(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
        let tree = accounts.first_mut().ok_or(ProgramError::NotEnoughAccountKeys)?;
        if !tree.owned_by(program) || tree.data_len() != SIZE || data.len() % 32 != 0 {
            return Err(ProgramError::InvalidArgument);
        }
        let mut bytes = tree.try_borrow_mut()?;
        let (head, nodes) = bytes.split_at_mut(NODES);
        let (leaves, _) = data.as_chunks::<32>();
        let mut count = u64::from_le_bytes(head[..8].try_into().map_err(|_| ProgramError::InvalidArgument)?);
        for leaf in leaves {
            let mut node = *leaf;
            let mut level = 0;
            // A right child makes its parent known, and so on upwards.
            while count >> level & 1 == 1 && level < HEIGHT {
                node = inner(&nodes[32 * level..32 * level + 32], &node);
                level += 1;
            }
            if level == HEIGHT {
                return Err(ProgramError::InvalidArgument);
            }
            nodes[32 * level..32 * level + 32].copy_from_slice(&node);
            count += 1;
        }
        let (mut root, mut empty) = ([0u8; 32], [0u8; 32]);
        for level in 0..HEIGHT {
            root = match count >> level & 1 {
                1 => inner(&nodes[32 * level..32 * level + 32], &root),
                _ => inner(&root, &empty),
            };
            empty = inner(&empty, &empty);
        }
        head[..8].copy_from_slice(&count.to_le_bytes());
        head[ROOT..ROOT + 32].copy_from_slice(&root);
        Ok(())
    }
}
