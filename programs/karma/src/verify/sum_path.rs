//! T-02: paths of Merkle-sum trees with `N` counters.
use super::hash::sha256;
use crate::{
    error::{require, KarmaError},
    instruction::Arguments,
    math::checked::add,
    state::Key,
};
use pinocchio::error::ProgramError;

/// A node: its hash and what the leaves below it add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumNode<const N: usize> {
    pub hash: Key,
    pub sums: [u64; N],
}

/// `ceil(log2(count))`. One leaf is its own root.
#[inline(always)]
pub fn tree_height(count: u32) -> u32 {
    if count <= 1 {
        0
    } else {
        32 - (count - 1).leading_zeros()
    }
}

/// `H(0x01 || left || right || sums of both)`. `Overflow` if a sum leaves 64 bits.
#[inline(never)]
fn parent<const N: usize>(left: &SumNode<N>, right: &SumNode<N>) -> Result<SumNode<N>, ProgramError> {
    let mut sums = [0; N];
    let mut bytes = [[0u8; 8]; N];
    for i in 0..N {
        sums[i] = add(left.sums[i], right.sums[i])?;
        bytes[i] = sums[i].to_le_bytes();
    }
    let hash = sha256(&[&[1], &left.hash, &right.hash, bytes.as_flattened()])?;
    Ok(SumNode { hash, sums })
}

/// Where a leaf stands.
pub struct Place {
    pub index: u32,
    pub count: u32,
}

/// Follows the path that `arguments` hold next (a borsh vector of hash and sums, from the leaf upwards) to the root.
/// `BadPath` if the index lies outside of the tree or the path does not have the tree's height.
#[inline(never)]
pub fn follow<const N: usize>(
    leaf: SumNode<N>,
    place: &Place,
    arguments: &mut Arguments,
) -> Result<SumNode<N>, ProgramError> {
    let length = arguments.u32()?;
    require(place.index < place.count && length == tree_height(place.count), KarmaError::BadPath)?;
    let mut node = leaf;
    for level in 0..length {
        let sibling = SumNode { hash: *arguments.bytes::<32>()?, sums: arguments.u64s::<N>()? };
        let is_right_child = (place.index >> level) & 1 == 1;
        node = if is_right_child { parent(&sibling, &node)? } else { parent(&node, &sibling)? };
    }
    Ok(node)
}
