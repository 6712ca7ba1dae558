import type { AttachmentPlan, ListedAttachment } from '../core/attachment.ts';
import { isSyncError, type SyncError } from '../core/errors.ts';
import type { GraphEventId, UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { StoredAttachment } from '../store/attachment.repository.ts';
import type { AttachmentMark, AttachmentMarkRepository, Settling } from '../store/attachment-mark.repository.ts';
import type { Tx } from '../store/db.ts';

/**
 * Servers of Graph's hear of a write one after the other, within seconds as a rule. A list that knows nothing of what we wrote is
 * believed only after this long: what it lacks would be deleted here for good.
 */
export const SETTLING_MS = 5 * 60_000;

/**
 * So many lists in a row have to know nothing of it, once one did, and the last of them after that time: a server that was behind
 * when it was asked last is asked once more before what it says counts.
 */
export const MOST_DOUBTS = 2;

export type Settlings = ReadonlyMap<GraphEventId, Settling>;

interface Lists {
  readonly lists: ReadonlyMap<string, readonly ListedAttachment[] | SyncError>;
  readonly marks: readonly AttachmentMark[];
}

export function settledAfter(now: Date): Date {
  return new Date(now.getTime() + SETTLING_MS);
}

/** In the transaction that keeps what became of a write of ours: whether this attachment of Graph's is there from now on. */
export async function rememberWrite(
  tx: Tx,
  { attachmentMarks, clock }: { readonly attachmentMarks: AttachmentMarkRepository; readonly clock: Clock },
  on: Pick<AttachmentMark, 'graphEventId' | 'eventId' | 'originalDate'>,
  { userId, id, isThere }: { userId: UserId; id: string | undefined; isThere: boolean },
): Promise<void> {
  if (id === undefined) return;
  const { graphEventId, eventId, originalDate } = on;
  const now = clock.now();
  const write = { graphEventId, eventId, originalDate, graphAttachmentId: id, isThere, now };
  await attachmentMarks.remember(tx, userId, { ...write, settlesAt: settledAfter(now) });
}

/** When a list that was not believed is read again; what is due is read by the next run. */
export function lookedAtAgain({ settlesAt }: Settling, now: Date): Date {
  return settlesAt > now ? settlesAt : now;
}

/** A list that lacks what we have just sent, or shows what we have just taken off. */
export function contradicts(listed: readonly ListedAttachment[], { written }: Settling): boolean {
  const there = new Set(listed.map(({ id }) => id));
  return Object.entries(written).some(([id, isThere]) => there.has(id) !== isThere);
}

/**
 * A date without files of its own shows its series', and either of the two lists may be late. As long as one may be, what a date
 * seems to have or to lack is believed only where the lists agree, or where it shows what its series never had.
 *
 * @returns until when this one is not
 */
export function dateDoubtedUntil(
  mark: AttachmentMark,
  of: Lists & {
    readonly settlings: Settlings;
    readonly listed: readonly ListedAttachment[];
    readonly all: readonly StoredAttachment[];
    readonly isInherited: boolean;
    readonly plan: AttachmentPlan;
    readonly now: Date;
  },
): Date | undefined {
  if (mark.originalDate === undefined || (of.plan.added.length === 0 && of.plan.gone.length === 0)) return undefined;
  const series = [...of.settlings.values()].find((each) => each.eventId === mark.eventId && !each.originalDate);
  if (!series) return undefined;
  const read = of.lists.get(series.graphEventId);
  const isLate = read !== undefined && !isSyncError(read) && contradicts(read, series);
  const isBelieved = of.isInherited ? !isLate : showsForeign(of.listed, of.all, series);
  return isBelieved ? undefined : lookedAtAgain(series, of.now);
}

/** What was taken off the series is not known here any more: as long as a list may still show that, nothing is foreign. */
function showsForeign(
  listed: readonly ListedAttachment[],
  all: readonly StoredAttachment[],
  { written }: Settling,
): boolean {
  if (Object.values(written).includes(false)) return false;
  const ofSeries = all.filter(({ originalDate }) => originalDate === undefined);
  return listed.some(({ kind, name }) => !ofSeries.some((own) => own.kind === kind && own.name === name));
}
