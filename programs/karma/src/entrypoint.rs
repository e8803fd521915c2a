//! Where the runtime enters: reads the discriminator and hands everything else to one processor.
use crate::{
    instruction::{Arguments, Instruction},
    processor,
};
use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};

#[cfg(target_arch = "bpf")]
mod runtime {
    use super::process_instruction;
    use pinocchio::{no_allocator, nostd_panic_handler, program_entrypoint};

    program_entrypoint!(process_instruction);
    no_allocator!();
    nostd_panic_handler!();
}

/// What every processor reads. One reference, because a function of this target has at most five argument registers and a
/// slice takes two of them.
pub struct Context<'a> {
    pub program: &'a Address,
    pub accounts: &'a mut [AccountView],
    pub arguments: Arguments<'a>,
}

#[inline(always)]
pub fn process_instruction(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    let (discriminator, rest) = data.split_first_chunk::<8>().ok_or(ProgramError::InvalidInstructionData)?;
    let instruction = Instruction::from_discriminator(discriminator).ok_or(ProgramError::InvalidInstructionData)?;
    let mut context = Context { program, accounts, arguments: Arguments::new(rest) };
    let cx = &mut context;
    match instruction {
        Instruction::Initialise => processor::initialise::process(cx),
        Instruction::Start => processor::start::process(cx),
        Instruction::RegisterWorker => processor::register_worker::process(cx),
        Instruction::RegisterValidator => processor::register_validator::process(cx),
        Instruction::RegisterGateway => processor::register_gateway::process(cx),
        Instruction::RotateIdentity => processor::rotate_identity::process(cx),
        Instruction::CommitChain => processor::commit_chain::process(cx),
        Instruction::OpenEscrow => processor::open_escrow::process(cx),
        Instruction::DepositEscrow => processor::deposit_escrow::process(cx),
        Instruction::RequestWithdrawal => processor::request_withdrawal::process(cx),
        Instruction::WithdrawEscrow => processor::withdraw_escrow::process(cx),
        Instruction::CloseEpoch => processor::close_epoch::process(cx),
        Instruction::Attest => processor::attest::process(cx),
        Instruction::RevealSalt => processor::reveal_salt::process(cx),
        Instruction::RecordBeacon => processor::record_beacon::process(cx),
        Instruction::PostVerdicts => processor::post_verdicts::process(cx),
        Instruction::PostRoot => processor::post_root::process(cx),
        Instruction::RevealRoot => processor::reveal_root::process(cx),
        Instruction::SettleEscrow => processor::settle_escrow::process(cx),
        Instruction::Finalise => processor::finalise::process(cx),
        Instruction::Claim => processor::claim::process(cx),
        Instruction::CloseVote => processor::close_vote::process(cx),
        Instruction::AttestKeys => processor::attest_keys::process(cx),
        Instruction::RegisterLayer => processor::register_layer::process(cx),
        Instruction::VerifyLayerProof => processor::verify_layer_proof::process(cx),
        Instruction::CloseProven => processor::close_proven::process(cx),
        Instruction::Stake => processor::stake::process(cx),
        Instruction::Unstake => processor::unstake::process(cx),
        Instruction::WithdrawStake => processor::withdraw_stake::process(cx),
        Instruction::CollectRewards => processor::collect_rewards::process(cx),
        Instruction::CollectCommission => processor::collect_commission::process(cx),
        Instruction::CloseStake => processor::close_stake::process(cx),
        Instruction::SetCapacity => processor::set_capacity::process(cx),
        Instruction::SetCommission => processor::set_commission::process(cx),
        Instruction::SetStakeToken => processor::set_stake_token::process(cx),
        Instruction::Propose => processor::propose::process(cx),
        Instruction::VoteProposal => processor::vote_proposal::process(cx),
        Instruction::ExecuteProposal => processor::execute_proposal::process(cx),
        Instruction::CloseProposal => processor::close_proposal::process(cx),
        Instruction::CloseBallot => processor::close_ballot::process(cx),
        Instruction::AuthoriseDebit => processor::authorise_debit::process(cx),
        Instruction::CloseChain => processor::close_chain::process(cx),
        Instruction::CloseEpochAccount => processor::close_epoch_account::process(cx),
        Instruction::OpenBuffer => processor::open_buffer::process(cx),
        Instruction::WriteBuffer => processor::write_buffer::process(cx),
        Instruction::CloseBuffer => processor::close_buffer::process(cx),
        Instruction::CommitFinding => processor::commit_finding::process(cx),
        Instruction::CloseFinding => processor::close_finding::process(cx),
        Instruction::ProveDoubleSign => processor::prove_double_sign::process(cx),
        Instruction::ProveFalseSum => processor::prove_false_sum::process(cx),
        Instruction::ProveFalseLifetime => processor::prove_false_lifetime::process(cx),
        Instruction::ProveFalseClaimsLeaf => processor::prove_false_claims_leaf::process(cx),
        Instruction::AccuseVoter => processor::accuse_voter::process(cx),
        Instruction::ExecuteCase => processor::execute_case::process(cx),
        Instruction::ProveLazyVerdict => processor::prove_lazy_verdict::process(cx),
        Instruction::ProveBadSignature => processor::prove_bad_signature::process(cx),
        Instruction::OpenChallenge => processor::open_challenge::process(cx),
        Instruction::AnswerChallenge => processor::answer_challenge::process(cx),
        Instruction::CloseChallenge => processor::close_challenge::process(cx),
        Instruction::AccuseSilent => processor::accuse_silent::process(cx),
    }
}
