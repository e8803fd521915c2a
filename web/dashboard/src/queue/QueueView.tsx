import { Heading } from '../page/Heading.tsx';
import { useFeed } from '../page/useFeed.ts';
import { byMinute } from './byMinute.ts';
import { QueueChart } from './QueueChart.tsx';
import { type QueueFacts, queueFeed, STAGES } from './queueFacts.ts';

const MEANING: Readonly<Record<(typeof STAGES)[number], string>> = {
  waiting: 'waiting for their turn',
  drawing: 'being numbered and drawn for',
  working: 'with their workers',
  answering: 'saying their answers',
  closing: 'being decided and written down',
};

/** How many requests are where in this gateway, now and in the last minutes. */
export function QueueView() {
  const { failure, value: queue } = useFeed(queueFeed);
  return (
    <>
      <Heading>The queue</Heading>
      <p className="lead">
        Requests in this gateway, as they move. They wait in six <a href="#/prices">lanes</a>, and inside a lane
        accounts take turns; nothing here says who asked, or what.
      </p>
      {failure !== undefined && <p role="alert">{`Not live: ${failure}`}</p>}
      {queue === undefined && failure === undefined && <p>Connecting …</p>}
      {queue !== undefined && (
        <>
          <Stages queue={queue} />
          <History queue={queue} />
        </>
      )}
    </>
  );
}

function Stages({ queue }: { readonly queue: QueueFacts }) {
  const { maxRunning, maxWaiting, stages } = queue;
  return (
    <section>
      <h2>Now</h2>
      <dl className="stages">
        {STAGES.map((stage) => (
          <div key={stage} className={stages[stage] > 0 ? 'some' : undefined}>
            <dt>{MEANING[stage]}</dt>
            <dd>{stages[stage]}</dd>
          </div>
        ))}
      </dl>
      <p className="small">
        {maxRunning} may run at once and {maxWaiting} wait; one more is asked to come back.
      </p>
    </section>
  );
}

function History({ queue }: { readonly queue: QueueFacts }) {
  return (
    <section>
      <h2>The last minutes</h2>
      <QueueChart queue={queue} />
      <ul className="legend">
        <li>
          <span className="swatch running" aria-hidden="true" /> running
        </li>
        <li>
          <span className="swatch waiting" aria-hidden="true" /> waiting
        </li>
      </ul>
      {queue.history.length === 0 ? (
        <p>The first numbers come after {Math.round(queue.sampleMs / 1000)} seconds.</p>
      ) : (
        <table>
          <caption className="unseen">Requests by minute</caption>
          <thead>
            <tr>
              <th scope="col">Minute</th>
              <th scope="col">Agreed</th>
              <th scope="col">Failed</th>
              <th scope="col">Most running</th>
              <th scope="col">Most waiting</th>
            </tr>
          </thead>
          <tbody>
            {byMinute(queue.history).map(({ agreed, failed, minutesAgo, mostRunning, mostWaiting }) => (
              <tr key={minutesAgo}>
                <th scope="row">{minutesAgo === 0 ? 'the last' : `${minutesAgo} before`}</th>
                <td>{agreed}</td>
                <td className={failed > 0 ? 'bad' : undefined}>{failed}</td>
                <td>{mostRunning}</td>
                <td>{mostWaiting}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
