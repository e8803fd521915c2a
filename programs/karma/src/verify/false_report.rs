//! P-45, P-46: what shows a report to be false, read from a buffer. A leaf's preimage begins with 0x00 and an inner node's with
//! 0x01, both have one length each, and in the lifetime tree the height says which of them stands where; so nothing passes for
//! another, and no evidence of this kind exists against true trees.
use super::{
    evidence::{credit_leaf, CreditLeaf},
    hash::sha256,
    records::{lifetime_leaf, LifetimeLeaf},
    report::Report,
    sum_path::{follow, tree_height, Place, SumNode},
};
use crate::{
    error::{require, KarmaError},
    instruction::Arguments,
    state::{epoch::Epoch, Key},
};
use pinocchio::error::ProgramError;

type Node = SumNode<6>;
type Judged = Result<bool, ProgramError>;

const ZERO: Key = [0; 32];
/// What stands in a place of a tree, where the height does not say it.
const ABSENT: u8 = 0;
const LEAF: u8 = 1;
const INNER: u8 = 2;
/// No tree is higher.
const MAX_HEIGHT: u32 = 32;

/// A report's lifetime tree (T-01 to T-03).
pub struct LifetimeTree<'a> {
    pub domain: &'a Key,
    pub epoch: u64,
    pub root: &'a Key,
    /// How many places it has.
    pub count: u32,
}

impl<'a> LifetimeTree<'a> {
    #[inline(always)]
    pub fn of(domain: &'a Key, epoch: u64, report: &Report<'a>) -> Self {
        Self { domain, epoch, root: report.root, count: report.participant_count }
    }

    /// Of the report that a final epoch's account holds.
    #[inline(always)]
    pub fn of_final(domain: &'a Key, epoch: &'a Epoch) -> Self {
        Self { domain, epoch: epoch.epoch, root: &epoch.root, count: epoch.participant_count }
    }
}

/// An inner node as its preimage shows it.
struct Inner<'a> {
    children: [&'a Key; 2],
    node: Node,
}

#[inline(never)]
fn read_inner<'a>(fields: &mut Arguments<'a>) -> Result<Inner<'a>, ProgramError> {
    let children = [fields.bytes::<32>()?, fields.bytes::<32>()?];
    let sums = fields.bytes::<48>()?;
    let hash = sha256(&[&[1], children[0], children[1], sums])?;
    Ok(Inner { children, node: Node { hash, sums: Arguments::new(sums).u64s()? } })
}

/// A participant's leaf, T-01: participant, counters, receiptsRoot.
#[inline(never)]
fn read_lifetime<'a>(tree: &LifetimeTree, fields: &mut Arguments<'a>) -> Result<(Node, &'a Key), ProgramError> {
    let participant = fields.bytes::<32>()?;
    let counters = fields.bytes::<48>()?;
    let receipts_root = fields.bytes::<32>()?;
    let epoch = tree.epoch.to_le_bytes();
    let hash = lifetime_leaf(tree.domain, &LifetimeLeaf { epoch: &epoch, participant, counters, receipts_root })?;
    Ok((Node { hash, sums: Arguments::new(counters).u64s()? }, receipts_root))
}

/// A credit, T-04: entryHash, receiptHash, counters.
#[inline(never)]
fn read_credit(tree: &LifetimeTree, fields: &mut Arguments) -> Result<Node, ProgramError> {
    let (entry_hash, receipt_hash) = (fields.bytes::<32>()?, fields.bytes::<32>()?);
    let counters = fields.bytes::<48>()?;
    let epoch = tree.epoch.to_le_bytes();
    let hash = credit_leaf(tree.domain, &CreditLeaf { epoch: &epoch, entry_hash, receipt_hash, counters })?;
    Ok(Node { hash, sums: Arguments::new(counters).u64s()? })
}

/// Which tree a node is of, and at which depth below the root.
#[derive(Clone, Copy)]
enum Stand {
    Lifetime { is_leaf: bool },
    Credits,
}

