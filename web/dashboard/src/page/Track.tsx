export type TrackStep = {
  readonly name: string;
  readonly state: 'done' | 'now' | 'todo' | 'failed';
};

const SAID = { done: 'done', now: 'under way', todo: 'not yet', failed: 'failed' } as const;

/** Steps in a row, told by form and by word as well as by colour. */
export function Track({ steps, label }: { readonly steps: readonly TrackStep[]; readonly label: string }) {
  return (
    <ol className="track" aria-label={label}>
      {steps.map(({ name, state }) => (
        <li key={name} className={state} aria-current={state === 'now' ? 'step' : undefined}>
          {name}
          <span className="unseen">, {SAID[state]}</span>
        </li>
      ))}
    </ol>
  );
}
