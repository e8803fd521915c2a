/** What a step of the recheck proves in words, and whether it compares with what the chain says. */
export type Explanation = { readonly proves: string; readonly readsChain: boolean };

const chain = (proves: string): Explanation => ({ proves, readsChain: true });
const here = (proves: string): Explanation => ({ proves, readsChain: false });

/** By the sentence of `verifyBundle`; test/browser/explainCheck.test.ts holds that each of a real bundle has one. */
const explanations: Readonly<Record<string, Explanation>> = {
  'the bundle is of the request that you asked for': here(
    'The gateway’s ticket names the request id above, so that this is not the evidence of another answer.',
  ),
  'the bundle is of this cluster and program': chain(
    'The evidence belongs to the cluster and program whose accounts are read here, not to a look-alike.',
  ),
  'the request is the one that was signed': here(
    'Your prompt and settings hash to the request that the gateway’s signed ticket names: nobody answered another question.',
  ),
  'the model is the one that was paid for': here(
    'The model’s description, down to the hash of its file, is the one that the signed dispatch asks for.',
  ),
  'the dispatch lies in an epoch': chain(
    'The slot in which the workers were drawn falls into an epoch of this market.',
  ),
  'the gateway is registered and its identity signs for it': chain(
    'The key that signed ticket and dispatch is the one that the chain holds for this gateway.',
  ),
  'the hash chain was committed before the epoch': chain(
    'The gateway had fixed its part of the draw before the epoch began, so that it could not pick the workers.',
  ),
  'signatures, assignment, seals, quorum and price hold': here(
    'Every signature verifies; the workers are those that slot hash and hash chain draw; each sealed before any revealed; at least two outputs are equal; the price follows from the tokens.',
  ),
  'the tokens are the ones that the workers agreed on': here(
    'The bundle’s tokens hash to the output that the agreeing workers signed. That they spell the text you read is not checked here, since it takes the model’s tokenizer.',
  ),
  'the manifest is the attested one': chain(
    'The epoch’s set of answers is the one that validators with two thirds of the stake attested.',
  ),
  'the entry stands in the receipt set': here(
    'A Merkle path leads from this answer’s records to the root of that set.',
  ),
  'the candidates are the manifest’s': here('The workers that could be drawn are those that validators counted.'),
  'the slot hash is the manifest’s': here(
    'The randomness of the draw is the cluster’s own, as validators recorded it.',
  ),
  'the report is the one with two thirds of the stake': chain(
    'The report of who earned what is the one that two thirds of the stake voted for.',
  ),
  'the set is reported in its epoch or a later one': here('The report comes after the set that it judges.'),
  'every agreeing worker is credited, and no other worker': here('Only workers whose answers agree are paid for it.'),
  'the worker earned what the rule gives': chain(
    'Karma and pay are what the rule computes with the chain’s own parameters, to the last unit.',
  ),
  'the credit stands in the worker’s receipts': here('A Merkle path leads from this credit to the worker’s receipts.'),
  'the proofs of a token can be read': here('The worker’s answer to the challenge is whole.'),
  'two thirds of the stake attested the model’s keys': chain(
    'The keys that these proofs are checked with are the ones that validators attested for this model.',
  ),
  'the keys are of a ceremony, or the cluster is a local one': here(
    'Keys for development, under which everybody can forge, are taken on a local cluster alone.',
  ),
  'the token that the beacon drew was computed by the model': chain(
    'A token that nobody could choose was computed operator by operator by the model that was paid for, from the words that stand there: each proof verifies, and each reads what the one before gave.',
  ),
  'the worker’s lifetime stands under the root': here(
    'A Merkle path leads from the worker’s totals to the root of what all have earned.',
  ),
};

/** Undefined for a step that this page does not know; it is then shown by its own sentence alone. */
export function explainCheck(what: string): Explanation | undefined {
  return explanations[what];
}
