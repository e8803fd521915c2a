//! The hashes of the protocol's records as this program recomputes them, pinned by test/vectors/hashes.json. Integers come as the
//! little-endian bytes of the arguments.
use super::hash::{kind, sha256};
use crate::state::Key;
use pinocchio::error::ProgramError;

type Hashed = Result<Key, ProgramError>;

/// F-01.
#[inline(always)]
pub fn domain(genesis: &Key, program: &Key, version: u16) -> Hashed {
    sha256(&[b"karmesh:domain", genesis, program, &version.to_le_bytes()])
}

/// The fields of a manifest, in order.
pub struct Manifest<'a> {
    pub epoch: &'a [u8; 8],
    pub receipt_set_root: &'a Key,
    pub entry_count: &'a [u8; 4],
    pub candidates_root: &'a Key,
    pub slot_hashes_root: &'a Key,
    pub escrows_root: &'a Key,
}

/// P-12.
#[inline(always)]
pub fn manifest_hash(domain: &Key, manifest: &Manifest) -> Hashed {
    sha256(&[
        domain,
        &[kind::MANIFEST],
        manifest.epoch,
        manifest.receipt_set_root,
        manifest.entry_count,
        manifest.candidates_root,
        manifest.slot_hashes_root,
        manifest.escrows_root,
    ])
}

/// A salt of a validator for an epoch's beacon.
pub struct Salt<'a> {
    pub epoch: &'a [u8; 8],
    pub validator: &'a Key,
    pub salt: &'a Key,
}

/// P-14: what an attestation commits to.
#[inline(always)]
pub fn salt_commitment(domain: &Key, salt: &Salt) -> Hashed {
    sha256(&[domain, &[kind::SALT_COMMITMENT], salt.epoch, salt.validator, salt.salt])
}

/// P-14: what a revealed salt adds to the accumulator.
#[inline(always)]
pub fn salt_share(domain: &Key, salt: &Salt) -> Hashed {
    sha256(&[domain, &[kind::SALT], salt.epoch, salt.validator, salt.salt])
}

/// P-14: exclusive or, so that the order of reveals does not matter.
#[inline(always)]
pub fn accumulate(accumulator: &mut Key, share: &Key) {
    for (to, from) in accumulator.iter_mut().zip(share) {
        *to ^= from;
    }
}

/// P-15.
#[inline(always)]
pub fn beacon(domain: &Key, epoch: &[u8; 8], slot_hash: &Key, accumulator: &Key) -> Hashed {
    sha256(&[domain, &[kind::BEACON], epoch, slot_hash, accumulator])
}

/// P-18: `body` is the hash of the report's 196 bytes.
#[inline(always)]
pub fn report_hash(domain: &Key, epoch: &[u8; 8], verdicts_root: &Key, body: &Key) -> Hashed {
    sha256(&[domain, &[kind::REPORT], epoch, verdicts_root, body])
}

/// What a sealed vote hides.
pub struct RootSeal<'a> {
    pub epoch: &'a [u8; 8],
    pub report_hash: &'a Key,
    pub salt: &'a Key,
    pub validator: &'a Key,
}

/// P-17.
#[inline(always)]
pub fn root_seal(domain: &Key, seal: &RootSeal) -> Hashed {
    sha256(&[domain, &[kind::ROOT_SEAL], seal.epoch, seal.report_hash, seal.salt, seal.validator])
}

/// P-04: what the key of a secp256k1 address signs, before EIP-191's prefix.
#[inline(always)]
pub fn secp256k1_message(domain: &Key, participant: &Key) -> Hashed {
    sha256(&[domain, &[kind::SECP256K1], participant])
}

/// A participant's leaf: `counters` are the five lifetimes and what is owed, 8 bytes each.
pub struct LifetimeLeaf<'a> {
    pub epoch: &'a [u8; 8],
    pub participant: &'a Key,
    pub counters: &'a [u8; 48],
    pub receipts_root: &'a Key,
}

/// T-01.
#[inline(always)]
pub fn lifetime_leaf(domain: &Key, leaf: &LifetimeLeaf) -> Hashed {
    sha256(&[&[0], domain, leaf.epoch, leaf.participant, leaf.counters, leaf.receipts_root])
}

/// An escrow's leaf of the settlements tree.
pub struct SettlementLeaf<'a> {
    pub epoch: &'a [u8; 8],
    pub escrow: &'a Key,
    pub cumulative_after: u64,
    pub debit: u64,
}

/// P-19.
#[inline(always)]
pub fn settlement_leaf(domain: &Key, leaf: &SettlementLeaf) -> Hashed {
    sha256(&[&[0], domain, leaf.epoch, leaf.escrow, &leaf.cumulative_after.to_le_bytes(), &leaf.debit.to_le_bytes()])
}

