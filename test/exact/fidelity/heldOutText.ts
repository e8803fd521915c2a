import { seededRandom } from '../../detection/seededRandom.ts';

// Words and sentences of the kind that the bundled model was made for, put together anew.
const NAMES = ['Mia', 'Tom', 'Lily', 'Ben', 'Anna', 'Sam', 'Zoe', 'Max', 'Nora', 'Leo', 'Ruby', 'Owen'] as const;
const ANIMALS = ['cat', 'dog', 'fox', 'bear', 'rabbit', 'owl', 'mouse', 'duck', 'frog', 'horse'] as const;
const THINGS = ['ball', 'kite', 'boat', 'hat', 'book', 'lamp', 'drum', 'bell', 'coin', 'key'] as const;
const COLOURS = ['red', 'blue', 'green', 'yellow', 'white', 'golden', 'purple'] as const;
const PLACES = ['forest', 'garden', 'river', 'hill', 'village', 'beach', 'meadow', 'park'] as const;
const NATURES = ['little', 'brave', 'kind', 'clever', 'shy', 'happy', 'gentle', 'curious'] as const;
const WEATHERS = ['sunny', 'rainy', 'windy', 'snowy', 'cloudy', 'warm'] as const;
const CAPITALS = { France: 'Paris', Italy: 'Rome', Spain: 'Madrid', Egypt: 'Cairo', Greece: 'Athens', Peru: 'Lima' };

/** Conversations in the model's own format: a story and two questions. The same in every run. */
export function heldOutTexts(count: number): readonly string[] {
  const random = seededRandom(20_261_121);
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? '';
  const turn = (question: string, answer: string): string =>
    `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n${answer}<|im_end|>\n`;
  const sum = (): string => {
    const [a, b] = [Math.floor(random() * 13), Math.floor(random() * 13)];
    return turn(`What is ${a} + ${b}?`, `${a} + ${b} = ${a + b}.`);
  };
  const capital = (): string => {
    const [country, city] = Object.entries(CAPITALS)[Math.floor(random() * 6)] ?? [];
    return turn(`What is the capital of ${country}?`, `The capital of ${country} is ${city}.`);
  };
  const story = (): string => {
    const [name, friend, animal, thing, colour, place] = [
      pick(NAMES),
      pick(NAMES),
      pick(ANIMALS),
      pick(THINGS),
      pick(COLOURS),
      pick(PLACES),
    ];
    const begin = `One ${pick(WEATHERS)} day, a ${pick(NATURES)} ${animal} named ${name} went to the ${place}.`;
    const middles = [
      `${name} lost a ${colour} ${thing}. Then ${friend} came and said, "I found your ${thing}!"`,
      `${name} found a ${colour} ${thing}. "Whose ${thing} is this?" asked ${name}. "It is mine," said ${friend}.`,
      `${name} saw ${friend} with a ${colour} ${thing}. "Can I play with you?" asked ${name}. "Yes," said ${friend}.`,
    ];
    const end = `From that day on, ${name} and ${friend} were best friends.`;
    return turn(`Tell me a story about a ${animal}.`, [begin, pick(middles), end].join(' '));
  };
  return Array.from({ length: count }, () => `${story()}${sum()}${capital()}`);
}
