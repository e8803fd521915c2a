import {
  byteString,
  type Codec,
  type Decoded,
  type Domain,
  type DoubleSign,
  doubleSign,
  fixedBytes,
  hashCodec,
  type Identity,
  identityCodec,
  oneOf,
  participantCodec,
  reportCodec,
  type SignedTwice,
  struct,
  toHex,
  u8,
  u32,
  u64,
} from '@karmesh/sdk/protocol';

/** What a report is shown to be false by (P-45, P-46). */
export const FAULT_NAMES = ['sum', 'lifetime', 'claims'] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

/** What can be found, as people, metrics and logs name it. */
export const OFFENCE_NAMES = ['receipt', 'verdict', 'ticket', 'batch', ...FAULT_NAMES, 'signature', 'silence'] as const;
export type OffenceName = (typeof OFFENCE_NAMES)[number];

/** Evidence fits one account, which a transaction makes with at most 10,240 bytes. */
const MAX_EVIDENCE_BYTES = 10_180;
/** The larger of the records that are signed. */
const MAX_RECORD_BYTES = 1024;

const signatureBytes = fixedBytes(64);
const doubleSignCodec = struct({
  what: oneOf(['receipt', 'verdict', 'ticket', 'batch']),
  epoch: u64,
  kind: u8,
  first: byteString(MAX_RECORD_BYTES),
  second: byteString(MAX_RECORD_BYTES),
  offender: participantCodec,
  offenceKey: hashCodec,
  firstHash: hashCodec,
  secondHash: hashCodec,
  identity: identityCodec,
  firstSignature: signatureBytes,
  secondSignature: signatureBytes,
});
const falseReportCodec = struct({
  what: oneOf(FAULT_NAMES),
  epoch: u64,
  reportHash: hashCodec,
  /** Of the report that this one follows on; the report's own epoch if it follows on none. */
  priorEpoch: u64,
  evidence: byteString(MAX_EVIDENCE_BYTES),
});
const badSetCodec = struct({
  what: oneOf(['signature']),
  epoch: u64,
  manifestHash: hashCodec,
  evidence: byteString(MAX_EVIDENCE_BYTES),
});
const hiddenReportCodec = struct({
  what: oneOf(['silence']),
  epoch: u64,
  reportHash: hashCodec,
  report: reportCodec,
  /** The place that is asked for. */
  index: u32,
  /** One that voted for it. */
  voter: participantCodec,
  /** As in a false report. */
  priorEpoch: u64,
});

/** Two records that exclude each other, with what shows that one key signed both (P-44). */
export type FoundTwice = Decoded<typeof doubleSignCodec>;
/** A report that somebody voted for, with what shows it to be false. */
export type FoundFalse = Decoded<typeof falseReportCodec>;
/** A set that somebody attested, with what shows that a worker did not sign a record of it (P-48). */
export type FoundBadSet = Decoded<typeof badSetCodec>;
/** A report that somebody voted for, of which nobody shows the body: what is asked of it on chain (P-49). */
export type FoundHidden = Decoded<typeof hiddenReportCodec>;
export type Found =
  | { readonly type: 'doubleSign'; readonly of: FoundTwice }
  | { readonly type: 'falseReport'; readonly of: FoundFalse }
  | { readonly type: 'badSet'; readonly of: FoundBadSet }
  | { readonly type: 'hiddenReport'; readonly of: FoundHidden };

export const FOUND_CODECS: {
  readonly doubleSign: Codec<FoundTwice>;
  readonly falseReport: Codec<FoundFalse>;
  readonly badSet: Codec<FoundBadSet>;
  readonly hiddenReport: Codec<FoundHidden>;
} = {
  doubleSign: doubleSignCodec,
  falseReport: falseReportCodec,
  badSet: badSetCodec,
  hiddenReport: hiddenReportCodec,
};

/** Whom or what a finding is about: a participant's address, a report's hash or a manifest's. */
export function aboutOf(found: Found): Uint8Array {
  switch (found.type) {
    case 'doubleSign':
      return found.of.offender;
    case 'falseReport':
    case 'hiddenReport':
      return found.of.reportHash;
    case 'badSet':
      return found.of.manifestHash;
  }
}

/** Names an offence whatever shows it: who finds it again has found nothing new. */
export function nameOf(found: Found): string {
  const about = toHex(aboutOf(found));
  if (found.type === 'doubleSign') return `${about} ${toHex(found.of.offenceKey)}`;
  // That nobody shows a report is another matter than that it is false.
  return found.type === 'hiddenReport' ? `silence ${found.of.epoch} ${about}` : `${found.of.epoch} ${about}`;
}

/** A pair of records with their signatures, as it was met. */
export interface SignedPair {
  readonly twice: SignedTwice;
  readonly signatures: readonly [Uint8Array, Uint8Array];
  /** Under which both hold. */
  readonly identity: Identity;
  /** In which they were met. */
  readonly epoch: bigint;
}

/** What is kept of two records that exclude each other. */
export function foundTwice(domain: Domain, pair: SignedPair): Found {
  const { kind, first, second, offender, offenceKey, messages } = doubleSign(domain, pair.twice);
  return {
    type: 'doubleSign',
    of: {
      what: pair.twice.name,
      epoch: pair.epoch,
      kind,
      first,
      second,
      offender,
      offenceKey,
      firstHash: messages[0],
      secondHash: messages[1],
      identity: pair.identity,
      firstSignature: pair.signatures[0],
      secondSignature: pair.signatures[1],
    },
  };
}

/** What `prove_double_sign` takes, as it was kept. */
export function shownTwice(of: FoundTwice): DoubleSign {
  const { kind, first, second, offender, offenceKey, firstHash, secondHash } = of;
  const evidence = new Uint8Array(1 + first.length + second.length);
  evidence.set([kind]);
  evidence.set(first, 1);
  evidence.set(second, 1 + first.length);
  return { kind, first, second, offender, offenceKey, messages: [firstHash, secondHash], evidence };
}
