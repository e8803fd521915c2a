import { KarmeshError } from '../errors.ts';
import { LANES, laneTerms } from './lanes.ts';
import { type Link, LinkedList } from './linkedList.ts';

/** A ticket in its lane. `account` is whoever the gateway holds to be one customer; a lane is shared evenly among them. */
export type LaneTicket = { readonly ticket: bigint; readonly lane: number; readonly account: string };

/** What can happen to a ticket in the order: it comes, its turn comes, or it is gone before that. */
export type LaneEvent = LaneTicket & { readonly kind: 'enter' | 'start' | 'leave' };

export type LaneOrder = {
  /**
   * @throws KarmeshError `BAD_ARGUMENT` if there is no such lane, or if the number is not above that of every ticket that has entered
   * before (L-02).
   */
  enter(ticket: LaneTicket): void;
  /** Takes out a ticket before its turn; undefined if it does not wait. */
  leave(ticket: bigint): LaneTicket | undefined;
  /** Who must start next; undefined if nobody waits. */
  next(): LaneTicket | undefined;
  /** Takes out who must start next. */
  start(): LaneTicket | undefined;
  has(ticket: bigint): boolean;
  /** The last ticket that has entered; the next one must have a greater number. */
  readonly newest: bigint | undefined;
  readonly waiting: number;
  /** How many wait in each lane, by its number. */
  readonly waitingByLane: readonly number[];
};

/** The tickets of one account in one lane. */
type Queue = { readonly account: string; readonly tickets: LinkedList<LaneTicket> };

type Standing = { readonly queue: Queue; readonly link: Link<LaneTicket> };

type Lane = {
  /** How far the lane's pass moves with each start: the greatest weight divided by its own. */
  readonly stride: number;
  pass: number;
  waiting: number;
  /** Accounts with tickets in this lane; the first has the next turn. */
  readonly ring: LinkedList<Queue>;
  readonly turns: Map<string, Link<Queue>>;
};

/**
 * Who starts next (L-03, L-04): a pure function of what entered, left and started before, so that everybody who has the events can say
 * who was jumped. Every operation takes constant time.
 *
 * Among lanes this is stride scheduling (Waldspurger and Weihl, MIT/LCS/TM-528, 1995) with the clock of start-time fair queuing (Goyal,
 * Vin and Cheng, SIGCOMM 1996). Each lane has a pass. The lane with the smallest key (pass, number) starts, and its pass grows by its
 * stride, from 1 for Master to 32 for Bronze. The clock is the key of the last start. A lane that was empty goes on from its own pass or
 * from the first key after the clock, whichever is later: it saves nothing up while it is empty, and who leaves and comes again escapes
 * nothing. Inside a lane accounts take turns, and inside an account who came first starts first.
 *
 * The bound on starvation is `startsWithin`.
 */
