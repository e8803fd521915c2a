import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * One fenced block of a guide. What follows the language on its first line is not shown to readers and says what to do with it:
 * nothing, it is pasted into the reader's shell; `keeps-running: TEXT`, it gets a shell of its own and has started once it printed TEXT;
 * `no-run: REASON`; a file's name, it is saved under it.
 */
export type GuideBlock = { readonly line: number; readonly text: string } & (
  | { readonly kind: 'shell' }
  | { readonly kind: 'keepsRunning'; readonly ready: string }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'other'; readonly language: string }
);

/** The blocks of a markdown page of this repository, in order. */
export async function readGuide(path: string): Promise<readonly GuideBlock[]> {
  return blocksOf(await readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8'));
}

function blocksOf(markdown: string): readonly GuideBlock[] {
  const blocks: GuideBlock[] = [];
  let open: { readonly info: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (open === undefined) open = { info: line.slice(3).trim(), line: index + 1, lines: [] };
    else {
      blocks.push(blockOf(open.info, { line: open.line, text: `${open.lines.join('\n')}\n` }));
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`The block that opens on line ${open.line} does not end.`);
  return blocks;
}

function blockOf(info: string, place: { readonly line: number; readonly text: string }): GuideBlock {
  const [, language = '', rest = ''] = /^(\S*)\s*(.*)$/.exec(info) ?? [];
  if (language === 'ts') return { ...place, kind: 'file', name: rest };
  if (language !== 'sh') return { ...place, kind: 'other', language };
  if (rest === '') return { ...place, kind: 'shell' };
  const [, word, value = ''] = /^([a-z-]+): (.+)$/.exec(rest) ?? [];
  if (word === 'keeps-running') return { ...place, kind: 'keepsRunning', ready: value };
  if (word === 'no-run') return { ...place, kind: 'skipped', reason: value };
  throw new Error(`Line ${place.line} opens a block that says "${rest}", which means nothing.`);
}
