import type { Assurance, ChatMessage } from '@karmesh/sdk/protocol';
import type { Ability } from './abilities.ts';
import type { AnswerForm } from './answerForm.ts';

/** What a client asks of a model, through whichever of the API's doors. */
export type AnswerRequest = {
  readonly model: string;
  /** The conversation that each choice answers, in the order of the choices. */
  readonly conversations: readonly (readonly ChatMessage[])[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Undefined where the client leaves it to the gateway. */
  readonly maxTokens: number | undefined;
  readonly temperatureMicro: number;
  readonly stops: readonly string[];
  readonly assurance: Assurance;
  /** L-01; undefined where the client names none. */
  readonly lane: number | undefined;
  /** A signed quote in hexadecimal, which says lane and price. */
  readonly quote: string | undefined;
  /** What the model must be able to, and the parameter that asks for it. */
  readonly needs: readonly { readonly ability: Ability; readonly param: string }[];
  /** Makes the reader of one choice's text. */
  readonly form: () => AnswerForm;
};
