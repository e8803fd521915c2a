import { concatBytes, fromHex, u64le } from '@karmesh/sdk/protocol';
import { at } from '../../model/addresses.ts';
import { epochAt, VALIDATOR, WORKER } from '../../model/amounts.ts';
import { offenceOf } from '../../model/evidence.ts';
import { commitmentOf, recordHash } from '../../model/hashes.ts';
import type { Key, Participant } from '../../model/ledger.ts';
import { INCINERATED, keyNamed, keyOf, pairWith } from '../cast.ts';
import type { Random } from '../random.ts';
import { all, configOf } from '../stage.ts';
import { type Idea, send, toSlot } from '../step.ts';

const SALT = keyNamed('finding salt');
const [RECEIPT, VERDICT, TICKET] = [6, 12, 2];

/** The fields of a record of the kind that this participant signs: what names the offence, and a part that differs. */
function fieldsOf(key: Key, role: number, of: { epoch: bigint; number: bigint; other: string }): Buffer {
  const other = fromHex(keyNamed(of.other));
  if (role === VALIDATOR) {
    const fields = Buffer.alloc(140);
    fields.set(
      concatBytes(u64le(of.epoch), fromHex(keyNamed(`entry ${of.number}`)), other.subarray(0, 32), fromHex(key)),
    );
    return fields;
  }
  if (role === WORKER) {
    const fields = Buffer.alloc(152);
    fields.set(concatBytes(other, fromHex(key), u64le(of.epoch), u64le(of.number)));
    return fields;
  }
  const fields = Buffer.alloc(129);
  fields.set(concatBytes(other, fromHex(key), u64le(of.number)));
  return fields;
}

const kindOf = (role: number): number => (role === VALIDATOR ? VERDICT : role === WORKER ? RECEIPT : TICKET);

/** A finder commits to two records that somebody signed. */
export const committing: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const one = random.pick(all(stage.ledger, 'participant'));
  if (config === undefined || one === undefined) return undefined;
  const { key, data } = one;
  const kind = kindOf(data.role);
  const now = epochAt(config, stage.ledger.slot) ?? 0n;
  const back = BigInt(random.chance(80) ? random.below(2) : random.below(8));
  const number = BigInt(random.below(4));
  const epoch = now > back ? now - back : 0n;
  const first = fieldsOf(key, data.role, { epoch, number, other: 'one' });
  const same = random.chance(5);
  const second = fieldsOf(key, data.role, {
    ...{ epoch, other: same ? 'one' : 'another' },
    number: number + BigInt(random.chance(5) ? 1 : 0),
  });
  const finder = keyOf(random.chance(80) ? 'finder' : 'operator');
  const evidence = concatBytes(new Uint8Array([kind]), first, second);
  const commitment = commitmentOf(config.domain, { finder, evidence, salt: SALT });
  const finding = at.finding(finder, commitment);
  stage.notes.findings.set(finding, { kind, first, second });
  return send('commit_finding', [finder, finding], { signs: [finder], args: { commitment } });
};

/** A finder shows what it committed to. */
export const showing: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const finding = random.pick(all(stage.ledger, 'finding'));
  const shown = finding === undefined ? undefined : stage.notes.findings.get(finding.key);
  if (config === undefined || finding === undefined || shown === undefined) return undefined;
  const { slot, finder } = finding.data;
  if (stage.ledger.slot < slot + 32n && random.chance(90))
    return toSlot(slot + 32n - BigInt(random.chance(15) ? 1 : 0));
  const { kind, first, second } = shown;
  const offender = offenderOf(kind, first);
  const data = stage.ledger.accounts.get(offender)?.data;
  if (data?.kind !== 'participant') return undefined;
  const signed = signedTwice(
    data,
    random,
    [first, second].map((fields) => recordHash(config.domain, kind, fields)),
  );
  const accounts = [finder, at.config, offender, finding.key, at.offenceCase(offender, offenceOf(kind, first))];
  const args = { salt: SALT, kind, first, second };
  return signed === undefined ? undefined : send('prove_double_sign', accounts, { signs: [finder], args, ...signed });
};

function offenderOf(kind: number, fields: Uint8Array): Key {
  const from = kind === VERDICT ? 72 : 32;
  return Buffer.from(fields.subarray(from, from + 32)).toString('hex');
}

/** The Ed25519 program's instruction over two signatures of one key. */
function signedTwice({ identity, previousIdentity }: Participant, random: Random, messages: readonly Key[]) {
  const by = random.chance(85) ? identity : random.chance(70) ? previousIdentity : keyOf('stranger');
  const pair = pairWith(by);
  if (pair === undefined) return undefined;
  const frame = 2 + 2 * 14;
  const keyAt = frame + 2 * 96;
  const numbers = [0, 1].flatMap((i) => [frame + 96 * i, 0xffff, keyAt, 0xffff, frame + 96 * i + 64, 32, 0xffff]);
  const precompile = concatBytes(
    new Uint8Array([2, 0, ...numbers.flatMap((value) => [value & 255, value >> 8])]),
    ...messages.flatMap((message) => [pair.sign(fromHex(message)), fromHex(message)]),
    fromHex(by),
  );
  return { precompile, signed: { by, messages } };
}

export const takingFindingBack: Idea = (stage, random) => {
  const finding = random.pick(all(stage.ledger, 'finding'));
  if (finding === undefined) return undefined;
  const { finder } = finding.data;
  return send('close_finding', [finder, finding.key], { signs: [finder] });
};

/** A slash, when it is due or not. */
export const slashing: Idea = (stage, random) => {
  const cases = all(stage.ledger, 'case');
  const open = cases.filter(({ data }) => data.executed === 0);
  const filed = random.pick(open.length > 0 && random.chance(95) ? open : cases);
  if (filed === undefined) return undefined;
  const { offender, finder } = filed.data;
  return send('execute_case', [at.config, offender, filed.key, finder, INCINERATED, INCINERATED]);
};
