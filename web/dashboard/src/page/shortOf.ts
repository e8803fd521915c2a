/** An address as people tell it from others: `7KpXab…z9YqrS`. */
export function shortOf(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-6)}`;
}