/// A node with its sums: in the lifetime tree at the lowest level a leaf or none, above an inner node; among credits what its
/// first byte says.
#[inline(never)]
fn read_node(tree: &LifetimeTree, stand: Stand, fields: &mut Arguments) -> Result<Node, ProgramError> {
    if let Stand::Lifetime { is_leaf: false } = stand {
        return Ok(read_inner(fields)?.node);
    }
    match (fields.u8()?, stand) {
        (ABSENT, _) => Ok(Node { hash: ZERO, sums: [0; 6] }),
        (LEAF, Stand::Lifetime { .. }) => Ok(read_lifetime(tree, fields)?.0),
        (LEAF, Stand::Credits) => read_credit(tree, fields),
        (INNER, Stand::Credits) => Ok(read_inner(fields)?.node),
        _ => Err(KarmaError::BadEvidence.into()),
    }
}

/// P-45: true if the evidence leads from the report's root to a node whose sums are not its children's. The evidence: tree u8
/// (0 the lifetime tree; 1 the credits of a participant, with its leaf, index u32 and path), depth u8, turns u32 (bit i: from the
/// node at depth i to the right), the `depth` inner nodes from the root on, and the children of the last. With depth 0 the root
/// of the lifetime tree itself, whose sums are not the report's totals.
#[inline(never)]
pub fn is_false_sum(tree: &LifetimeTree, totals: &[u64; 6], fields: &mut Arguments) -> Judged {
    let height = tree_height(tree.count);
    let of_credits = match fields.u8()? {
        0 => None,
        1 => {
            let (leaf, receipts_root) = read_lifetime(tree, fields)?;
            let index = fields.u32()?;
            reaches(tree, leaf, index, fields)?;
            Some(receipts_root)
        }
        _ => return Err(KarmaError::BadEvidence.into()),
    };
    let stand = |depth: u32| match of_credits {
        None => Stand::Lifetime { is_leaf: depth == height },
        Some(_) => Stand::Credits,
    };
    let depth = u32::from(fields.u8()?);
    let turns = fields.u32()?;
    let deepest = if of_credits.is_some() { MAX_HEIGHT } else { height };
    require(depth <= deepest, KarmaError::BadEvidence)?; // P-45
    let mut expected = *of_credits.unwrap_or(tree.root);
    if depth == 0 {
        require(of_credits.is_none(), KarmaError::BadEvidence)?;
        let root = read_node(tree, stand(0), fields)?;
        require(root.hash == expected, KarmaError::BadEvidence)?; // P-45
        return Ok(root.sums != *totals);
    }
    let mut at = 0;
    loop {
        let Inner { children, node } = read_inner(fields)?;
        require(node.hash == expected, KarmaError::BadEvidence)?; // P-45
        at += 1;
        if at < depth {
            expected = *children[((turns >> (at - 1)) & 1) as usize];
            continue;
        }
        let left = read_node(tree, stand(depth), fields)?;
        let right = read_node(tree, stand(depth), fields)?;
        require(left.hash == *children[0] && right.hash == *children[1], KarmaError::BadEvidence)?; // P-45
        return Ok((0..6).any(|i| left.sums[i].checked_add(right.sums[i]) != Some(node.sums[i])));
    }
}

/// `BadPath` unless the node stands at `index` among the leaves of the report's lifetime tree.
#[inline(never)]
fn reaches(tree: &LifetimeTree, leaf: Node, index: u32, fields: &mut Arguments) -> Result<(), ProgramError> {
    let root = follow(leaf, &Place { index, count: tree.count }, fields)?;
    require(root.hash == *tree.root, KarmaError::BadPath)
}

/// What a report says of a participant.
struct Lifetime<'a> {
    leaf: Node,
    participant: Option<&'a Key>,
    receipts_root: &'a Key,
}

