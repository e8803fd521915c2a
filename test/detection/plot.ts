/** One line of a panel, in the panel's own units. */
export interface Line {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly colour: string;
  /** Upper and lower ends of an interval at each point. */
  readonly intervals?: readonly (readonly [low: number, high: number])[];
  readonly markers?: boolean;
  /** Marks alone, without a line between them. */
  readonly isDotted?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly ticks: readonly (readonly [value: number, text: string])[];
  readonly from: number;
  readonly to: number;
}

export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
  /** Draws the line of a coin's toss. */
  readonly diagonal?: boolean;
}

export interface Figure {
  readonly title: string;
  readonly subtitle: string;
  readonly columns: number;
  readonly panels: readonly Panel[];
  readonly legend: readonly { readonly text: string; readonly colour: string }[];
}

const SIZE = { width: 230, height: 190, left: 66, right: 24, top: 34, bottom: 52 } as const;
const HEAD = 62;
const FOOT = 40;
const INK = '#1b1f24';
const FAINT = '#d9dee3';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const place = (value: number): string => value.toFixed(1);

/** A figure of panels in rows as SVG 1.1: light background, nothing loaded from outside. */
export function figureSvg(figure: Figure): string {
  const cell = { width: SIZE.left + SIZE.width + SIZE.right, height: SIZE.top + SIZE.height + SIZE.bottom };
  const rows = Math.ceil(figure.panels.length / figure.columns);
  const width = cell.width * figure.columns;
  const height = HEAD + cell.height * rows + FOOT;
  const panels = figure.panels.map((panel, i) => {
    const left = (i % figure.columns) * cell.width + SIZE.left;
    const top = HEAD + Math.floor(i / figure.columns) * cell.height + SIZE.top;
    return `<g transform="translate(${left} ${top})">\n${panelSvg(panel)}\n</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(figure.title)}" font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="12" fill="${INK}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="26" font-size="17" font-weight="bold">${escaped(figure.title)}</text>`,
    `<text x="16" y="46" fill="#57606a">${escaped(figure.subtitle)}</text>`,
    ...panels,
    legendSvg(figure.legend, { x: SIZE.left, y: height - 18 }),
    '</svg>',
    '',
  ].join('\n');
}

function legendSvg(legend: Figure['legend'], at: { readonly x: number; readonly y: number }): string {
  let x = at.x;
  return legend
    .map(({ text, colour }) => {
      const entry =
        `<line x1="${x}" y1="${at.y - 4}" x2="${x + 26}" y2="${at.y - 4}" stroke="${colour}" stroke-width="3"/>` +
        `<text x="${x + 33}" y="${at.y}">${escaped(text)}</text>`;
      x += 33 + 7 * text.length + 22;
      return entry;
    })
    .join('\n');
}

function panelSvg({ title, x, y, lines, diagonal }: Panel): string {
  const { width, height } = SIZE;
  const atX = (value: number): number => ((value - x.from) / (x.to - x.from)) * width;
  const atY = (value: number): number => height - ((value - y.from) / (y.to - y.from)) * height;
  const parts = [`<text x="0" y="-12" font-weight="bold">${escaped(title)}</text>`];
  for (const [value, text] of x.ticks) {
    const at = place(atX(value));
    parts.push(`<line x1="${at}" y1="0" x2="${at}" y2="${height}" stroke="${FAINT}"/>`);
    parts.push(`<text x="${at}" y="${height + 16}" text-anchor="middle">${escaped(text)}</text>`);
  }
  for (const [value, text] of y.ticks) {
    const at = place(atY(value));
    parts.push(`<line x1="0" y1="${at}" x2="${width}" y2="${at}" stroke="${FAINT}"/>`);
    parts.push(`<text x="-8" y="${Number(at) + 4}" text-anchor="end">${escaped(text)}</text>`);
  }
  parts.push(`<text x="${width / 2}" y="${height + 36}" text-anchor="middle">${escaped(x.label)}</text>`);
  parts.push(
    `<text transform="translate(-50 ${height / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`,
  );
  if (diagonal === true)
    parts.push(
      `<line x1="0" y1="${height}" x2="${width}" y2="0" stroke="#8c959f" stroke-width="1" stroke-dasharray="4 4"/>`,
    );
  for (const line of lines) {
    for (const [i, [low, high]] of (line.intervals ?? []).entries()) {
      const point = line.points[i];
      if (point === undefined) continue;
      const at = place(atX(point[0]));
      parts.push(
        `<line x1="${at}" y1="${place(atY(low))}" x2="${at}" y2="${place(atY(high))}" stroke="${line.colour}" stroke-width="1.5" stroke-opacity="0.55"/>`,
      );
    }
    const path = line.points.map(([px, py]) => `${place(atX(px))},${place(atY(py))}`).join(' ');
    if (line.isDotted !== true)
      parts.push(
        `<polyline points="${path}" fill="none" stroke="${line.colour}" stroke-width="2" stroke-linejoin="round"/>`,
      );
    if (line.markers === true)
      for (const [px, py] of line.points)
        parts.push(`<circle cx="${place(atX(px))}" cy="${place(atY(py))}" r="3" fill="${line.colour}"/>`);
  }
  parts.push(`<rect width="${width}" height="${height}" fill="none" stroke="#57606a"/>`);
  return parts.join('\n');
}
