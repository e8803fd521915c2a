//! What evidence is known by (docs/protocol.md, Evidence), pinned by test/vectors/evidence.json and hashes.json.
use super::hash::{kind, sha256};
use crate::state::Key;
use pinocchio::error::ProgramError;

type Hashed = Result<Key, ProgramError>;

/// P-41: what a finder commits to. `evidence` is the evidence's hash.
#[inline(always)]
pub fn finding_commitment(domain: &Key, finder: &Key, evidence: &Key, salt: &Key) -> Hashed {
    sha256(&[domain, &[kind::FINDING], finder, evidence, salt])
}

/// P-42: the name of an offence of one participant: its kind and what no two honest deeds of it share.
#[inline(always)]
pub fn offence_key(kind: u8, parts: &[&[u8]; 3]) -> Hashed {
    sha256(&[b"karmesh:offence", &[kind], parts[0], parts[1], parts[2]])
}

/// What a participant's receipts earned (T-04), as its leaf of that tree.
pub struct CreditLeaf<'a> {
    pub epoch: &'a [u8; 8],
    pub entry_hash: &'a Key,
    pub receipt_hash: &'a Key,
    pub counters: &'a [u8; 48],
}

/// T-04.
#[inline(always)]
pub fn credit_leaf(domain: &Key, leaf: &CreditLeaf) -> Hashed {
    sha256(&[&[0], domain, leaf.epoch, leaf.entry_hash, leaf.receipt_hash, leaf.counters])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{bytes, key, number, read};

    #[test]
    fn p_41_commitments() {
        let vectors = read("evidence");
        for v in vectors["commitments"].as_array().unwrap() {
            let evidence = sha256(&[&bytes(&v["evidence"])]).unwrap();
            let commitment =
                finding_commitment(&key(&vectors["domain"]), &key(&v["finder"]), &evidence, &key(&v["salt"]));
            assert_eq!(commitment.unwrap(), key(&v["commitment"]));
        }
    }

    #[test]
    fn p_47_p_50_the_keys_of_votes() {
        let vectors = read("evidence");
        for (name, kind) in [("falseVote", 2), ("silence", 4)] {
            let v = &vectors[name];
            let key_of = offence_key(kind, &[&number(&v["epoch"]).to_le_bytes(), &[], &[]]);
            assert_eq!(key_of.unwrap(), key(&v["offenceKey"]));
        }
    }

    #[test]
    fn t_04_credit_leaf() {
        let vectors = read("hashes");
        let v = &vectors["creditLeaf"];
        let mut counters = [0; 48];
        for (i, value) in v["sums"].as_array().unwrap().iter().enumerate() {
            counters[8 * i..8 * i + 8].copy_from_slice(&number(value).to_le_bytes());
        }
        let leaf = CreditLeaf {
            epoch: &number(&v["epoch"]).to_le_bytes(),
            entry_hash: &key(&v["entryHash"]),
            receipt_hash: &key(&v["receiptHash"]),
            counters: &counters,
        };
        assert_eq!(credit_leaf(&key(&vectors["domain"]["domain"]), &leaf).unwrap(), key(&v["hash"]));
    }
}
