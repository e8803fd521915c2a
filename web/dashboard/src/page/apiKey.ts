import { useState } from 'react';

const NAME = 'karmesh.apiKey';

/** The key by which the gateway knows its buyer, kept until this tab is closed and nowhere else. */
export function useApiKey(): readonly [string, (key: string) => void] {
  const [key, setKey] = useState(() => sessionStorage.getItem(NAME) ?? '');
  const keep = (next: string): void => {
    if (next === '') sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, next);
    setKey(next);
  };
  return [key, keep];
}
