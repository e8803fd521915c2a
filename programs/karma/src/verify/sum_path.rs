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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{key, number, read, Value};

    fn node<const N: usize>(value: &Value) -> SumNode<N> {
        let sums: Vec<u64> = value["sums"].as_array().unwrap().iter().map(number).collect();
        SumNode { hash: key(&value["hash"]), sums: sums.try_into().unwrap() }
    }

    /// A path as an instruction carries it.
    fn encoded(path: &Value) -> Vec<u8> {
        let nodes = path.as_array().unwrap();
        let mut out = (nodes.len() as u32).to_le_bytes().to_vec();
        for node in nodes {
            out.extend(key(&node["hash"]));
            for sum in node["sums"].as_array().unwrap() {
                out.extend(number(sum).to_le_bytes());
            }
        }
        out
    }

    fn check_tree<const N: usize>(tree: &Value) {
        let leaves = tree["leaves"].as_array().unwrap();
        let count = leaves.len() as u32;
        assert_eq!(tree_height(count) as u64, tree["height"].as_u64().unwrap(), "{}", tree["name"]);
        for (index, leaf) in leaves.iter().enumerate() {
            // An absent leaf (null) has no path that anybody would show.
            if leaf.is_null() {
                continue;
            }
            let path = encoded(&tree["paths"][index]);
            let place = Place { index: index as u32, count };
            let root = follow::<N>(node(leaf), &place, &mut Arguments::new(&path)).unwrap();
            assert_eq!(root, node(&tree["root"]), "{} leaf {index}", tree["name"]);
        }
    }

    fn is_false<const N: usize>(case: &Value) -> bool {
        let path = encoded(&case["path"]);
        let place =
            Place { index: case["index"].as_u64().unwrap() as u32, count: case["count"].as_u64().unwrap() as u32 };
        let reached = follow::<N>(node(&case["leaf"]), &place, &mut Arguments::new(&path));
        reached.map_or(true, |root| root != node(&case["root"]))
    }

    fn overflows<const N: usize>(case: &Value) -> bool {
        let mut level: Vec<SumNode<N>> = case["leaves"].as_array().unwrap().iter().map(node).collect();
        while level.len() > 1 {
            let above: Result<Vec<_>, _> = level.chunks(2).map(|pair| parent(&pair[0], &pair[1])).collect();
            let Ok(above) = above else { return true };
            level = above;
        }
        false
    }

    #[test]
    fn t_02_vectors() {
        let vectors = read("merkle");
        for tree in vectors["trees"].as_array().unwrap() {
            match tree["counters"].as_u64().unwrap() {
                1 => check_tree::<1>(tree),
                6 => check_tree::<6>(tree),
                _ => {}
            }
        }
        for case in vectors["falsePaths"].as_array().unwrap() {
            let refused = match case["counters"].as_u64().unwrap() {
                1 => is_false::<1>(case),
                6 => is_false::<6>(case),
                _ => true,
            };
            assert!(refused, "{}", case["why"]);
        }
        for case in vectors["overflows"].as_array().unwrap() {
            let refused = match case["counters"].as_u64().unwrap() {
                1 => overflows::<1>(case),
                _ => overflows::<6>(case),
            };
            assert!(refused);
        }
    }
}