export function laneOrder(): LaneOrder {
  const lanes = LANES.map(
    ({ weight }): Lane => ({
      stride: LANES[0].weight / weight,
      pass: 0,
      waiting: 0,
      ring: new LinkedList(),
      turns: new Map(),
    }),
  );
  const standings = new Map<bigint, Standing>();
  // The key of the last start; before the first one no lane lies behind it.
  const clock = { pass: 0, lane: -1 };
  let newest: bigint | undefined;

  const laneOf = (number: number): Lane => {
    const lane = lanes[number];
    if (lane === undefined)
      throw new KarmeshError('BAD_ARGUMENT', 'There is no such lane.', { lane: number, lanes: lanes.length });
    return lane;
  };

  const nextLane = (): number | undefined => {
    let least: { readonly number: number; readonly pass: number } | undefined;
    for (const [number, { pass, waiting }] of lanes.entries())
      if (waiting > 0 && (least === undefined || pass < least.pass)) least = { number, pass };
    return least?.number;
  };

  const giveTurn = (lane: Lane, queue: Queue): Queue => {
    lane.turns.set(queue.account, lane.ring.append(queue));
    return queue;
  };

  const endTurn = (lane: Lane, { account }: Queue): void => {
    const turn = lane.turns.get(account);
    if (turn !== undefined) lane.ring.remove(turn);
    lane.turns.delete(account);
  };

  const takeOut = (ticket: bigint): Standing | undefined => {
    const standing = standings.get(ticket);
    if (standing === undefined) return undefined;
    const { queue, link } = standing;
    const lane = laneOf(link.value.lane);
    standings.delete(ticket);
    lane.waiting -= 1;
    queue.tickets.remove(link);
    if (queue.tickets.first === undefined) endTurn(lane, queue);
    return standing;
  };

  const next = (): LaneTicket | undefined => {
    const number = nextLane();
    return number === undefined ? undefined : laneOf(number).ring.first?.tickets.first;
  };

  return {
    enter({ ticket, lane: number, account }) {
      const lane = laneOf(number);
      if (newest !== undefined && ticket <= newest)
        throw new KarmeshError('BAD_ARGUMENT', 'Tickets enter in the order of their numbers.', { ticket, newest });
      newest = ticket;
      if (lane.waiting === 0) {
        const fromClock = number > clock.lane ? clock.pass : clock.pass + 1;
        lane.pass = Math.max(lane.pass, fromClock);
      }
      lane.waiting += 1;
      const queue = lane.turns.get(account)?.value ?? giveTurn(lane, { account, tickets: new LinkedList() });
      standings.set(ticket, { queue, link: queue.tickets.append({ ticket, lane: number, account }) });
    },
    leave: (ticket) => takeOut(ticket)?.link.value,
    next,
    start() {
      const first = next();
      if (first === undefined) return undefined;
      const lane = laneOf(first.lane);
      clock.pass = lane.pass;
      clock.lane = first.lane;
      lane.pass += lane.stride;
      const queue = takeOut(first.ticket)?.queue;
      if (queue?.tickets.first !== undefined) {
        endTurn(lane, queue);
        giveTurn(lane, queue);
      }
      return first;
    },
    has: (ticket) => standings.has(ticket),
    get newest() {
      return newest;
    },
    get waiting() {
      return standings.size;
    },
    get waitingByLane() {
      return lanes.map(({ waiting }) => waiting);
    },
  };
}

/**
 * L-05: within how many starts, its own included, a ticket must have started that has `before` tickets before it in its own lane, whatever
 * the other lanes do: the sum over all lanes of `ceil((before + 1) x weight of that lane / weight of its own)`. For the first of a lane
 * that is 6, 7, 10, 17, 32 and 63, from Master to Bronze.
 *
 * Inside a lane, a ticket with `own` tickets before it in its account's queue has at most `(own + 1) x accounts - 1` before it in its lane,
 * `accounts` being the most that have tickets there at once while it waits.
 *
 * Proof. Let s be the lane's stride and c the clock when the ticket enters. Keys that start only grow, since a lane that comes again does
 * so after the clock. A lane's key is at most s beyond the clock: after a start of its own it is exactly s beyond the clock of then, and
 * where it begins at the first key after c, one stride less is not after c. So the ticket, whose turn is its lane's (before + 1)th from
 * now on, starts at a key of at most c + (before + 1) x s, and whatever starts until then has a key in the interval that ends there and
 * begins after c. Keys of a lane with stride t are t or more apart, so that an interval of length d holds at most ceil(d / t) of them. With
 * strides of 32 / weight the sum follows. It is reached right after the first start of a lane while all the others are waiting. A ticket
 * that leaves only shortens the wait. Inside a lane an account that had its turn, or comes anew, goes behind all that wait there, so that
 * between two turns of one account each other has at most one.
 */
export function startsWithin(place: { readonly lane: number; readonly before: number }): number {
  const own = laneTerms(place.lane).weight;
  return LANES.reduce((sum, { weight }) => sum + Math.ceil(((place.before + 1) * weight) / own), 0);
}
