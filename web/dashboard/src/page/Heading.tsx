import { type ReactNode, useEffect, useRef } from 'react';

/** A view's heading. It takes the focus when the view opens, so that a screen reader says where one is. */
export function Heading({ children }: { readonly children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