/// F-32, M-07: what an escrow's buyer signs: up to which cumulative debit, in lamports, the escrow may be debited.
#[inline(always)]
pub fn voucher_hash(domain: &Key, escrow: &Key, cumulative: u64) -> Hashed {
    sha256(&[domain, &[kind::VOUCHER], escrow, &cumulative.to_le_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{hashes, key, number, Value};

    fn bytes8(value: &Value) -> [u8; 8] {
        number(value).to_le_bytes()
    }

    fn the_domain(vectors: &Value) -> Key {
        key(&vectors["domain"]["domain"])
    }

    #[test]
    fn f_01_domain() {
        let v = &hashes()["domain"];
        let version = v["version"].as_u64().unwrap() as u16;
        assert_eq!(domain(&key(&v["genesisHash"]), &key(&v["programId"]), version).unwrap(), key(&v["domain"]));
    }

    #[test]
    fn p_12_manifest() {
        let vectors = hashes();
        let v = &vectors["manifest"];
        let hash = manifest_hash(
            &the_domain(&vectors),
            &Manifest {
                epoch: &bytes8(&v["epoch"]),
                receipt_set_root: &key(&v["receiptSetRoot"]),
                entry_count: &(v["entryCount"].as_u64().unwrap() as u32).to_le_bytes(),
                candidates_root: &key(&v["candidatesRoot"]),
                slot_hashes_root: &key(&v["slotHashesRoot"]),
                escrows_root: &key(&v["escrowsRoot"]),
            },
        );
        assert_eq!(hash.unwrap(), key(&v["manifestHash"]));
    }

    #[test]
    fn p_14_salts() {
        let vectors = hashes();
        let domain = the_domain(&vectors);
        let v = &vectors["saltHash"];
        let (epoch, validator, salt) = (bytes8(&v["epoch"]), key(&v["validator"]), key(&v["salt"]));
        let commitment = salt_commitment(&domain, &Salt { epoch: &epoch, validator: &validator, salt: &salt });
        assert_eq!(commitment.unwrap(), key(&v["saltHash"]));

        let v = &vectors["saltAccumulator"];
        let epoch = bytes8(&v["epoch"]);
        let mut accumulator = [0; 32];
        for row in v["salts"].as_array().unwrap() {
            let (validator, salt) = (key(&row["validator"]), key(&row["salt"]));
            let share = salt_share(&domain, &Salt { epoch: &epoch, validator: &validator, salt: &salt }).unwrap();
            assert_eq!(share, key(&row["mix"]));
            accumulate(&mut accumulator, &share);
        }
        assert_eq!(accumulator, key(&v["accumulator"]));
    }

    #[test]
    fn p_15_beacon() {
        let vectors = hashes();
        let v = &vectors["beacon"];
        let hash =
            beacon(&the_domain(&vectors), &bytes8(&v["epoch"]), &key(&v["slotHash"]), &key(&v["saltAccumulator"]));
        assert_eq!(hash.unwrap(), key(&v["beacon"]));
    }

    #[test]
    fn p_17_root_seal() {
        let vectors = hashes();
        let v = &vectors["rootSeal"];
        let seal = RootSeal {
            epoch: &bytes8(&v["epoch"]),
            report_hash: &key(&v["reportHash"]),
            salt: &key(&v["salt"]),
            validator: &key(&v["validator"]),
        };
        assert_eq!(root_seal(&the_domain(&vectors), &seal).unwrap(), key(&v["seal"]));
    }

    #[test]
    fn p_04_secp256k1_message() {
        let vectors = hashes();
        let v = &vectors["secp256k1Message"];
        let message = secp256k1_message(&the_domain(&vectors), &key(&v["participant"]));
        assert_eq!(message.unwrap(), key(&v["message"]));
    }

    #[test]
    fn t_01_lifetime_leaf() {
        let vectors = hashes();
        for v in vectors["lifetimeLeaf"]["cases"].as_array().unwrap() {
            let mut counters = [0; 48];
            for (i, value) in v["lifetime"].as_array().unwrap().iter().chain([&v["lifetimeOwed"]]).enumerate() {
                counters[8 * i..8 * i + 8].copy_from_slice(&bytes8(value));
            }
            let leaf = LifetimeLeaf {
                epoch: &bytes8(&v["epoch"]),
                participant: &key(&v["participant"]),
                counters: &counters,
                receipts_root: &key(&v["receiptsRoot"]),
            };
            assert_eq!(lifetime_leaf(&the_domain(&vectors), &leaf).unwrap(), key(&v["hash"]));
        }
    }

    #[test]
    fn p_19_settlement_leaf() {
        let vectors = hashes();
        let v = &vectors["settlementLeaf"];
        let leaf = SettlementLeaf {
            epoch: &bytes8(&v["epoch"]),
            escrow: &key(&v["escrow"]),
            cumulative_after: number(&v["cumulativeAfter"]),
            debit: number(&v["debit"]),
        };
        assert_eq!(settlement_leaf(&the_domain(&vectors), &leaf).unwrap(), key(&v["hash"]));
    }

    #[test]
    fn p_18_report_hash() {
        let vectors = crate::vectors::read("report");
        let domain = key(&vectors["domain"]);
        for v in vectors["cases"].as_array().unwrap() {
            let body = sha256(&[&crate::vectors::bytes(&v["encoded"])]).unwrap();
            let hash = report_hash(&domain, &bytes8(&v["epoch"]), &key(&v["verdictsRoot"]), &body);
            assert_eq!(hash.unwrap(), key(&v["reportHash"]));
        }
    }

    #[test]
    fn f_32_voucher() {
        let vectors = crate::vectors::read("records");
        let v = vectors["records"].as_array().unwrap().iter().find(|record| record["name"] == "voucher").unwrap();
        let (escrow, cumulative) = (key(&v["fields"]["escrow"]), number(&v["fields"]["cumulative"]));
        assert_eq!(voucher_hash(&key(&vectors["domain"]), &escrow, cumulative).unwrap(), key(&v["hash"]));
    }
}
