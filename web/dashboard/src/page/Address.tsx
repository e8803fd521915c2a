import { explorerAccountLink, explorerLink } from '@karmesh/sdk/client';
import { useEffect, useState } from 'react';
import { usePage } from './pageContext.ts';
import { shortOf } from './shortOf.ts';

const COPIED_MS = 2_000;

/** An account's address, or a transaction's signature, shortened: a link where an explorer shows the cluster, else to be copied. */
export function Address(props: { readonly address: string; readonly kind?: 'account' | 'transaction' }) {
  const { address, kind = 'account' } = props;
  const { explorer } = usePage();
  const short = shortOf(address);
  if (explorer === undefined) {
    return (
      <span className="address">
        <code title={address}>{short}</code> <Copy text={address} name={short} />
      </span>
    );
  }
  const link = kind === 'account' ? explorerAccountLink : explorerLink;
  return (
    <a
      className="address"
      href={link(address, { rpcUrl: explorer })}
      target="_blank"
      rel="noreferrer"
      title={address}
      aria-label={`${short} in the Solana explorer, opens a new tab`}
    >
      <code>{short}</code>
      <span aria-hidden="true"> ↗</span>
    </a>
  );
}

/** A button that copies a text. Nothing where the browser gives no clipboard, as on plain HTTP from another machine. */
export function Copy({ text, name }: { readonly text: string; readonly name: string }) {
  const { say } = usePage();
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setIsCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  if (!isSecureContext) return null;
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setIsCopied(true);
      say(`${name} is copied in full.`);
    } catch {
      say('The browser did not let the page copy.');
    }
  };
  return (
    <button type="button" className="copy" onClick={() => void copy()} aria-label={`Copy ${name} in full`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {isCopied ? <path d="M3 8.5l3.5 3.5l6.5 -8" /> : <path d="M6 5h7v8h-7zM10 5v-2h-7v8h3" />}
      </svg>
    </button>
  );
}
