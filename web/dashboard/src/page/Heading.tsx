import { type ReactNode, useEffect, useRef } from 'react';
import { arrive } from './place.ts';

/**
 * A view's heading. It takes the focus when the visitor goes to the view, so that a screen reader says where one is. Where the page alone shows another, because it has
 * found out that there is no gateway, the focus stays where the visitor has put it.
 */
export function Heading({ children }: { readonly children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (arrive()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
