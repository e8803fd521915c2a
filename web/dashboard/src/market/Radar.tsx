import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import type { KarmaFacts } from './facts.ts';
import { pointOn, radarPoints } from './radarPoints.ts';

const RINGS = [1 / 3, 2 / 3, 1] as const;
const LABEL_AT = 1.2;

/** The five parts as a picture; the list beside it has the numbers. */
export function Radar({ karma, most }: { readonly karma: KarmaFacts; readonly most: bigint }) {
  return (
    <svg className="radar" viewBox="-10 10 220 175" aria-hidden="true">
      {RINGS.map((share) => (
        <polygon
          key={share}
          className="ring"
          points={KARMA_PARTS.map((_, i) => `${pointOn(i, share).x},${pointOn(i, share).y}`).join(' ')}
        />
      ))}
      {KARMA_PARTS.map((part, i) => {
        const rim = pointOn(i, 1);
        const label = pointOn(i, LABEL_AT);
        return (
          <g key={part}>
            <line className="ring" x1={100} y1={100} x2={rim.x} y2={rim.y} />
            <text x={label.x} y={label.y + 4} className={karma[part] > 0n ? 'some' : undefined}>
              {part}
            </text>
          </g>
        );
      })}
      <polygon className="area" points={radarPoints(karma, most)} />
      {KARMA_PARTS.map((part, i) => {
        const { x, y } = pointOn(i, most === 0n ? 0 : Number((karma[part] * 1000n) / most) / 1000);
        return karma[part] > 0n ? <circle key={part} className="dot" cx={x} cy={y} r={3.5} /> : null;
      })}
    </svg>
  );
}
