/** In place of what only a gateway knows. */
export function NoGateway({ what }: { readonly what: string }) {
  return (
    <p className="card">
      This page was not opened from a gateway, and {what}. <a href="#/check">Bundles</a>,{' '}
      <a href="#/workers">workers</a> and <a href="#/epochs">epochs</a> work without one.
    </p>
  );
}
