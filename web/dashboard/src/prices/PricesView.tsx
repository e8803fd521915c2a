import { listPrices, type Prices } from '@karmesh/sdk/client';
import { priceLamports } from '@karmesh/sdk/protocol';
import { durationOf } from '../page/durationOf.ts';
import { Heading } from '../page/Heading.tsx';
import { solOf } from '../page/micro.ts';
import { type Read, useFacts } from '../page/useFacts.ts';
import { baseFeeSentences } from './baseFeeSentences.ts';

const EVERY_MS = 4_000;
const MILLION = 1_000_000;

const readPrices: Read<Prices> = (signal) => listPrices({ url: location.origin }, { signal });

/** What an answer of each model costs in each lane now, how many wait there, and where the base fee may go. */
export function PricesView() {
  const { failure, value: prices } = useFacts(readPrices, EVERY_MS);
  return (
    <>
      <Heading>Prices</Heading>
      <p className="lead">
        Requests wait in six lanes. A dearer lane starts more often; inside a lane accounts take turns. Who names none
        waits in the lane that the karma of their own workers and validators has earned, else in Bronze. You pay for one
        answer, whichever three workers ran it.
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {prices === undefined && failure === undefined && <p>Reading …</p>}
      {prices !== undefined && (
        <>
          <Lanes prices={prices} />
          {prices.models.length === 0 && <p>This gateway sells no model just now.</p>}
          {prices.models.map((model) => (
            <Model key={model.modelId} model={model} lanes={prices.lanes} />
          ))}
        </>
      )}
    </>
  );
}

function Lanes({ prices }: { readonly prices: Prices }) {
  const { lanes, quoteMs } = prices;
  const weights = lanes.reduce((sum, { weight }) => sum + weight, 0);
  const waiting = lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  const [now, next] = baseFeeSentences(prices, waiting);
  return (
    <section>
      <h2>Now</h2>
      <p>
        <strong>{now}</strong> {next}
      </p>
      <p>
        Who wants a price that does not move asks for a quote (<code>POST /v1/quotes</code>): it is signed, and holds
        for {durationOf(quoteMs)}.
      </p>
      <table>
        <caption className="small">
          While somebody waits in every lane, so many of {weights} starts are a lane’s own.
        </caption>
        <thead>
          <tr>
            <th scope="col">Lane</th>
            <th scope="col">Waiting</th>
            <th scope="col">Starts</th>
            <th scope="col">Times the list price</th>
          </tr>
        </thead>
        <tbody>
          {lanes.map(({ lane, priceTenths, waiting: inLane, weight }) => (
            <tr key={lane}>
              <th scope="row">{titleOf(lane)}</th>
              <td>{inLane}</td>
              <td>{weight}</td>
              <td>{priceTenths / 10}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Model({ model, lanes }: { readonly model: Prices['models'][number]; readonly lanes: Prices['lanes'] }) {
  const { activeParameters } = model;
  const price = (unitPrice: bigint, promptTokens: number, outputTokens: number): string =>
    solOf(priceLamports({ unitPrice, activeParameters, promptTokens, outputTokens }));
  return (
    <section>
      <h2>{model.model}</h2>
      <table>
        <caption className="small">SOL for a million tokens</caption>
        <thead>
          <tr>
            <th scope="col">Lane</th>
            <th scope="col">Answer</th>
            <th scope="col">Prompt</th>
          </tr>
        </thead>
        <tbody>
          {lanes.map(({ lane, unitPrice }) => (
            <tr key={lane}>
              <th scope="row">{titleOf(lane)}</th>
              <td>{price(unitPrice, 0, MILLION)}</td>
              <td>{price(unitPrice, MILLION, 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function titleOf(lane: string): string {
  return `${lane.slice(0, 1).toUpperCase()}${lane.slice(1)}`;
}
