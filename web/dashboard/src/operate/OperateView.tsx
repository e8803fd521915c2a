import {
  ASSET,
  addressFromBase58,
  associatedTokenAccount,
  chainSender,
  momentText,
  type PlainInstruction,
  ROLE,
  type StakeStanding,
  stakeInstructions,
  toBase58,
} from '@karmesh/sdk/client';
import { type SyntheticEvent, useCallback, useEffect, useRef, useState } from 'react';
import type { ChainSource, Holding, Holdings } from '../chain/chainSource.ts';
import { NoNode } from '../market/WorkersView.tsx';
import { Address } from '../page/Address.tsx';
import { Heading } from '../page/Heading.tsx';
import { solOf } from '../page/micro.ts';
import { sentenceOf } from '../page/sentenceOf.ts';
import { useFacts } from '../page/useFacts.ts';
import { ChooseWallet } from '../wallet/ChooseWallet.tsx';
import { sendByWallet } from '../wallet/sendByWallet.ts';
import { useConnection } from '../wallet/useConnection.ts';
import type { Connection } from '../wallet/walletFeatures.ts';
import { DueClaim } from './DueClaim.tsx';

const EVERY_MS = 8_000;
const ROLES = new Map<number, 'worker' | 'validator' | 'gateway'>([
  [ROLE.worker, 'worker'],
  [ROLE.validator, 'validator'],
  [ROLE.gateway, 'gateway'],
]);

/** What an operator or a staker has on chain: bond and stake, what leaves, what was earned; and what can be done about it by its wallet. */
export function OperateView({
  hasGateway,
  source,
}: {
  readonly hasGateway: boolean;
  readonly source: ChainSource | undefined;
}) {
  const choice = useConnection();
  const { connection } = choice;
  const [typed, setTyped] = useState('');
  const [asked, setAsked] = useState<string>();
  const [failure, setFailure] = useState<string>();
  const wallet = connection?.account.address;
  const of = asked ?? wallet;
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    try {
      setAsked(toBase58(addressFromBase58(typed.trim())));
      setFailure(undefined);
    } catch (cause) {
      setFailure(sentenceOf(cause));
    }
  };
  return (
    <>
      <Heading>Operate</Heading>
      <p className="lead">
        For who runs a worker, validator or gateway, or stakes behind one: what the chain holds for an owner’s or a
        staker’s address, read by this browser from an RPC node.
      </p>
      {connection === undefined && (
        <ChooseWallet
          choice={choice}
          why="With the owner’s or staker’s wallet you can also claim, collect, unstake and withdraw."
        />
      )}
      <form onSubmit={look}>
        <label htmlFor="of">Or look at any owner’s or staker’s address</label>
        <div className="row">
          <input
            id="of"
            className="mono"
            required
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <button type="submit" className="quiet">
            Look
          </button>
        </div>
        {failure !== undefined && <p role="alert">{failure}</p>}
      </form>
      {connection !== undefined && asked !== undefined && (
        <p>
          <button type="button" className="plain" onClick={() => setAsked(undefined)}>
            Back to your wallet’s
          </button>
        </p>
      )}
      {source === undefined && <NoNode />}
      {source !== undefined && of !== undefined && (
        <Held
          key={of}
          of={of}
          source={source}
          hasGateway={hasGateway}
          connection={of === wallet ? connection : undefined}
        />
      )}
    </>
  );
}

function Held(props: {
  readonly of: string;
  readonly source: ChainSource;
  readonly hasGateway: boolean;
  readonly connection: Connection | undefined;
}) {
  const { connection, hasGateway, of, source } = props;
  const read = useCallback((signal: AbortSignal) => source.holdings(of, signal), [of, source]);
  const { failure, value } = useFacts(read, EVERY_MS);
  return (
    <section>
      <h2>
        Held by <Address address={of} />
      </h2>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {value === undefined && failure === undefined && <p>Reading the chain …</p>}
      {value?.held.length === 0 && (
        <p>This address owns no worker, validator or gateway, and has staked behind none.</p>
      )}
      <ul className="epochs">
        {value?.held.map((holding) => (
          <Participant
            key={toBase58(holding.participant.address)}
            of={of}
            holding={holding}
            holdings={value}
            source={source}
            hasGateway={hasGateway}
            connection={connection}
          />
        ))}
      </ul>
      {value !== undefined && (
        <p className="small">
          Pay for answers comes by claims against each final epoch’s report, which validators send by themselves: the
          owner need do nothing, and may claim first. What is owed adds up, so that one claim brings everything.
          {!hasGateway && ' Reports are read through a gateway, and no gateway serves this page.'}
        </p>
      )}
    </section>
  );
}