/// A leaf with its path, or that there is none at this index: the index lies behind the tree, or a path leads to an absent leaf.
#[inline(never)]
fn read_place<'a>(tree: &LifetimeTree, index: u32, fields: &mut Arguments<'a>) -> Result<Lifetime<'a>, ProgramError> {
    match fields.u8()? {
        ABSENT => {
            let leaf = Node { hash: ZERO, sums: [0; 6] };
            if index < tree.count {
                reaches(tree, leaf, index, fields)?;
            }
            Ok(Lifetime { leaf, participant: None, receipts_root: &ZERO })
        }
        LEAF => {
            let participant = fields.peek::<32>()?;
            let (leaf, receipts_root) = read_lifetime(tree, fields)?;
            reaches(tree, leaf, index, fields)?;
            Ok(Lifetime { leaf, participant: Some(participant), receipts_root })
        }
        _ => Err(KarmaError::BadEvidence.into()),
    }
}

/// What a report says of one registration index.
pub struct Growth {
    pub index: u32,
    /// The leaf's hash, zeros if there is none.
    pub leaf: Key,
    /// P-46: true if the lifetime is not what the prior report said and the credits of the epoch.
    pub is_false: bool,
}

/// P-46: reads index u32, the leaf or its absence in this report, the top of its receiptsRoot unless that is zero (u8 1: the only
/// credit; 2: an inner node), and the leaf or its absence in the prior report, unless there is none. `prior` is the report
/// that this one follows on.
#[inline(never)]
pub fn read_growth(
    tree: &LifetimeTree,
    prior: Option<&LifetimeTree>,
    fields: &mut Arguments,
) -> Result<Growth, ProgramError> {
    let index = fields.u32()?;
    let now = read_place(tree, index, fields)?;
    let mut grown = [0; 6];
    if *now.receipts_root != ZERO {
        let top = read_node(tree, Stand::Credits, fields)?;
        require(top.hash == *now.receipts_root, KarmaError::BadEvidence)?; // P-46
        grown = top.sums;
    }
    let mut before = [0; 6];
    if let Some(prior) = prior {
        let then = read_place(prior, index, fields)?;
        let is_same = now.participant.is_none() || then.participant.is_none() || now.participant == then.participant;
        require(is_same, KarmaError::BadEvidence)?; // P-46
        before = then.leaf.sums;
    }
    let is_false = (0..6).any(|i| before[i].checked_add(grown[i]) != Some(now.leaf.sums[i]));
    Ok(Growth { index, leaf: now.leaf.hash, is_false })
}

/// P-49: `BadPath` unless the path that `fields` hold next leads from the same leaf to the claims tree's root (T-06).
#[inline(never)]
pub fn reaches_claims(report: &Report, growth: &Growth, fields: &mut Arguments) -> Result<(), ProgramError> {
    let place = Place { index: growth.index, count: report.participant_count };
    let root = follow(SumNode::<0> { hash: growth.leaf, sums: [] }, &place, fields)?;
    require(root.hash == *report.claims_root, KarmaError::BadPath) // P-49
}

/// P-46: true if the claims tree has another leaf at an index than the lifetime tree. The evidence: index u32, the leaf's hash in
/// the claims tree and its path, the leaf's hash and sums in the lifetime tree and its path.
#[inline(never)]
pub fn is_false_claims_leaf(tree: &LifetimeTree, claims_root: &Key, fields: &mut Arguments) -> Judged {
    let index = fields.u32()?;
    let claimed = *fields.bytes::<32>()?;
    let place = Place { index, count: tree.count };
    let root = follow(SumNode::<0> { hash: claimed, sums: [] }, &place, fields)?;
    require(root.hash == *claims_root, KarmaError::BadPath)?; // P-46
    let leaf = Node { hash: *fields.bytes()?, sums: fields.u64s()? };
    let hash = leaf.hash;
    reaches(tree, leaf, index, fields)?;
    Ok(claimed != hash)
}
