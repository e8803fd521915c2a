import type { QueueFacts } from './queueFacts.ts';

const COLUMN = 6;
const GAP = 2;
const HEIGHT = 80;
/** A quiet market is drawn low, not as if one request filled it. */
const MIN_SCALE = 4;

/** The most requests at once, moment by moment; the table below it has the numbers. */
export function QueueChart({ queue }: { readonly queue: QueueFacts }) {
  const { history, sampleMs } = queue;
  const most = Math.max(MIN_SCALE, ...history.map(({ mostRunning, mostWaiting }) => mostRunning + mostWaiting));
  const width = Math.max(1, Math.round(300_000 / sampleMs)) * COLUMN;
  const heightOf = (count: number): number => (count / most) * HEIGHT;
  const seconds = Math.round((history.length * sampleMs) / 1000);
  return (
    <>
      <p className="small">
        The most requests at once, every {Math.round(sampleMs / 1000)} seconds; full height is {most}.
      </p>
      <svg
        className="chart"
        viewBox={`0 0 ${width} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`The most requests at once over the last ${seconds} seconds, at most ${most} on this scale; by minute below.`}
      >
        {history.map(({ atMs, mostRunning, mostWaiting }, i) => {
          const x = width - (history.length - i) * COLUMN;
          const running = heightOf(mostRunning);
          const waiting = heightOf(mostWaiting);
          return (
            <g key={atMs}>
              <rect className="running" x={x} y={HEIGHT - running} width={COLUMN - GAP} height={running} />
              <rect className="waiting" x={x} y={HEIGHT - running - waiting} width={COLUMN - GAP} height={waiting} />
            </g>
          );
        })}
      </svg>
    </>
  );
}
