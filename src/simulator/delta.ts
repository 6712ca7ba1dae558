import { createHmac } from 'node:crypto';
import { GraphError } from './graph-error.ts';
import { occurrenceItemId } from './ids.ts';
import type { Item } from './item.ts';
import { isInWindow, type Mailbox } from './mailbox.ts';
import { idOf, type Preferences, renderBareOccurrence, renderItem, renderOccurrence, type WireEvent } from './render.ts';
import type { SimulatorSwitches } from './switches.ts';

/** Where a stream stands. It travels in the link, signed and opaque; the window never moves. */
interface Position {
  readonly calendar: string;
  readonly start: number;
  readonly end: number;
  /** Changes after this one are still to be told. */
  readonly since: number;
  /** This round tells changes up to here; absent between rounds. */
  readonly upTo?: number;
  /** Within the round, told up to here. */
  readonly told?: number;
  readonly isFirstPage?: boolean;
  /** Which generation of tokens this is from: expiring them all starts the next. */
  readonly epoch: number;
  readonly serial: number;
}

export interface DeltaAnswer {
  readonly value: readonly Record<string, unknown>[];
  readonly token: { readonly kind: '$skiptoken' | '$deltatoken'; readonly value: string };
}

const SECRET = 'simulated-graph';

/** A mailbox's delta streams. */
export class DeltaStreams {
  readonly #mailbox: Mailbox;
  readonly #switches: SimulatorSwitches;
  #epoch = 0;
  #serial = 0;

  constructor(mailbox: Mailbox, switches: SimulatorSwitches) {
    this.#mailbox = mailbox;
    this.#switches = switches;
  }

  /** From now on every token given out so far is answered with 410. */
  expireTokens(): void {
    this.#epoch += 1;
  }

  get epoch(): number {
    return this.#epoch;
  }

  set epoch(value: number) {
    this.#epoch = value;
  }

  begin(calendar: string, window: { start: number; end: number }, pageSize: number, prefer: Preferences): DeltaAnswer {
    const position = { calendar, ...window, since: 0, epoch: this.#epoch, serial: this.#serial, isFirstPage: true };
    return this.#page(position, pageSize, prefer);
  }

  continue(token: string, calendar: string, pageSize: number, prefer: Preferences): DeltaAnswer {
    const position = readToken(token);
    if (position.calendar !== calendar) throw badlyFormed();
    const { keptDeltaTokens } = this.#switches;
    const isEvicted = keptDeltaTokens > 0 && position.serial < this.#serial - keptDeltaTokens;
    if (position.epoch !== this.#epoch || isEvicted) {
      throw new GraphError(410, 'SyncStateNotFound', `The sync state generation is not found; generation=${position.serial};[highest=${this.#serial}].`);
    }
    return this.#page(position, pageSize, prefer);
  }

  #page(position: Position, pageSize: number, prefer: Preferences): DeltaAnswer {
    const upTo = position.upTo ?? this.#mailbox.seq;
    if (position.isFirstPage && this.#switches.emptyFirstPage) {
      return { value: [], token: this.#token('$skiptoken', { ...position, isFirstPage: false, upTo }) };
    }
    const value: Record<string, unknown>[] = [];
    let told = position.told ?? position.since;
    for (const change of this.#changes(position, told, upTo)) {
      const rows = this.#rows(change, position, prefer);
      // A series is not split over two pages; a page may therefore be larger than asked for, when it holds only one.
      if (value.length > 0 && value.length + rows.length > pageSize) {
        return { value, token: this.#token('$skiptoken', { ...position, isFirstPage: false, upTo, told }) };
      }
      value.push(...rows);
      told = change.seq;
    }
    this.#serial += 1;
    const { upTo: _done, told: _told, isFirstPage: _first, ...rest } = position;
    return { value, token: this.#token('$deltatoken', { ...rest, since: upTo, serial: this.#serial }) };
  }

  *#changes(position: Position, told: number, upTo: number): Generator<Item | { gone: string; defaultId: string; seq: number }> {
    const departures = position.since === 0 ? [] : this.#mailbox.departures.filter(({ seq, calendarId, id }) => {
      const isBack = this.#mailbox.items.get(id)?.calendarId === calendarId;
      return seq > told && seq <= upTo && calendarId === position.calendar && !isBack;
    });
    let next = 0;
    for (const item of this.#mailbox.items.values()) {
      if (item.seq <= told) continue;
      if (item.seq > upTo) break;
      for (; next < departures.length && (departures[next]?.seq ?? 0) < item.seq; next += 1) {
        const departure = departures[next];
        if (departure) yield { gone: departure.id, defaultId: departure.defaultId, seq: departure.seq };
      }
      if (item.calendarId === position.calendar) yield item;
    }
    for (; next < departures.length; next += 1) {
      const departure = departures[next];
      if (departure) yield { gone: departure.id, defaultId: departure.defaultId, seq: departure.seq };
    }
  }

  #rows(
    change: Item | { gone: string; defaultId: string; seq: number },
    position: Position,
    prefer: Preferences,
  ): Record<string, unknown>[] {
    if ('gone' in change) return [this.#tombstone(prefer.isImmutable ? change.gone : change.defaultId)];
    const rows = this.#itemRows(change, position, prefer);
    return this.#switches.replays ? [...rows, ...rows] : rows;
  }

  #itemRows(item: Item, position: Position, prefer: Preferences): Record<string, unknown>[] {
    const isInitial = position.since === 0;
    const gone = isInitial ? [] : [this.#tombstone(idOf(item, prefer))];
    if (item.isDeleted) return gone;
    if (!item.data.recurrence) return isInWindow(item.data, position) ? [typed(renderItem(item, prefer))] : gone;
    const dates = this.#mailbox.occurrenceDates(item, position);
    const cancelled =
      this.#switches.occurrenceTombstone === 'emitted' && !isInitial
        ? item.exclusions.map((date) => this.#tombstone(occurrenceItemId(idOf(item, prefer), date)))
        : [];
    if (dates.length === 0) return [...gone, ...cancelled];
    const members = dates.map((date) =>
      item.exceptions[date] ? typed(exceptionRow(item, date, prefer)) : renderBareOccurrence(item, date, prefer),
    );
    return [typed(renderItem(item, prefer)), ...members, ...cancelled];
  }

  #tombstone(id: string): Record<string, unknown> {
    const type = this.#switches.tombstoneType === 'present' ? { '@odata.type': '#microsoft.graph.event' } : {};
    return { ...type, id, '@removed': { reason: 'deleted' } };
  }

  #token(kind: DeltaAnswer['token']['kind'], position: Position): DeltaAnswer['token'] {
    const payload = Buffer.from(JSON.stringify(position), 'utf8').toString('base64url');
    return { kind, value: `${payload}.${sign(payload)}` };
  }
}

/** Delta never carries `originalStart`; the original date stands in `occurrenceId`. */
function exceptionRow(item: Item, date: string, prefer: Preferences): WireEvent {
  return renderOccurrence(item, date, prefer);
}

function typed(event: WireEvent): Record<string, unknown> {
  return { '@odata.type': '#microsoft.graph.event', ...event };
}

function readToken(token: string): Position {
  const [payload, signature] = token.split('.');
  if (!payload || signature !== sign(payload)) throw badlyFormed();
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Position;
}

function sign(payload: string): string {
  return createHmac('sha256', SECRET).update(payload).digest('base64url').slice(0, 32);
}

function badlyFormed(): GraphError {
  return new GraphError(400, 'BadRequest', 'Badly formed token.');
}
