import { useCallback, useMemo, useState } from 'react';
import type { ChainNode } from '../chain/chainNode.ts';
import { Address } from '../page/Address.tsx';
import { Heading } from '../page/Heading.tsx';
import { signedSolOf, solOf } from '../page/micro.ts';
import { sentenceOf } from '../page/sentenceOf.ts';
import { useFacts } from '../page/useFacts.ts';
import { ChooseWallet } from '../wallet/ChooseWallet.tsx';
import { useConnection } from '../wallet/useConnection.ts';
import { type Connection, signText } from '../wallet/walletFeatures.ts';
import {
  type AccountApi,
  accountApi,
  keepSession,
  keptSession,
  logIn,
  type Session,
  SessionOver,
} from './accountApi.ts';
import { DepositForm } from './DepositForm.tsx';
import { Keys } from './Keys.tsx';
import { MovementList } from './MovementList.tsx';

const EVERY_MS = 5_000;

/** What the wallet's owner has at this gateway: credit, deposits, keys and their budgets, movements. */
export function AccountView(props: {
  /** Where deposits are sent, and read until they are final. */
  readonly node: ChainNode | undefined;
  readonly genesisHash: string | undefined;
  readonly keepApiKey: (key: string) => void;
}) {
  const choice = useConnection();
  const { connection } = choice;
  return (
    <>
      <Heading>Your account</Heading>
      <p className="lead">
        A wallet is an account here: what it pays in is credit, and its API keys spend that within the caps that you
        set.
      </p>
      {connection === undefined ? (
        <ChooseWallet
          choice={choice}
          why="Connecting tells this page your address. You then log in by signing a text, which costs nothing and moves nothing."
        />
      ) : (
        <LoggedIn key={connection.account.address} connection={connection} forget={choice.forget} {...props} />
      )}
    </>
  );
}

type Whose = Parameters<typeof AccountView>[0] & { readonly connection: Connection; readonly forget: () => void };

function LoggedIn(props: Whose) {
  const { connection, forget } = props;
  const wallet = connection.account.address;
  const [session, setSession] = useState(() => keptSession(wallet));
  const [failure, setFailure] = useState<string>();
  const [isAsking, setIsAsking] = useState(false);
  const keep = (next: Session | undefined): void => {
    keepSession(next);
    setSession(next);
  };
  const enter = async (): Promise<void> => {
    setIsAsking(true);
    setFailure(undefined);
    try {
      keep(await logIn(wallet, (text) => signText(connection, text)));
    } catch (cause) {
      setFailure(sentenceOf(cause));
    } finally {
      setIsAsking(false);
    }
  };
  const over = (sentence: string): void => {
    keep(undefined);
    setFailure(sentence);
  };
  const leave = async (): Promise<void> => {
    if (session !== undefined)
      await accountApi(session.token)
        .logOut()
        .catch(() => {});
    keep(undefined);
    forget();
  };
  return (
    <>
      <p>
        {connection.wallet.name}: <Address address={wallet} />{' '}
        <button type="button" className="plain" onClick={() => void leave()}>
          {session === undefined ? 'Use another wallet' : 'Log out'}
        </button>
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {session === undefined ? (
        <section>
          <p>
            <button type="button" disabled={isAsking} onClick={() => void enter()}>
              Log in with this wallet
            </button>
          </p>
          <p role="status" className="small">
            {isAsking
              ? 'Look at your wallet: it asks you to sign a text. It is not a transaction.'
              : 'The wallet signs a text that names this gateway. A wallet that was never here gets an account.'}
          </p>
        </section>
      ) : (
        <Account key={session.token} {...props} token={session.token} over={over} />
      )}
    </>
  );
}

function Account(props: Whose & { readonly token: string; readonly over: (sentence: string) => void }) {
  const { connection, genesisHash, keepApiKey, node, over, token } = props;
  const [turn, setTurn] = useState(0);
  const api = useMemo(() => watched(accountApi(token), over), [token, over]);
  const read = useCallback(
    async (signal: AbortSignal) => {
      const [account, keys, deposits, movements] = await Promise.all([
        api.account(signal),
        api.keys(signal),
        api.deposits(signal),
        api.movements(undefined, signal),
      ]);
      return { account, keys, deposits, movements, turn };
    },
    [api, turn],
  );
  const { failure, value } = useLasting(useFacts(read, EVERY_MS));
  const changed = (): void => setTurn((before) => before + 1);
  return (
    <>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {value === undefined && failure === undefined && <p>Reading …</p>}
      {value !== undefined && (
        <>
          <section>
            <h2>Credit</h2>
            <dl className="stages">
              <div className={value.account.balanceLamports > 0n ? 'some' : undefined}>
                <dt>SOL to spend</dt>
                <dd>{signedSolOf(value.account.balanceLamports)}</dd>
              </div>
              {value.account.heldLamports > 0n && (
                <div>
                  <dt>of it held</dt>
                  <dd>{solOf(value.account.heldLamports)}</dd>
                </div>
              )}
            </dl>
            <p className="small">
              {value.account.creditLimitLamports > 0n &&
                `It may fall to ${signedSolOf(-value.account.creditLimitLamports)} SOL. `}
              What a request may cost at most is held while it is under way, and what it did cost is taken when it ends.
            </p>
          </section>
          <DepositForm
            api={api}
            connection={connection}
            node={node}
            genesisHash={genesisHash}
            deposits={value.deposits}
            onCredited={changed}
          />
          <Keys api={api} keys={value.keys} onChange={changed} keepApiKey={keepApiKey} />
          <MovementList api={api} newest={value.movements} />
        </>
      )}
    </>
  );
}

/** What was read last stays while it is read anew. */
function useLasting<T>({ failure, value }: { readonly failure: string | undefined; readonly value: T | undefined }) {
  const [last, setLast] = useState<T>();
  if (value !== undefined && value !== last) setLast(value);
  return { failure, value: value ?? last };
}

/** The same calls; whichever finds that the session is over says so. */
function watched(api: AccountApi, over: (sentence: string) => void): AccountApi {
  const watch =
    <A extends readonly unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await method(...args);
      } catch (cause) {
        if (cause instanceof SessionOver) over(cause.message);
        throw cause;
      }
    };
  return {
    account: watch(api.account),
    keys: watch(api.keys),
    makeKey: watch(api.makeKey),
    changeKey: watch(api.changeKey),
    rotateKey: watch(api.rotateKey),
    revokeKey: watch(api.revokeKey),
    movements: watch(api.movements),
    deposits: watch(api.deposits),
    offerDeposit: watch(api.offerDeposit),
    logOut: api.logOut,
  };
}
