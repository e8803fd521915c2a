import './style.css';
import { type AnswerVerdict, chainReader, listPrices, payAndVerify } from '@karmesh/sdk/client';
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { ExactSvmScheme } from '@x402/svm/exact/client';
import { gatewayUrl, isLocal, MOST_BASE_UNITS, mint, NETWORK, rpcUrl } from './settings.ts';
import { type PayingWallet, signerOf, watchWallets } from './wallets.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const question = element<HTMLTextAreaElement>('question');
const models = element<HTMLSelectElement>('model');
const choice = element<HTMLSelectElement>('wallet');
const button = element<HTMLButtonElement>('ask');
const tell = (id: string, text: string): void => {
  element(id).textContent = text;
};

/** Asks, pays with a transaction that the wallet signs, and calls `onVerified` once the answer was checked against the chain. */
async function ask(wallet: PayingWallet, onVerified: (verdict: AnswerVerdict) => void) {
  const signer = await signerOf(wallet, isLocal ? 'solana:localnet' : 'solana:devnet');
  const paying = new x402Client()
    .setSpendControls({ allowedAssets: [{ network: NETWORK, asset: mint, maxAmountPerPayment: MOST_BASE_UNITS }] })
    .register(NETWORK, new ExactSvmScheme(signer, { rpcUrl }));
  const buy = payAndVerify({
    gateway: { url: gatewayUrl },
    payer: (send) => wrapFetchWithPayment(send, paying),
    verify: 'quorum',
    chain: { reader: chainReader({ rpcUrl }), isLocal },
    onVerified,
  });
  const response = await buy(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: models.value,
      messages: [{ role: 'user', content: question.value }],
      max_tokens: 128,
    }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? 'The gateway refused.');
  const receipt = decodePaymentResponseHeader(response.headers.get('payment-response') ?? '');
  return { text: String(answer.choices[0].message.content), receipt, checked: buy.idle() };
}

function judge({ kind, rule, sentence }: AnswerVerdict): void {
  element('verdict').dataset.kind = kind;
  const found = {
    holds: 'Checked: signatures, draw, agreement and price of this answer hold against the chain.',
    false: `Do not trust this answer: ${sentence} (${rule})`,
    unchecked: `This answer is not checked: ${sentence}`,
  };
  tell('verdict', found[kind]);
}

async function onAsk(wallet: PayingWallet): Promise<void> {
  element('result').hidden = true;
  tell('status', 'Your wallet will ask you to pay.');
  const { checked, receipt, text } = await ask(wallet, judge);
  tell('answer', text);
  tell('verdict', 'Checking …');
  tell('paid', `Paid ${receipt.amount} base units in transaction ${receipt.transaction}.`);
  element('result').hidden = false;
  tell('status', 'Answered.');
  await checked;
}

let wallets: readonly PayingWallet[] = [];
watchWallets((found) => {
  wallets = found;
  choice.replaceChildren(...found.map(({ name }, index) => new Option(name, `${index}`)));
  tell('status', found.length === 0 ? 'No wallet that can pay is installed in this browser.' : '');
});
element('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const wallet = wallets[Number(choice.value)];
  if (wallet === undefined) return;
  button.disabled = true;
  onAsk(wallet)
    .catch((error: unknown) => tell('status', error instanceof Error ? error.message : String(error)))
    .finally(() => {
      button.disabled = false;
    });
});
listPrices({ url: gatewayUrl }).then(
  (prices) => models.replaceChildren(...prices.models.map(({ model }) => new Option(model))),
  (error: Error) => tell('status', error.message),
);