function Participant(props: {
  readonly of: string;
  readonly holding: Holding;
  readonly holdings: Holdings;
  readonly source: ChainSource;
  readonly hasGateway: boolean;
  readonly connection: Connection | undefined;
}) {
  const { connection, hasGateway, holding, holdings, of, source } = props;
  const { isOwner, participant, stakes } = holding;
  const { addresses, tokenMint } = holdings;
  const role = ROLES.get(participant.role) ?? 'worker';
  const { failure, isBusy, run, said } = useSending(connection, {
    rpcUrl: source.node.rpcUrl,
    genesisHash: holdings.genesisHash,
  });
  const act = (name: string, make: () => PlainInstruction) =>
    connection === undefined ? null : (
      <button key={name} type="button" className="quiet" disabled={isBusy} onClick={() => run(name, make())}>
        {name}
      </button>
    );
  return (
    <li className="card">
      <h3>
        {isOwner ? `${connection === undefined ? 'A' : 'Your'} ${role}` : `Staked behind a ${role}`}{' '}
        <Address address={toBase58(participant.address)} />
      </h3>
      <dl className="facts">
        {isOwner && (
          <>
            <dt>Paid by claims so far</dt>
            <dd>{solOf(participant.lifetimePaid)} SOL</dd>
          </>
        )}
        {isOwner && role === 'validator' && (
          <>
            <dt>Commission to collect</dt>
            <dd>{solOf(participant.commissionLamports)} SOL</dd>
          </>
        )}
      </dl>
      {isOwner && hasGateway && (
        <DueClaim
          source={source}
          participant={participant.address}
          offer={(name, due) =>
            act(name, () => stakeInstructions.claim(addresses, { ...due, payer: addressFromBase58(of) }))
          }
        />
      )}
      {isOwner && participant.commissionLamports > 0n && (
        <div className="row wrap">
          {act('Collect the commission', () =>
            stakeInstructions.collectCommission(addresses, {
              owner: participant.owner,
              participant: participant.address,
            }),
          )}
        </div>
      )}
      {stakes.length === 0 && <p className="small">This address has no stake or bond behind it.</p>}
      {stakes.map((stake) => {
        const staker = addressFromBase58(of);
        const name = { participant: participant.address, staker, asset: ASSET[stake.asset] };
        const isWorkersBond = isOwner && role !== 'validator' && stake.asset === 'lamports';
        return (
          <div key={stake.asset}>
            <Stake stake={stake} title={isWorkersBond ? 'Bond' : 'Stake'} />
            <div className="row wrap">
              {stake.rewardLamports > 0n &&
                act('Collect the rewards', () => stakeInstructions.collectRewards(addresses, name))}
              {(stake.leaving?.freeWorth ?? 0n) > 0n &&
                act('Withdraw what is free', () =>
                  stakeInstructions.withdraw(addresses, {
                    ...name,
                    stakerTokens: associatedTokenAccount(staker, tokenMint),
                  }),
                )}
              {stake.units > 0n && (
                <Confirmed
                  name={isWorkersBond ? 'Unstake the bond' : 'Unstake all of it'}
                  warning={
                    isWorkersBond
                      ? `It starts on its way out, and without a bond this ${role} takes no part from the next epoch on.`
                      : 'It starts on its way out, and earns nothing from then on.'
                  }
                  isOffered={connection !== undefined}
                  isBusy={isBusy}
                  confirm={(label) => run(label, stakeInstructions.unstake(addresses, name))}
                />
              )}
            </div>
          </div>
        );
      })}
      <p role="status" className="standing">
        {said}
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
    </li>
  );
}

function Stake({ stake, title }: { readonly stake: StakeStanding; readonly title: string }) {
  const { asset, leaving, rewardLamports, worth } = stake;
  const amount = (value: bigint): string =>
    asset === 'lamports' ? `${solOf(value)} SOL` : `${value.toLocaleString()} base units of the token`;
  return (
    <dl className="facts">
      <dt>{title}</dt>
      <dd>{amount(worth)}</dd>
      <dt>Rewards to collect</dt>
      <dd>{solOf(rewardLamports)} SOL</dd>
      {leaving !== undefined && (
        <>
          <dt>On its way out</dt>
          <dd>
            {amount(leaving.worth)}, of which {amount(leaving.freeWorth)} can be withdrawn now; all of it:{' '}
            {momentText(leaving.all)}
          </dd>
        </>
      )}
    </dl>
  );
}

function Confirmed(props: {
  readonly name: string;
  readonly warning: string;
  readonly isOffered: boolean;
  readonly isBusy: boolean;
  readonly confirm: (name: string) => void;
}) {
  const { confirm, isBusy, isOffered, name, warning } = props;
  const [isAsked, setIsAsked] = useState(false);
  if (!isOffered) return null;
  if (!isAsked) {
    return (
      <button type="button" className="quiet" disabled={isBusy} onClick={() => setIsAsked(true)}>
        {name}
      </button>
    );
  }
  return (
    <>
      <p>{warning}</p>
      <button
        type="button"
        onClick={() => {
          setIsAsked(false);
          confirm(name);
        }}
      >
        {name} now
      </button>
      <button type="button" className="quiet" onClick={() => setIsAsked(false)}>
        Leave it
      </button>
    </>
  );
}

/** Sends one instruction at a time by the wallet, and says how it goes. */
function useSending(
  connection: Connection | undefined,
  { genesisHash, rpcUrl }: { readonly genesisHash: string; readonly rpcUrl: string },
) {
  const [said, setSaid] = useState('');
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const ended = useRef<AbortController>(undefined);
  useEffect(() => () => ended.current?.abort(), []);
  const send = async (name: string, instruction: PlainInstruction): Promise<void> => {
    if (connection === undefined) return;
    const stop = new AbortController();
    ended.current = stop;
    const { signal } = stop;
    setFailure(undefined);
    setIsBusy(true);
    setSaid('Look at your wallet: it asks you to sign the transaction.');
    try {
      await sendByWallet(connection, {
        sender: chainSender({ rpcUrl }),
        genesisHash,
        instructions: [instruction],
        signal,
        onSent: () => setSaid('The cluster is making it final …'),
      });
      setSaid(`${name}: done, and final.`);
    } catch (cause) {
      setSaid('');
      if (!signal.aborted) setFailure(sentenceOf(cause));
    } finally {
      setIsBusy(false);
    }
  };
  return { said, failure, isBusy, run: (name: string, instruction: PlainInstruction) => void send(name, instruction) };
}
