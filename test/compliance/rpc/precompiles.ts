import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { PublicKey, TransactionInstruction } from '@solana/web3.js';

/** web3.js writes index 0 into a secp256k1 instruction's offsets; they name the instruction that holds the data. */
export function reindexed(data: Buffer, index: number): Buffer {
  const out = Buffer.from(data);
  for (const at of [3, 6, 11]) out.writeUInt8(index, at);
  return out;
}

const secp256r1Program = new PublicKey('Secp256r1SigVerify1111111111111111111111111');

/** A secp256r1 instruction (SIMD-0075) with one signature, whose data names itself by the index 0xffff. */
export function secp256r1Instruction(message: Buffer): TransactionInstruction {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const y = Buffer.from(jwk.y ?? '', 'base64url');
  const compressed = Buffer.concat([Buffer.from([2 + ((y.at(-1) ?? 0) & 1)]), Buffer.from(jwk.x ?? '', 'base64url')]);
  const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' });
  const s = BigInt(`0x${signature.toString('hex', 32)}`);
  // The precompile takes the lower of the two values of s alone.
  const low = s > order / 2n ? order - s : s;
  const lowSignature = Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(low.toString(16).padStart(64, '0'), 'hex'),
  ]);
  const header = Buffer.alloc(16);
  header.writeUInt8(1, 0);
  const keyAt = 16;
  const signatureAt = keyAt + 33;
  const messageAt = signatureAt + 64;
  const fields = [signatureAt, 0xffff, keyAt, 0xffff, messageAt, message.length, 0xffff];
  for (const [index, value] of fields.entries()) header.writeUInt16LE(value, 2 + 2 * index);
  return new TransactionInstruction({
    programId: secp256r1Program,
    keys: [],
    data: Buffer.concat([header, compressed, lowSignature, message]),
  });
}
