/** Where a request can be: waiting for its turn, being drawn and numbered, with the workers, saying its first words, being closed. */
export const REQUEST_STAGES = ['waiting', 'drawing', 'working', 'answering', 'closing'] as const;
export type RequestStage = (typeof REQUEST_STAGES)[number];

export type StageCounts = Readonly<Record<RequestStage, number>>;

export type RequestStages = {
  /** A request comes in; disposing takes it out, wherever it was. */
  enter(stage: RequestStage): Disposable & { reach(stage: RequestStage): void };
  count(): StageCounts;
};

/** Counts the requests of a market by where they are; `onChange` is called after each that moves. */
export function requestStages(onChange: () => void = () => {}): RequestStages {
  const counts = { waiting: 0, drawing: 0, working: 0, answering: 0, closing: 0 };
  return {
    enter(stage) {
      let at: RequestStage | undefined;
      const move = (to: RequestStage | undefined): void => {
        if (at !== undefined) counts[at] -= 1;
        if (to !== undefined) counts[to] += 1;
        at = to;
        onChange();
      };
      move(stage);
      return { reach: move, [Symbol.dispose]: () => move(undefined) };
    },
    count: () => ({ ...counts }),
  };
}
