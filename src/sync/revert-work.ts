import { createHash } from 'node:crypto';
import type { Unit } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, EventId, JobId, UserId } from '../core/ids.ts';
import { planRevert, type RevertObstacle } from '../core/revert-plan.ts';
import type { SaveEvent, StoredEvent } from '../store/event.repository.ts';
import type { NewSyncOperation, OwnSyncOperation } from '../store/operation.repository.ts';
import type { PendingDeletion } from '../store/tombstone.repository.ts';
import { MOVED_OUT } from './departure.manager.ts';

/** What was taken back, event by event, and what was left as it is. */
export interface RevertReport {
  /** The runs that carry it to Outlook; none without a connection. */
  readonly jobIds: readonly JobId[];
  readonly reverted: readonly {
    readonly eventId: string;
    readonly action: 'restored' | 'recreated' | 'deleted';
    readonly fields: readonly string[];
    /** Of a recreated event: what was deleted in Outlook cannot come back under its old id. Null where Outlook has it still. */
    readonly newEventId: string | null;
  }[];
  readonly kept: readonly { readonly eventId: string; readonly field: string; readonly why: RevertObstacle }[];
}

type RevertedEvent = RevertReport['reverted'][number];

/** How the journal names what a taking back of a run did, in whichever run's lines it stands. */
export function takenBack(jobId: JobId): string {
  return `taken back: what run ${jobId} did`;
}

/** Gathers what one taking back comes to. */
export class RevertWork {
  readonly userId: UserId;
  readonly jobId: JobId;
  readonly at: Date;
  readonly saved: SaveEvent[] = [];
  readonly deleted: EventId[] = [];
  readonly reverted: RevertedEvent[] = [];
  readonly kept: { eventId: string; field: string; why: RevertObstacle }[] = [];
  readonly lines: Omit<NewSyncOperation, 'id' | 'runId'>[] = [];
  readonly calendarIds = new Set<CalendarId>();

  constructor(userId: UserId, jobId: JobId, at: Date) {
    this.userId = userId;
    this.jobId = jobId;
    this.at = at;
  }

  /** The same for every taking back, whichever run it is about, so that none makes an event twice. */
  newIdOf(eventId: EventId): EventId {
    const text = `revert\n${this.userId}\n${eventId}`;
    return `r${createHash('sha256').update(text).digest('hex').slice(0, 31)}` as EventId;
  }

  keep(eventId: EventId, field: Unit | 'event', why: RevertObstacle): void {
    this.kept.push({ eventId, field, why });
  }

  take(of: {
    eventId: EventId;
    calendarId: CalendarId;
    journal: readonly OwnSyncOperation[];
    stored: StoredEvent | undefined;
    /** Deleted here, and there in Outlook still. */
    untold: PendingDeletion | undefined;
    there: EventContent | null | undefined;
    isOurs: boolean;
  }): void {
    const { eventId, calendarId, journal, stored, untold, there, isOurs } = of;
    const lines = journal.map((line) => ({ ...line, isStillThere: line.reason === MOVED_OUT }));
    const { revert, kept } = planRevert({ lines, current: stored?.content ?? null, isOurs, there });
    for (const { unit, why } of kept) this.keep(eventId, unit, why);
    if (revert.kind === 'nothing') return;
    const shared = { calendarId, lastModifiedAt: this.at };
    const newEventId = revert.kind === 'recreate' && !untold ? this.newIdOf(eventId) : null;
    if (revert.kind === 'restore' && stored) this.saved.push({ ...stored, ...shared, content: revert.content });
    if (revert.kind === 'recreate') {
      const made = { ...shared, content: revert.content, createdAt: this.at };
      // What Outlook has still is the same event again: made anew, it would be there twice if it was edited there meanwhile.
      this.saved.push(newEventId ? { ...made, id: newEventId } : { ...made, ...linkOf(untold), id: eventId });
    }
    if (revert.kind === 'delete') this.deleted.push(eventId);
    const fields = revert.kind === 'restore' ? [...revert.units] : [];
    this.calendarIds.add(calendarId);
    this.reverted.push({ eventId, action: DONE[revert.kind], fields, newEventId });
    this.lines.push({
      userId: this.userId,
      calendarId,
      eventId: newEventId ?? eventId,
      graphEventId: stored?.graphEventId,
      side: 'local',
      operation: LINE[revert.kind],
      fields,
      reason: takenBack(this.jobId),
      at: this.at,
      before: stored?.content,
      after: revert.kind === 'delete' ? undefined : revert.content,
    });
  }
}

function linkOf(untold: PendingDeletion | undefined): Pick<SaveEvent, 'graphEventId' | 'iCalUId' | 'facts'> {
  return untold ? { graphEventId: untold.base.graphEventId, iCalUId: untold.base.iCalUId, facts: untold.facts } : {};
}

const DONE = { restore: 'restored', recreate: 'recreated', delete: 'deleted' } as const;
const LINE = { restore: 'update', recreate: 'create', delete: 'delete' } as const;
