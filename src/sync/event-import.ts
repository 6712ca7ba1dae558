import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { isSyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import { createContent } from '../core/event-input.ts';
import { type IcsGroup, type IcsRecord, type IcsRemark, openIcs, readGroup, remark } from '../core/ics/ics-reader.ts';
import type { CalendarId, EventId, UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import { withoutRevived } from '../core/series-edit.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository, SaveEvent, StoredEvent } from '../store/event.repository.ts';
import { listByICalUIds, lockImports } from '../store/event-uids.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import type { EventGate } from './event-gate.ts';
import { type Candidate, candidatesOf, merged, usableUid } from './import-candidates.ts';

export interface ImportResult {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** As many as there are `errors`. */
  readonly failed: number;
  readonly errors: readonly IcsRemark[];
  /** What was imported otherwise than the file has it, and what of it was left out. */
  readonly notes: readonly IcsRemark[];
}

/** UIDs looked up, and events written, in one transaction: a large file neither holds it open long nor blocks the process. */
const STEP = 50;
/** How often one and the same event may be deleted here and imported again. */
const MAX_GENERATIONS = 1_000;

type Outcome = 'created' | 'updated' | 'unchanged';

/**
 * Takes an iCalendar file in, once however often it comes: an event is known again by the id derived from its UID, which
 * outlives whatever UID Outlook gives it, or by the UID itself. A file's event replaces ours where the two differ, field by
 * field, so that what a file cannot say (the address of a room, say) stays.
 */
export class EventImport {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #bases: BaseRepository;
  readonly #gate: EventGate;
  readonly #clock: Clock;
  readonly #userId: UserId;
  readonly #calendarId: CalendarId;
  readonly #correlationId: string | undefined;
  readonly #errors: IcsRemark[] = [];
  readonly #notes: IcsRemark[] = [];
  readonly #counts: Record<Outcome, number> = { created: 0, updated: 0, unchanged: 0 };

  constructor(parts: {
    db: Db;
    events: EventRepository;
    tombstones: TombstoneRepository;
    bases: BaseRepository;
    gate: EventGate;
    clock: Clock;
    userId: UserId;
    calendarId: CalendarId;
    correlationId: string | undefined;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#tombstones = parts.tombstones;
    this.#bases = parts.bases;
    this.#gate = parts.gate;
    this.#clock = parts.clock;
    this.#userId = parts.userId;
    this.#calendarId = parts.calendarId;
    this.#correlationId = parts.correlationId;
  }

  /** @throws {SyncError} `invalid-input` for what is no iCalendar file */
  async run(ics: string, homeZone: string | undefined): Promise<ImportResult> {
    const file = openIcs(ics, homeZone);
    this.#errors.push(...file.errors);
    this.#notes.push(...file.notes);
    for (let from = 0; from < file.groups.length; from += STEP) {
      await this.#takeIn(file.groups.slice(from, from + STEP));
    }
    return { ...this.#counts, failed: this.#errors.length, errors: this.#errors, notes: this.#notes };
  }

  async #takeIn(groups: readonly IcsGroup[]): Promise<void> {
    const records = groups.map((group) => ({ group, record: readGroup(group) }));
    // Told only once they are committed: a transaction that is tried again would tell them twice.
    const step = await this.#db.transaction((tx) => this.#takeInStep(tx, records));
    for (const outcome of step.outcomes) this.#counts[outcome] += 1;
    this.#errors.push(...step.errors);
    this.#notes.push(...step.notes);
  }

  async #takeInStep(tx: Tx, records: readonly { group: IcsGroup; record: IcsRecord }[]) {
    await lockImports(tx, this.#userId);
    const errors = records.flatMap(({ record }) => record.errors);
    const notes = records.flatMap(({ record }) => record.notes);
    const known = await this.#findMasters(tx, records);
    const candidates: Candidate[] = [];
    for (const { group, record } of records) {
      const read = candidatesOf(group, record, known.get(group.key));
      candidates.push(...read.candidates);
      errors.push(...read.errors);
      notes.push(...read.notes);
    }
    const ids = await this.#place(tx, candidates);
    const stored = await this.#events.lockMany(tx, this.#userId, [...ids.values()]);
    const bases = await this.#bases.findByEventIds(tx, this.#userId, [...stored.keys()]);
    const saves: SaveEvent[] = [];
    const outcomes: Outcome[] = [];
    const readOnly = new Set<CalendarId>();
    const taken = new Set<EventId>();
    for (const candidate of candidates) {
      const id = ids.get(candidate.key);
      const event = id && stored.get(id);
      if (!id || taken.has(id)) {
        errors.push(remark(candidate.uid, candidate.recurrenceId, 'another event of the file is the same one here'));
        continue;
      }
      taken.add(id);
      const refusal = await this.#refusalOf(tx, candidate, event, readOnly);
      if (refusal) {
        errors.push(remark(candidate.uid, candidate.recurrenceId, refusal));
        continue;
      }
      if (event && event.calendarId !== this.#calendarId) {
        notes.push(
          remark(
            candidate.uid,
            candidate.recurrenceId,
            `it is in calendar ${event.calendarId} already, and stays there`,
          ),
        );
      }
      const revival = event && revivalOf(event, candidate, bases.get(id));
      if (revival) notes.push(remark(candidate.uid, candidate.recurrenceId, revival));
      const save = event ? this.#changed(event, candidate, bases.get(id)) : this.#added(id, candidate);
      outcomes.push(save ? (event ? 'updated' : 'created') : 'unchanged');
      if (save) saves.push(save);
    }
    await this.#events.saveMany(tx, this.#userId, saves);
    for (const calendarId of new Set(saves.map((save) => save.calendarId))) {
      await this.#gate.sendOnItsWay(tx, { userId: this.#userId, calendarId, correlationId: this.#correlationId });
    }
    return { outcomes, errors, notes };
  }

  /** Series that a file has dates of, and not themselves. */
  async #findMasters(
    tx: Tx,
    records: readonly { group: IcsGroup; record: IcsRecord }[],
  ): Promise<Map<string, StoredEvent>> {
    const orphans = records.filter(({ record }) => !record.master && record.exceptions.length > 0);
    const wanted = orphans.map(({ group }) => ({ key: group.key, iCalUId: usableUid(group.uid) }));
    const ids = await this.#place(tx, wanted);
    const stored = await this.#events.lockMany(tx, this.#userId, [...ids.values()]);
    const found = wanted.flatMap(({ key }) => {
      const event = stored.get(ids.get(key) as EventId);
      return event?.content.recurrence ? [[key, event] as const] : [];
    });
    return new Map(found);
  }

  /** @returns the id each event has, or is to have: one that is here already wherever there is one */
  async #place(tx: Tx, wanted: readonly Pick<Candidate, 'key' | 'iCalUId'>[]): Promise<Map<string, EventId>> {
    const uids = [...new Set(wanted.flatMap(({ iCalUId }) => iCalUId ?? []))];
    const byUid = new Map<string, EventId>();
    for (const known of await listByICalUIds(tx, this.#userId, uids)) {
      const isBetter = !byUid.has(known.iCalUId) || known.calendarId === this.#calendarId;
      if (isBetter) byUid.set(known.iCalUId, known.id);
    }
    // Our own export names an event without a UID by its id.
    const own = await this.#events.findMany(tx, this.#userId, uids as string[] as EventId[]);
    const ids = new Map<string, EventId>();
    for (const { key, iCalUId } of wanted) {
      const id = iCalUId === undefined ? undefined : (byUid.get(iCalUId) ?? own.get(iCalUId as EventId)?.id);
      if (id) ids.set(key, id);
    }
    await this.#derive(
      tx,
      wanted.map(({ key }) => key).filter((key) => !ids.has(key)),
      ids,
    );
    return ids;
  }

  /** An event that was deleted here gets a new id when it is imported again: to Outlook it is another one. */
  async #derive(tx: Tx, keys: readonly string[], ids: Map<string, EventId>): Promise<void> {
    let open = keys;
    for (let generation = 0; open.length > 0 && generation < MAX_GENERATIONS; generation += 1) {
      const derived = new Map(open.map((key) => [key, importedEventId(this.#userId, key, generation)]));
      const buried = await this.#tombstones.findMany(tx, this.#userId, [...derived.values()]);
      for (const [key, id] of derived) if (!buried.has(id)) ids.set(key, id);
      open = open.filter((key) => !ids.has(key));
    }
  }

  async #refusalOf(
    tx: Tx,
    { content }: Candidate,
    event: StoredEvent | undefined,
    readOnly: Set<CalendarId>,
  ): Promise<string | undefined> {
    try {
      const { occurrences: _dates, ...input } = content;
      createContent(input);
      if (!event || event.calendarId === this.#calendarId) return undefined;
      if (!readOnly.has(event.calendarId)) await this.#gate.assertWritable(tx, this.#userId, event.calendarId);
      return undefined;
    } catch (error) {
      if (!isSyncError(error) || error.code === 'decryption-failed') throw error;
      if (event && error.code === 'access-denied') readOnly.add(event.calendarId);
      return error.message;
    }
  }

  #added(id: EventId, { content, iCalUId, organizer }: Candidate): SaveEvent {
    const now = this.#clock.now();
    return {
      id,
      calendarId: this.#calendarId,
      iCalUId,
      content,
      // Whose meeting it is does not make our copy somebody else's: it is made in Outlook as the user's own.
      facts: organizer ? { organizer, isOrganizer: true, isCancelled: false } : undefined,
      lastModifiedAt: now,
      createdAt: now,
    };
  }

  #changed(event: StoredEvent, candidate: Candidate, base: EventBase | undefined): SaveEvent | undefined {
    const content = withoutRevived(wantedContent(event, candidate), base?.remote);
    if (isDeepStrictEqual(content, event.content) && !event.problem) return undefined;
    return { ...event, iCalUId: event.iCalUId ?? candidate.iCalUId, content, lastModifiedAt: this.#clock.now() };
  }
}

function wantedContent(event: StoredEvent, candidate: Candidate): EventContent {
  return event.problem ? candidate.content : merged(event.content, candidate);
}

/** What to say of dates that the file has and Outlook has not any more. */
function revivalOf(event: StoredEvent, candidate: Candidate, base: EventBase | undefined): string | undefined {
  const wanted = wantedContent(event, candidate);
  const kept = withoutRevived(wanted, base?.remote);
  if (kept === wanted) return undefined;
  const dates = Object.keys(kept.occurrences).filter((date) => kept.occurrences[date] !== wanted.occurrences[date]);
  return `these dates were deleted from the series and Outlook cannot restore them: ${dates.sort().join(', ')}`;
}

/** The same id for the same event of the same user, whenever it is imported. */
function importedEventId(userId: UserId, key: string, generation: number): EventId {
  const hex = createHash('sha256').update(`${userId}\n${generation}\n${key}`).digest('hex');
  // Marked as a name-based UUID (version 8, RFC 9562), as random ids are marked as theirs.
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join('-') as EventId;
}
