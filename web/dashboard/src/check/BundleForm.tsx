import { type SyntheticEvent, useId, useState } from 'react';

/** A bundle has some tens of kilobytes; what is far beyond that is something else. */
const MAX_CHARACTERS = 4_000_000;

export type OpenedBundle = { readonly name: string; readonly file: unknown };

/** Takes a bundle that was kept: as a file, or pasted. */
export function BundleForm({ open }: { readonly open: (bundle: OpenedBundle) => void }) {
  const id = useId();
  const [pasted, setPasted] = useState('');
  const [failure, setFailure] = useState<string>();
  const take = (name: string, text: string): void => {
    setFailure(undefined);
    try {
      if (text.length <= MAX_CHARACTERS) open({ name, file: JSON.parse(text) });
      else setFailure(`${name} is too long to be a bundle.`);
    } catch {
      setFailure(`${name} is not JSON, so that it is no bundle.`);
    }
  };
  const choose = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    // Four bytes at most are one character, so that nothing longer is read at all.
    if (file.size <= 4 * MAX_CHARACTERS) take(file.name, await file.text());
    else setFailure(`${file.name} is too long to be a bundle.`);
  };
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    take('What you pasted', pasted);
  };
  return (
    <form onSubmit={submit}>
      <label htmlFor={`${id}-file`}>A bundle that you have kept</label>
      <input
        id={`${id}-file`}
        type="file"
        accept=".json,application/json"
        aria-describedby={`${id}-help`}
        onChange={(event) => void choose(event.target.files?.[0])}
      />
      <p id={`${id}-help`} className="small">
        What <code>karmesh receipt fetch --bundle</code> wrote. It stays in this browser.
      </p>
      <details>
        <summary>Or paste it</summary>
        <label htmlFor={`${id}-text`}>The bundle’s JSON</label>
        <textarea
          id={`${id}-text`}
          className="mono"
          rows={4}
          required
          spellCheck={false}
          value={pasted}
          onChange={(event) => setPasted(event.target.value)}
        />
        <button type="submit">Check it</button>
      </details>
      {failure !== undefined && <p role="alert">{failure}</p>}
    </form>
  );
}
