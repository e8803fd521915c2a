import type { GenerateOptions } from '@karmesh/node/engines';
import { hash } from '@karmesh/sdk/protocol';
import { seededRandom } from './seededRandom.ts';

// What the bundled model was trained to answer: stories, small sums, facts, small talk. Half of the questions ask for a story,
// because those answers are long.

const ANIMALS = ['cat', 'dog', 'fox', 'bear', 'rabbit', 'owl', 'mouse', 'duck', 'frog', 'horse', 'cow', 'sheep'];
const NAMES = ['Mia', 'Tom', 'Lily', 'Ben', 'Anna', 'Sam', 'Zoe', 'Max', 'Ella', 'Leo', 'Nora', 'Finn', 'Ruby', 'Jack'];
const COUNTRIES = ['France', 'Italy', 'Spain', 'Japan', 'Egypt', 'Greece', 'Poland', 'Norway', 'Cuba', 'Peru', 'Kenya'];
const THINGS = ['sky', 'grass', 'sun', 'snow', 'coal', 'banana', 'tomato', 'leaf'];
const ADJECTIVES = ['hot', 'big', 'happy', 'fast', 'open', 'wet', 'old', 'hard', 'full', 'light', 'loud', 'early'];
const SMALL_TALK = ['Hello!', 'Good morning!', 'Who are you?', 'What is your name?', 'Thank you!'];
const SYSTEMS = [undefined, undefined, 'You are a helpful assistant.'];

type Messages = GenerateOptions['messages'];
type Pick = <T>(items: readonly T[]) => T;

function story(pick: Pick): string {
  return pick([
    `Tell me a story about a ${pick(ANIMALS)}.`,
    `Please tell me a story about a ${pick(ANIMALS)}.`,
    `Write a short story about a ${pick(ANIMALS)}.`,
    `Tell me a story about ${pick(NAMES)}.`,
    `Write a story about ${pick(NAMES)}.`,
  ]);
}

function shortQuestion(pick: Pick): string {
  const digits = Array.from({ length: 13 }, (_, i) => i);
  return pick([
    `What is ${pick(digits)} + ${pick(digits)}?`,
    `What is ${pick(digits)} plus ${pick(digits)}?`,
    `What is ${pick(digits)} minus ${pick(digits)}?`,
    `What does a ${pick(ANIMALS)} say?`,
    `Where does a ${pick(ANIMALS)} live?`,
    `What does a ${pick(ANIMALS)} eat?`,
    `What is the capital of ${pick(COUNTRIES)}?`,
    `What color is the ${pick(THINGS)}?`,
    `What is the opposite of ${pick(ADJECTIVES)}?`,
    `Count to ${pick(digits.slice(3, 11))}.`,
    `My name is ${pick(NAMES)}.`,
    pick(SMALL_TALK),
  ]);
}

/** Distinct conversations, the same for one seed: a third has an earlier turn, a third a system message, half ask for a story. */
export function conversations({ count, seed }: { readonly count: number; readonly seed: number }): readonly Messages[] {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const distinct = new Map<string, Messages>();
  while (distinct.size < count) {
    const system = pick(SYSTEMS);
    const name = pick(NAMES);
    const messages: Messages = [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      ...(random() < 1 / 3
        ? [
            { role: 'user' as const, content: `My name is ${name}.` },
            { role: 'assistant' as const, content: `Nice to meet you, ${name}!` },
          ]
        : []),
      { role: 'user', content: random() < 0.5 ? story(pick) : shortQuestion(pick) },
    ];
    distinct.set(JSON.stringify(messages), messages);
  }
  return [...distinct.values()];
}

/** Requests for conversations, each with an id of its own, which fixes the noise of S-03. */
export function requests(options: {
  readonly count: number;
  readonly seed: number;
  readonly temperatureMicro: number;
  readonly maxTokens: number;
}): readonly GenerateOptions[] {
  const { temperatureMicro, maxTokens } = options;
  return conversations(options).map((messages, i) => ({
    requestId: hash(new TextEncoder().encode(`detection ${options.seed} ${temperatureMicro} ${i}`)),
    messages,
    maxTokens,
    temperatureMicro,
    stops: [],
  }));
}
