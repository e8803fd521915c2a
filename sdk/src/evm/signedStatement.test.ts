import { expect, test } from 'vitest';
import { hash } from '../protocol/hash.ts';
import { secp256k1KeyFromSecret } from '../runtime/secp256k1Key.ts';
import { evmAddressOf, parseEvmAddress } from './evmAddress.ts';
import { parseSignedStatement, type SignedStatement, signedStatementJson } from './signedStatement.ts';
import { type EvmStatement, signatureBytes, statementDigest, statementSigner } from './statements.ts';

const named = (name: string): Uint8Array => hash(new TextEncoder().encode(name));
const key = secp256k1KeyFromSecret(new Uint8Array(32).fill(1));
const contract = { chainId: 1n << 64n, address: parseEvmAddress(`0x${'Ab'.repeat(20)}`), domain: named('domain') };
const statements: readonly EvmStatement[] = [
  {
    kind: 'epoch',
    epoch: (1n << 64n) - 1n,
    receiptSetRoot: named('root'),
    entryCount: 0xffff_ffff,
    next: { totalStake: 9n, validators: [{ signer: evmAddressOf(key.address), stake: 7n }] },
  },
  { kind: 'keys', modelId: named('model'), keysRoot: named('keys'), keyCount: 46 },
];
const signed = (statement: EvmStatement): SignedStatement => ({
  contract,
  statement,
  signature: signatureBytes(key.sign(statementDigest(contract, statement))),
});

test.each(statements)('a signed statement of $kind is read as it was written', (statement) => {
  const written = signed(statement);
  const read = parseSignedStatement(signedStatementJson(written));
  expect(read).toEqual(written);
  expect(statementSigner(read.contract, read.statement, read.signature)).toBe(evmAddressOf(key.address));
});

test('Z-51: the digest is that of EIP-712, whose value is pinned here', () => {
  expect(statements.map((each) => evmHex(statementDigest(contract, each)))).toMatchInlineSnapshot(`
    [
      "79cd9ca022b22b0987577597bd5bf66e6291e9937c91c5027b7beb792afd4313",
      "fc1e039fe58d831c634ef31f6d1d04d241543eea8051f3bed6e8629df930ad56",
    ]
  `);
});

const evmHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = signedStatementJson(signed(statements[0] as EvmStatement));
test.each([
  ['no JSON', 'x', 'A signed statement is not JSON.'],
  ['too much', ' '.repeat(1 << 18), 'A signed statement is too long.'],
  ['another kind', text.replace('"epoch",', '"era",'), 'A signed statement has another shape.'],
  ['a field too many', text.replace('{"contract"', '{"more":1,"contract"'), 'A signed statement has another shape.'],
  [
    'a number of 65 bits',
    text.replace('18446744073709551615', '18446744073709551616'),
    'A signed statement has another shape.',
  ],
  ['a negative number', text.replace('"9"', '"-9"'), 'A signed statement has another shape.'],
  ['a count of 33 bits', text.replace('4294967295', '4294967296'), 'A signed statement has another shape.'],
  ['an address in capitals', text.replace('0xab', '0xAB'), 'A signed statement has another shape.'],
  ['a signature of 64 bytes', text.replace(/..("})$/, '$1'), 'A signed statement has another shape.'],
])('refuses %s', (_name, given, message) => {
  expect(given).not.toBe(text);
  expect(() => parseSignedStatement(given)).toThrow(expect.objectContaining({ code: 'CODEC', message }));
});
