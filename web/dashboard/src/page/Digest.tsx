/** A hash in full, in hex or base58, which may break anywhere. */
export function Digest({ hex }: { readonly hex: string }) {
  return <code className="digest">{hex}</code>;
}
