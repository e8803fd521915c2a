import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import { karmaOf } from '../page/micro.ts';
import type { KarmaHistory as History, KarmaFacts } from './facts.ts';

type Earned = { readonly epoch: bigint; readonly karma: KarmaFacts | undefined };

/** What one worker earned in each of the epochs, the oldest first. */
export function earnedBy(address: string, history: History): readonly Earned[] {
  return history.epochs.map(({ earned, epoch }) => ({
    epoch,
    karma: earned.find((each) => each.address === address)?.karma,
  }));
}

const HEIGHT = 40;
const COLUMN = 20;
const GAP = 4;
/** A young market fills them from the right, so that a column is always an epoch wide. */
const MIN_COLUMNS = 12;

/** A worker's earnings epoch by epoch: a picture, and the same as a table for who opens it. `most` reaches the top. */
export function KarmaHistory({ earned, most }: { readonly earned: readonly Earned[]; readonly most: bigint }) {
  const first = earned.at(0)?.epoch;
  const last = earned.at(-1)?.epoch;
  if (first === undefined || last === undefined) return <p className="small">No epoch is final yet.</p>;
  const columns = Math.max(MIN_COLUMNS, earned.length);
  const some = earned.filter(({ karma }) => karma !== undefined).length;
  return (
    <div className="history">
      <p className="small">
        {first === last ? `Epoch ${first}` : `Epochs ${first} to ${last}`}: earned something in {some} of{' '}
        {earned.length}
      </p>
      <svg
        className="chart"
        viewBox={`0 0 ${columns * COLUMN} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {earned.map(({ epoch, karma }, i) => (
          <Column key={epoch} karma={karma} x={(columns - earned.length + i) * COLUMN} most={most} />
        ))}
      </svg>
      {some > 0 && <Numbers earned={earned} />}
    </div>
  );
}

function Column(props: { readonly karma: KarmaFacts | undefined; readonly x: number; readonly most: bigint }) {
  const { karma, most, x } = props;
  let top = HEIGHT;
  return (
    <>
      <rect className="ground" x={x} y={HEIGHT - 1} width={COLUMN - GAP} height={1} />
      {KARMA_PARTS.map((part) => {
        const height = karma === undefined || most === 0n ? 0 : Number((karma[part] * 1000n) / most) * (HEIGHT / 1000);
        top -= height;
        return height === 0 ? null : (
          <rect key={part} className={part} x={x} y={top} width={COLUMN - GAP} height={height} />
        );
      })}
    </>
  );
}

function Numbers({ earned }: { readonly earned: readonly Earned[] }) {
  const parts = KARMA_PARTS.filter((part) => earned.some(({ karma }) => (karma?.[part] ?? 0n) > 0n));
  return (
    <details>
      <summary>As a table</summary>
      <table>
        <caption className="unseen">Karma earned by epoch</caption>
        <thead>
          <tr>
            <th scope="col">Epoch</th>
            {parts.map((part) => (
              <th key={part} scope="col">
                {part}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {earned.toReversed().map(({ epoch, karma }) => (
            <tr key={epoch}>
              <th scope="row">{epoch.toString()}</th>
              {parts.map((part) => (
                <td key={part}>{karmaOf(karma?.[part] ?? 0n)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
