/** A part of the day in minutes since midnight. One that ends before it begins runs over midnight. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

const MINUTES_PER_DAY = 1440;
const FORM = /^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))$/;

/** Hours as `22:00-07:00`, the end not included; undefined if the text is none, or they are empty. */
export function parseHours(text: string): Hours | undefined {
  const [hour, minute, endHour, endMinute] = (FORM.exec(text) ?? []).slice(1).filter((part) => part !== undefined);
  if (hour === undefined || minute === undefined || endHour === undefined || endMinute === undefined) return undefined;
  const from = Number(hour) * 60 + Number(minute);
  const to = Number(endHour) * 60 + Number(endMinute);
  return from === to ? undefined : { from, to };
}

/** Minutes until one of the hours begins; 0 within one of them, or if there are none, which is always. */
export function minutesUntil(hours: readonly Hours[], minute: number): number {
  if (hours.length === 0 || hours.some((each) => isWithin(each, minute))) return 0;
  return Math.min(...hours.map(({ from }) => (from - minute + MINUTES_PER_DAY) % MINUTES_PER_DAY));
}

function isWithin({ from, to }: Hours, minute: number): boolean {
  return from < to ? from <= minute && minute < to : from <= minute || minute < to;
}
