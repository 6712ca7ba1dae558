import { OFFICE } from './sample-events.ts';

/** What a generated mailbox holds. Shares are of all its events, 0 to 1, unless said otherwise. */
export interface MailboxShape {
  /** Events lie within half as many days before and after now. */
  spreadDays: number;
  series: number;
  /** Kinds of pattern the series take in turn. */
  patterns: readonly SeriesKind[];
  /** Of the series: some date changed, some date deleted. */
  exceptions: number;
  cancelledDates: number;
  allDay: number;
  /** Names, Windows or IANA; repeat one to have it more often. */
  zones: readonly string[];
  /** Meetings this person calls, and those of others. */
  organised: number;
  attended: number;
  /** Further calendars besides the default one; events go to all of them alike. */
  calendars: number;
  categories: number;
  private: number;
  bodies: number;
}

export type SeriesKind =
  | 'daily'
  | 'weekly'
  | 'absoluteMonthly'
  | 'relativeMonthly'
  | 'absoluteYearly'
  | 'relativeYearly';

/** A working life with something of everything. */
export const BUSY_SHAPE: MailboxShape = {
  spreadDays: 720,
  series: 0.05,
  patterns: ['weekly', 'daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'],
  exceptions: 0.4,
  cancelledDates: 0.4,
  allDay: 0.08,
  zones: [OFFICE, OFFICE, OFFICE, 'Eastern Standard Time', 'Asia/Tokyo', 'Europe/London', 'UTC'],
  organised: 0.15,
  attended: 0.15,
  calendars: 2,
  categories: 0.3,
  private: 0.08,
  bodies: 0.7,
};

/** @throws {RangeError} naming what cannot be generated */
export function checkShape(shape: MailboxShape): MailboxShape {
  for (const [name, value] of Object.entries(shape)) {
    if (typeof value !== 'number') {
      if ((value as readonly string[]).length === 0) throw new RangeError(`shape.${name} must not be empty`);
    } else if (name === 'spreadDays' || name === 'calendars') {
      if (!Number.isInteger(value) || value < 0)
        throw new RangeError(`shape.${name} must be a whole number, 0 or more`);
    } else if (!(value >= 0 && value <= 1)) throw new RangeError(`shape.${name} must be a share, 0 to 1`);
  }
  if (shape.organised + shape.attended > 1)
    throw new RangeError('shape.organised and shape.attended exceed 1 together');
  return shape;
}
