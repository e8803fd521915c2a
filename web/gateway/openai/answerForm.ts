/** A call of a function that the client offered; `arguments` is a JSON object as text. */
export type ToolCall = { readonly name: string; readonly arguments: string };

/** What is known of an answer once it has ended. */
export type FormEnd = {
  /** Text that was held back until now. */
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  /** Whether the whole answer has the form that `response_format` asks for; undefined where it asks for none. */
  readonly format: 'met' | 'unmet' | undefined;
};

/** Reads the text of one answer as it comes, and tells what may be shown of it. A model that keeps to no form gives its text. */
export type AnswerForm = {
  /** Text that may be shown now. */
  push(text: string): string;
  end(): FormEnd;
};

/** Text that is shown as it comes. */
export const plainForm = (): AnswerForm => ({
  push: (text) => text,
  end: () => ({ text: '', toolCalls: [], format: undefined }),
});
