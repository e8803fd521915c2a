import { explorerAccountLink } from '@karmesh/sdk/client';

/** An account's address, shortened for the eye and whole for copying, with a link to an explorer where one can read the cluster. */
export function Address(props: { readonly address: string; readonly rpcUrl: string | undefined }) {
  const { address, rpcUrl } = props;
  const short = `${address.slice(0, 6)}…${address.slice(-6)}`;
  if (rpcUrl === undefined) return <code title={address}>{short}</code>;
  return (
    <a
      className="address"
      href={explorerAccountLink(address, { rpcUrl })}
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
