import { addressFromBase58, chainSender } from '@karmesh/sdk/client';
import { type SyntheticEvent, useEffect, useRef, useState } from 'react';
import type { ChainNode } from '../chain/chainNode.ts';
import { Address } from '../page/Address.tsx';
import { unitsOf } from '../page/lamportsOf.ts';
import { solOf } from '../page/micro.ts';
import { pauseFor } from '../page/pauseFor.ts';
import { sentenceOf } from '../page/sentenceOf.ts';
import { Track } from '../page/Track.tsx';
import { timeOf } from '../page/timeOf.ts';
import { sendByWallet } from '../wallet/sendByWallet.ts';
import type { Connection } from '../wallet/walletFeatures.ts';
import type { AccountApi, DepositOffer, Deposits } from './accountApi.ts';
import { depositInstruction } from './depositInstruction.ts';

const POLL_MS = 1_000;
const SOL_DECIMALS = 9;
const STEPS = ['offered', 'sent', 'final', 'credited'] as const;

type Paying = {
  /** How many of the steps are done. */
  readonly done: number;
  readonly signature?: string;
  readonly failure?: string;
};

const SAID = [
  'Asking the gateway where to pay …',
  'Look at your wallet: it asks you to sign the transfer.',
  'The cluster is making it final …',
  'It is final; the gateway credits it in a moment …',
  'The deposit is credited.',
] as const;

/** Pays in from the wallet, and what was paid in before. */
export function DepositForm(props: {
  readonly api: AccountApi;
  readonly connection: Connection;
  readonly node: ChainNode | undefined;
  readonly genesisHash: string | undefined;
  readonly deposits: Deposits;
  readonly onCredited: () => void;
}) {
  const { api, connection, deposits, genesisHash, node, onCredited } = props;
  const [typed, setTyped] = useState('');
  const [asset, setAsset] = useState<DepositOffer['asset']>('sol');
  const [paying, setPaying] = useState<Paying>();
  const ended = useRef<AbortController>(undefined);
  useEffect(() => () => ended.current?.abort(), []);
  const isPaying = paying !== undefined && paying.failure === undefined && paying.done < STEPS.length;

  const pay = async (rpcUrl: string, genesis: string): Promise<void> => {
    const stop = new AbortController();
    ended.current = stop;
    const { signal } = stop;
    let now: Paying = { done: 0 };
    const step = (next: Paying): void => {
      now = next;
      if (!signal.aborted) setPaying(next);
    };
    try {
      step(now);
      const sender = chainSender({ rpcUrl });
      const offer = await api.offerDeposit(asset);
      const mint = offer.mint === null ? undefined : addressFromBase58(offer.mint);
      const decimals = mint === undefined ? SOL_DECIMALS : await sender.tokenDecimals(mint, { signal });
      const amount = unitsOf(typed, decimals);
      if (amount === undefined || amount === 0n) throw new Error('This is no amount that can be paid.');
      step({ done: 1 });
      const from = connection.account.address;
      const signature = await sendByWallet(connection, {
        sender,
        genesisHash: genesis,
        instructions: [depositInstruction(offer, { from, amount, decimals })],
        signal,
        onSent: (sent) => step({ done: 2, signature: sent }),
      });
      step({ done: 3, signature });
      while (!(await api.deposits(signal)).some((each) => each.signature === signature)) {
        await pauseFor(POLL_MS, signal);
        signal.throwIfAborted();
      }
      step({ done: 4, signature });
      setTyped('');
      onCredited();
    } catch (cause) {
      step({ ...now, failure: sentenceOf(cause) });
    }
  };
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (!isPaying && node !== undefined && genesisHash !== undefined) void pay(node.rpcUrl, genesisHash);
  };
  return (
    <section>
      <h2>Deposits</h2>
      {node === undefined ? (
        <p className="card">
          The gateway names no RPC node. <a href="#/chain">Name one</a> to pay in from here, by which the transfer is
          sent.
        </p>
      ) : (
        <form onSubmit={submit}>
          <label htmlFor="amount">Amount</label>
          <div className="row">
            <input
              id="amount"
              inputMode="decimal"
              autoComplete="off"
              required
              pattern="[0-9 ]+(\.[0-9]*)?"
              title="A number, as 0.5"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
            <select
              aria-label="Paid in"
              value={asset}
              onChange={(event) => setAsset(event.target.value === 'token' ? 'token' : 'sol')}
            >
              <option value="sol">SOL</option>
              <option value="token">the market’s token</option>
            </select>
            <button type="submit" disabled={isPaying}>
              Pay in
            </button>
          </div>
        </form>
      )}
      {paying !== undefined && (
        <>
          <Track
            label="The deposit"
            steps={STEPS.map((name, i) => ({
              name,
              state:
                i < paying.done ? 'done' : i > paying.done ? 'todo' : paying.failure === undefined ? 'now' : 'failed',
            }))}
          />
          <p role="status" className="standing">
            {paying.failure === undefined && SAID[paying.done]}
          </p>
          {paying.signature !== undefined && (
            <p className="small">
              Transaction <Address address={paying.signature} kind="transaction" />
            </p>
          )}
          {paying.failure !== undefined && <p role="alert">{paying.failure}</p>}
        </>
      )}
      {deposits.length === 0 ? (
        <p className="small">Nothing was paid in yet.</p>
      ) : (
        <ul className="rows" aria-label="Deposits, the newest first">
          {deposits.map(({ creditedAtMs, creditedLamports, signature }) => (
            <li key={signature}>
              <strong>{solOf(creditedLamports)} SOL</strong>{' '}
              <span className="small">credited {timeOf(creditedAtMs)}, by</span>{' '}
              <Address address={signature} kind="transaction" />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
