import {
  type AnswerEvidence,
  type AskStreamingOptions,
  askStreaming,
  KarmeshError,
  type WorkerProgress,
} from '@karmesh/sdk/client';
import { useEffect, useRef, useState } from 'react';
import { sentenceOf } from '../page/sentenceOf.ts';

/** What is known of the question that was asked last. */
export type Asked = {
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly assurance: AskStreamingOptions['assurance'];
  readonly text: string;
  readonly workers: WorkerProgress;
  readonly evidence: AnswerEvidence | undefined;
  readonly failure: string | undefined;
};

export type Question = Pick<AskStreamingOptions, 'model' | 'prompt' | 'assurance'>;

/** One question at a time; it ends when another is asked, when it is stopped and with the page. */
export function useQuestion(apiKey: string) {
  const [asked, setAsked] = useState<Asked>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const ask = async (question: Question): Promise<void> => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    const change = (part: Partial<Asked> | ((before: Asked) => Partial<Asked>)): void => {
      if (running.current !== own) return;
      setAsked((before) =>
        before === undefined ? before : { ...before, ...(typeof part === 'function' ? part(before) : part) },
      );
    };
    setAsked({
      state: 'running',
      assurance: question.assurance,
      text: '',
      workers: [],
      evidence: undefined,
      failure: undefined,
    });
    const gateway = { url: location.origin, apiKey };
    try {
      for await (const event of askStreaming(gateway, { ...question, temperature: 0, signal: own.signal })) {
        if (event.kind === 'text') change(({ text }) => ({ text: text + event.text }));
        else if (event.kind === 'workers') change({ workers: event.workers });
        else change({ state: 'done', evidence: event.evidence });
      }
    } catch (cause) {
      const isStopped = cause instanceof KarmeshError && cause.code === 'ABORTED';
      change(isStopped ? { state: 'stopped' } : { state: 'failed', failure: sentenceOf(cause) });
    }
  };
  return { asked, ask, stop: () => running.current?.abort() };
}
