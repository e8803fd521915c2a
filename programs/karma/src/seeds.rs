//! The seeds of the program's addresses (docs/protocol.md, Accounts).

pub const CONFIG: &[u8] = b"config";
pub const VAULT: &[u8] = b"vault";
pub const PARTICIPANT: &[u8] = b"participant";
pub const CHAIN: &[u8] = b"chain";
pub const ESCROW: &[u8] = b"escrow";
pub const EPOCH: &[u8] = b"epoch";
pub const VOTE: &[u8] = b"vote";
pub const KEYS: &[u8] = b"keys";
pub const ATTESTATION: &[u8] = b"attestation";
pub const LAYER: &[u8] = b"layer";
pub const PROVEN: &[u8] = b"proven";
pub const STAKE: &[u8] = b"stake";
pub const TOKENS: &[u8] = b"tokens";
pub const PROPOSAL: &[u8] = b"proposal";
pub const BALLOT: &[u8] = b"ballot";

pub const BUFFER: &[u8] = b"buffer";
pub const FINDING: &[u8] = b"finding";
pub const CASE: &[u8] = b"case";
pub const FAULT: &[u8] = b"fault";
pub const CHALLENGE: &[u8] = b"challenge";
