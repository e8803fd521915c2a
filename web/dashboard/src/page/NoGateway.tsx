import { Heading } from './Heading.tsx';

/** In place of a view of what only a gateway knows. */
export function NoGateway({ name, what }: { readonly name: string; readonly what: string }) {
  return (
    <>
      <Heading>{name}</Heading>
      <p className="card">
        This page was not opened from a gateway, and {what}. <a href="#/check">Bundles</a>,{' '}
        <a href="#/workers">workers</a> and <a href="#/epochs">epochs</a> work without one.
      </p>
    </>
  );
}
