/**
 * Where a stream is to halt (W-22), in output tokens: at as many as any worker has sent, so that none is cut short of what it delivered (W-23), but no
 * more than `mostAhead` beyond what the reader has taken or two workers have sent alike. One worker that makes tokens up raises what the others
 * compute by no more than that.
 */
export function haltPoint(
  sent: readonly (readonly number[])[],
  { taken, mostAhead }: { readonly taken: number; readonly mostAhead: number },
): number {
  const longest = Math.max(0, ...sent.map(({ length }) => length));
  const alike = sent.flatMap((one, index) => sent.slice(index + 1).map((other) => commonLength(one, other)));
  return Math.min(longest, Math.max(taken, ...alike) + mostAhead);
}

function commonLength(one: readonly number[], other: readonly number[]): number {
  const differs = one.findIndex((token, index) => token !== other[index]);
  return differs < 0 ? one.length : differs;
}
