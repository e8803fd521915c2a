/** A hash in full, which may break anywhere. */
export function Digest({ hex }: { readonly hex: string }) {
  return <code className="digest">{hex}</code>;
}
