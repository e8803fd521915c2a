import { type SyntheticEvent, useState } from 'react';
import { Copy } from '../page/Address.tsx';
import { lamportsOf } from '../page/lamportsOf.ts';
import { signedSolOf, solOf } from '../page/micro.ts';
import { sentenceOf } from '../page/sentenceOf.ts';
import { timeOf } from '../page/timeOf.ts';
import type { AccountApi, Caps, KeyFacts } from './accountApi.ts';

type Shown = { readonly name: string; readonly secret: string };

/** The account's keys: what each may spend and has spent, and everything that can be done with it. */
export function Keys(props: {
  readonly api: AccountApi;
  readonly keys: readonly KeyFacts[];
  readonly onChange: () => void;
  readonly keepApiKey: (key: string) => void;
}) {
  const { api, keepApiKey, keys, onChange } = props;
  const [shown, setShown] = useState<Shown>();
  const [failure, setFailure] = useState<string>();
  const run = async (work: () => Promise<Shown | undefined>): Promise<boolean> => {
    setFailure(undefined);
    try {
      const made = await work();
      if (made !== undefined) setShown(made);
      onChange();
      return true;
    } catch (cause) {
      setFailure(sentenceOf(cause));
      return false;
    }
  };
  const valid = keys.filter((key) => key.revoked_at_ms === null);
  const revoked = keys.filter((key) => key.revoked_at_ms !== null);
  return (
    <section>
      <h2>Keys and their budgets</h2>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {shown !== undefined && (
        <Secret shown={shown} forget={() => setShown(undefined)} use={() => keepApiKey(shown.secret)} />
      )}
      {valid.length === 0 && <p>There is no key yet: make one to ask with.</p>}
      <ul className="cards">
        {valid.map((key) => (
          <Key key={key.id} facts={key} api={api} run={run} />
        ))}
      </ul>
      <MakeKey make={(wanted) => run(async () => api.makeKey(wanted))} />
      {revoked.length > 0 && (
        <details>
          <summary>{revoked.length === 1 ? 'One revoked key' : `${revoked.length} revoked keys`}</summary>
          <ul className="rows">
            {revoked.map(({ id, name, revoked_at_ms, spent_total_lamports }) => (
              <li key={id}>
                {name}{' '}
                <span className="small">
                  spent {signedSolOf(spent_total_lamports)} SOL, revoked {timeOf(revoked_at_ms ?? 0)}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Secret(props: { readonly shown: Shown; readonly forget: () => void; readonly use: () => void }) {
  const { forget, shown, use } = props;
  const [isUsed, setIsUsed] = useState(false);
  return (
    <div className="card secret" role="status">
      <h3>The secret of {shown.name}</h3>
      <p>
        <code className="digest">{shown.secret}</code> <Copy text={shown.secret} name="The secret" />
      </p>
      <p>It is shown once: the gateway keeps no more than its hash. Whoever has it spends this key’s budget.</p>
      <div className="row wrap">
        <button type="button" onClick={forget}>
          I have kept it
        </button>
        <button
          type="button"
          className="quiet"
          disabled={isUsed}
          onClick={() => {
            use();
            setIsUsed(true);
          }}
        >
          {isUsed ? 'This tab asks with it' : 'Ask with it in this tab'}
        </button>
      </div>
    </div>
  );
}

function Key(props: {
  readonly facts: KeyFacts;
  readonly api: AccountApi;
  readonly run: (work: () => Promise<Shown | undefined>) => Promise<boolean>;
}) {
  const { api, facts, run } = props;
  const [asked, setAsked] = useState<'rotate' | 'revoke'>();
  const { id, name } = facts;
  const doIt = async (): Promise<void> => {
    const isRotation = asked === 'rotate';
    setAsked(undefined);
    await run(async () => {
      if (isRotation) return api.rotateKey(id);
      await api.revokeKey(id);
      return undefined;
    });
  };
  return (
    <li className="card">
      <h3>{name}</h3>
      <Budget label="Today" spent={facts.spent_day_lamports} cap={facts.cap_day_lamports} />
      <Budget label="In total" spent={facts.spent_total_lamports} cap={facts.cap_total_lamports} />
      <p className="small">
        Made {timeOf(facts.created_at_ms)}
        {facts.rotated_at_ms !== null && `, rotated ${timeOf(facts.rotated_at_ms)}`}.
      </p>
      {asked === undefined ? (
        <div className="row wrap">
          <button type="button" className="quiet" onClick={() => setAsked('rotate')}>
            Rotate<span className="unseen"> {name}</span>
          </button>
          <button type="button" className="quiet" onClick={() => setAsked('revoke')}>
            Revoke<span className="unseen"> {name}</span>
          </button>
        </div>
      ) : (
        <>
          <p>
            {asked === 'rotate'
              ? 'It gets a new secret; the old one works for another day.'
              : 'It stops working within seconds, for good.'}
          </p>
          <div className="row wrap">
            <button type="button" onClick={() => void doIt()}>
              {asked === 'rotate' ? 'Give it a new secret' : 'Revoke it for good'}
            </button>
            <button type="button" className="quiet" onClick={() => setAsked(undefined)}>
              Leave it
            </button>
          </div>
        </>
      )}
      <details>
        <summary>
          Change its caps<span className="unseen"> of {name}</span>
        </summary>
        <CapsForm
          prefix={id}
          caps={{ capDay: facts.cap_day_lamports, capTotal: facts.cap_total_lamports }}
          button="Set these caps"
          submit={(caps) =>
            run(async () => {
              await api.changeKey(id, caps);
              return undefined;
            })
          }
        />
      </details>
    </li>
  );
}

const PARTS = 1_000n;

function Budget(props: { readonly label: string; readonly spent: bigint; readonly cap: bigint | null }) {
  const { cap, label, spent } = props;
  const share = cap === null || cap === 0n ? undefined : Number((spent * PARTS) / cap);
  return (
    <p className="budget">
      {label}: {signedSolOf(spent)} {cap === null ? 'SOL, without a cap' : `of ${solOf(cap)} SOL`}
      {share !== undefined && <progress max={Number(PARTS)} value={share} aria-label={`${label}, spent of the cap`} />}
    </p>
  );
}

function MakeKey({ make }: { readonly make: (wanted: { readonly name: string } & Caps) => Promise<boolean> }) {
  const [name, setName] = useState('');
  return (
    <details>
      <summary>Make a key</summary>
      <CapsForm
        prefix="new"
        caps={{ capDay: null, capTotal: null }}
        button="Make this key"
        submit={async (caps) => {
          const isMade = await make({ name: name.trim(), ...caps });
          if (isMade) setName('');
          return isMade;
        }}
      >
        <label htmlFor="new-name">Name</label>
        <input
          id="new-name"
          required
          maxLength={64}
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </CapsForm>
    </details>
  );
}

function CapsForm(props: {
  readonly prefix: string;
  readonly caps: Caps;
  readonly button: string;
  readonly submit: (caps: Caps) => Promise<boolean>;
  readonly children?: React.ReactNode;
}) {
  const { button, caps, children, prefix, submit } = props;
  const [day, setDay] = useState(typedOf(caps.capDay));
  const [total, setTotal] = useState(typedOf(caps.capTotal));
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const send = async (): Promise<void> => {
    const [capDay, capTotal] = [capOf(day), capOf(total)];
    if (capDay === undefined || capTotal === undefined)
      return setFailure('A cap is an amount of SOL, as 0.5, or nothing.');
    setFailure(undefined);
    setIsBusy(true);
    await submit({ capDay, capTotal });
    setIsBusy(false);
  };
  return (
    <form
      onSubmit={(event: SyntheticEvent) => {
        event.preventDefault();
        void send();
      }}
    >
      {children}
      <label htmlFor={`${prefix}-day`}>SOL a day</label>
      <input
        id={`${prefix}-day`}
        inputMode="decimal"
        autoComplete="off"
        placeholder="no cap"
        value={day}
        onChange={(event) => setDay(event.target.value)}
      />
      <label htmlFor={`${prefix}-total`}>SOL in total</label>
      <input
        id={`${prefix}-total`}
        inputMode="decimal"
        autoComplete="off"
        placeholder="no cap"
        value={total}
        onChange={(event) => setTotal(event.target.value)}
      />
      {failure !== undefined && <p role="alert">{failure}</p>}
      <p>
        <button type="submit" disabled={isBusy}>
          {button}
        </button>
      </p>
    </form>
  );
}

function typedOf(cap: bigint | null): string {
  return cap === null ? '' : solOf(cap).replaceAll(' ', '');
}

/** Null for nothing typed, undefined for what is no amount. */
function capOf(typed: string): bigint | null | undefined {
  return typed.trim() === '' ? null : lamportsOf(typed);
}
