import { GraphError } from '../http/graph-error.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { parseDate, parseInstant } from '../mailbox/zones.ts';
import type { WireEvent } from '../wire-types.ts';
import { ControlError, wrong } from './control-error.ts';
import type { ControlContext } from './control-route.ts';
import { flag } from './validation.ts';

const SHOWN = 10;

/** @throws {ControlError} 404 naming the mailboxes there are */
export function mailboxOf({ simulator, params }: ControlContext, key = params['mailbox'] ?? ''): SimulatedMailbox {
  const lower = key.toLowerCase();
  const found = simulator.mailboxes.find(({ address, id }) => address.toLowerCase() === lower || id === lower);
  if (found !== undefined) return found;
  const there = simulator.mailboxes.slice(0, SHOWN).map(({ address }) => address);
  const others = simulator.mailboxes.length > SHOWN ? ', …' : '';
  throw new ControlError(
    404,
    'no-such-mailbox',
    `There is no mailbox ${key}. There ${there.length === 0 ? 'is none' : `are: ${there.join(', ')}${others}`}; POST /simulator/mailboxes makes one.`,
  );
}

/**
 * A calendar by its id, its name, or `default`.
 *
 * @throws {ControlError} 404 naming the calendars there are
 */
export function calendarOf(mailbox: SimulatedMailbox, key: string): { id: string; name: string; canEdit: boolean } {
  const calendars = mailbox.listCalendars();
  const found =
    calendars.find(({ id }) => id === key) ??
    calendars.find(({ name }) => name.toLowerCase() === key.toLowerCase()) ??
    (key.toLowerCase() === 'default' ? calendars.find(({ id }) => id === mailbox.defaultCalendarId) : undefined);
  if (found !== undefined) return found;
  const names = calendars.map(({ name }) => name).join(', ');
  throw new ControlError(404, 'no-such-calendar', `There is no calendar ${key}. By name there are: ${names}.`);
}

/** How events are shown, for every route that answers some. */
export const VIEW_QUERY = ['idForm', 'bodyText'] as const;

/** Events as the query wants them: ids of either form, bodies as html or text. */
export function shown(mailbox: SimulatedMailbox, query: ControlContext['query'], events: WireEvent[]): WireEvent[] {
  const idForm = query['idForm'] ?? 'immutable';
  if (idForm !== 'immutable' && idForm !== 'default') throw wrong('idForm', 'must be immutable or default');
  const bodyText = flag(query, 'bodyText');
  if (idForm === 'immutable' && !bodyText) return events;
  return events.map((event) => mailbox.getEvent(event.id, { idForm, bodyText }) ?? event);
}

/** @throws {GraphError} 404 `ErrorItemNotFound`, 400 `ErrorInvalidIdMalformed` */
export function eventOf(mailbox: SimulatedMailbox, id: string): WireEvent {
  const event = mailbox.getEvent(id);
  if (event !== undefined) return event;
  throw new GraphError(404, 'ErrorItemNotFound', `There is no event ${id} in ${mailbox.address}.`);
}

/** @throws {ControlError} 400 unless `yyyy-MM-dd` */
export function dateOf(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || parseDate(text) === undefined) {
    throw wrong('date', `must be the occurrence's original date as yyyy-MM-dd, not '${text}'`);
  }
  return text;
}

/** @throws {ControlError} 400 unless an ISO 8601 instant is given */
export function instantOf(at: string, text: string | undefined): number {
  const ms = text === undefined ? undefined : parseInstant(text);
  if (ms === undefined) throw wrong(at, 'must be an ISO 8601 instant, e.g. 2026-03-01T08:00:00Z');
  return ms;
}

/** Runs what throws plain errors for input that is wrong. @throws {ControlError} 400 in the same words */
export function tried<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof GraphError || error instanceof ControlError || !(error instanceof Error)) throw error;
    throw wrong('body', error.message);
  }
}
