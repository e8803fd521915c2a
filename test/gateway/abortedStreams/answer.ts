// The answer of these streams, of which each piece is a token that says which one it is.

export const MS_PER_TOKEN = 4;
export const PROMPT_TOKENS = 20;
export const PIECES = Array.from({ length: 32 }, (_, i) => `<${i}>`);

/** How many tokens of the answer stand in what a server has sent, all of it from its beginning. */
export function tokensIn(sent: string): number {
  const said = [...sent.matchAll(/<(\d+)>/g)].map(([, place]) => Number(place));
  if (said.some((place, i) => place !== i)) throw new Error('The answer has a gap.');
  return said.length;
}
