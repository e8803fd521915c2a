//! `propose`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, PROPOSED},
    seeds,
    state::{
        bounds::require_votable,
        config::Config,
        create::{create, Creation},
        participant::Participant,
        proposal::{Proposal, MOST_PAUSE, PARAMETER, PAUSE, PAYMENT},
        read, write, Key, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

const NOBODY: Key = [0; 32];

/// P-36, P-37: asks the validators of the current epoch to decide. It says nothing for its proposer: who is for it votes.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the validator's; pays the rent |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | proposal | writable | `["proposal", validator, nonce u64le]` |
/// | 4 | system program | | |
///
/// Arguments: nonce u64, kind u8, index u16, value u64, recipient [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let nonce = cx.arguments.bytes::<8>()?;
    let asked = Asked {
        kind: cx.arguments.u8()?,
        index: cx.arguments.u16()?,
        value: cx.arguments.u64()?,
        recipient: cx.arguments.bytes::<32>()?,
    };
    cx.arguments.finish()?;
    let [identity, config, validator, proposal, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let (epoch, total_stake) = {
        let config = read::<Config>(config, cx.program)?;
        let epoch = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?; // P-36
        read::<Participant>(validator, cx.program)?.require_active_validator(identity, &config, epoch)?; // P-36
        (epoch, config.electorate(epoch)?.stake)
    };
    asked.require_sense()?; // P-36

    let validator_key = *validator.address().as_array();
    let bump = create::<Proposal>(&mut Creation {
        program: cx.program,
        payer: identity,
        account: proposal,
        lamports: 0,
        seeds: &[seeds::PROPOSAL, &validator_key, nonce],
    })?;
    let key = *proposal.address().as_array();
    let mut account = write::<Proposal>(proposal, cx.program)?;
    account.proposer = validator_key;
    account.payer = *identity.address().as_array();
    account.recipient = *asked.recipient;
    account.nonce = u64::from_le_bytes(*nonce);
    account.value = asked.value;
    account.epoch = epoch;
    account.total_stake = total_stake;
    account.passed_epoch = NONE;
    account.executable_from_epoch = NONE;
    account.index = asked.index;
    account.kind = asked.kind;
    account.bump = bump;
    drop(account);

    Event::new(PROPOSED)
        .key(&key)
        .key(&validator_key)
        .u8(asked.kind)
        .u16(asked.index)
        .u64(asked.value)
        .key(asked.recipient)
        .emit()
}

struct Asked<'a> {
    kind: u8,
    index: u16,
    value: u64,
    recipient: &'a Key,
}

impl Asked<'_> {
    /// `BadProposal` or `BadParameter` for what could never be executed, so that nobody votes on it. What a kind does not use
    /// is zero.
    #[inline(never)]
    fn require_sense(&self) -> ProgramResult {
        let (names_none, pays) = (self.index == 0, *self.recipient != NOBODY);
        match self.kind {
            PARAMETER => {
                require(!pays, KarmaError::BadProposal)?;
                require_votable(usize::from(self.index), self.value)
            }
            PAUSE => require(names_none && !pays && (1..=MOST_PAUSE).contains(&self.value), KarmaError::BadProposal),
            PAYMENT => require(names_none && pays && self.value > 0, KarmaError::BadProposal),
            _ => Err(KarmaError::BadProposal.into()),
        }
    }
}
