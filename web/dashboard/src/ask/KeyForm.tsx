import { listModels } from '@karmesh/sdk/client';
import { type SyntheticEvent, useEffect, useState } from 'react';
import { sentenceOf } from '../page/sentenceOf.ts';

type Models = { readonly names: readonly string[]; readonly failure: string | undefined };

/** The models that the gateway sells to this key. */
export function useModels(apiKey: string): Models {
  const [models, setModels] = useState<Models>({ names: [], failure: undefined });
  useEffect(() => {
    setModels({ names: [], failure: undefined });
    if (apiKey === '') return;
    const ended = new AbortController();
    listModels({ url: location.origin, apiKey }, { signal: ended.signal }).then(
      (names) => setModels({ names, failure: undefined }),
      (cause: unknown) => {
        if (!ended.signal.aborted) setModels({ names: [], failure: sentenceOf(cause) });
      },
    );
    return () => ended.abort();
  }, [apiKey]);
  return models;
}

/** Asks for the key that `npm run up` prints. */
export function KeyForm(props: { readonly failure: string | undefined; readonly keep: (key: string) => void }) {
  const { failure, keep } = props;
  const [typed, setTyped] = useState('');
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    keep(typed.trim());
  };
  return (
    <form onSubmit={submit} className="key">
      <label htmlFor="key">API key</label>
      <div className="row">
        <input
          id="key"
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          aria-describedby="key-help"
        />
        <button type="submit">Use this key</button>
      </div>
      <p id="key-help" className="small">
        The key that <code>npm run up</code> prints. It stays in this tab and is forgotten when you close it.
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
    </form>
  );
}
