import type { KarmaFacts } from './facts.ts';
import { AXES, pointOn, radarPoints, shareOf } from './radarPoints.ts';

const RINGS = [1 / 3, 2 / 3, 1] as const;
const LABEL_AT = 1.17;
/** Labels grow away from the picture. */
const ANCHORS = ['middle', 'start', 'start', 'end', 'end'] as const;

/** The five parts as a picture; the list beside it has the numbers. */
export function Radar({ karma, most }: { readonly karma: KarmaFacts; readonly most: bigint }) {
  return (
    <svg className="radar" viewBox="-50 15 300 160" aria-hidden="true">
      {RINGS.map((share) => (
        <polygon
          key={share}
          className="ring"
          points={AXES.map((_, i) => `${pointOn(i, share).x},${pointOn(i, share).y}`).join(' ')}
        />
      ))}
      {AXES.map((part, i) => {
        const rim = pointOn(i, 1);
        const label = pointOn(i, LABEL_AT);
        return (
          <g key={part}>
            <line className="ring" x1={100} y1={100} x2={rim.x} y2={rim.y} />
            <text x={label.x} y={label.y + 4} textAnchor={ANCHORS[i]} className={karma[part] > 0n ? 'some' : undefined}>
              {part}
            </text>
          </g>
        );
      })}
      <polygon className="area" points={radarPoints(karma, most)} />
      {AXES.map((part, i) => {
        const { x, y } = pointOn(i, shareOf(karma[part], most));
        return karma[part] > 0n ? <circle key={part} className="dot" cx={x} cy={y} r={3.5} /> : null;
      })}
    </svg>
  );
}
