import type { AttachmentPusher } from './attachment-pusher.ts';
import type { AttachmentParts, AttachmentReader } from './attachment-reader.ts';
import type { PullOutcome } from './pull-round.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';

/** As many as fit into one `$batch`. */
const STEP = 20;

/**
 * Carries attachments within a run, after the events they hang on: first what came and went in Outlook, then what was added
 * and deleted here. A run in which nothing of that happened asks the database once, and Graph not at all.
 */
export class AttachmentManager {
  readonly #parts: Pick<AttachmentParts, 'db' | 'attachmentMarks'>;
  readonly #reader: AttachmentReader;
  readonly #pusher: AttachmentPusher;

  constructor(
    parts: Pick<AttachmentParts, 'db' | 'attachmentMarks'> & { reader: AttachmentReader; pusher: AttachmentPusher },
  ) {
    this.#parts = parts;
    this.#reader = parts.reader;
    this.#pusher = parts.pusher;
  }

  async carry(context: RunContext, { canEdit }: { canEdit: boolean }): Promise<PullOutcome> {
    const { db, attachmentMarks } = this.#parts;
    const { userId, calendarId } = context;
    if (!(await attachmentMarks.hasWork(db, userId, calendarId, context.now))) return 'complete';
    if (context.direction !== 'push') {
      const unread = new Set<string>();
      for (;;) {
        assertNotCancelled(context);
        const due = await attachmentMarks.listDue(db, userId, calendarId, {
          ...{ limit: STEP + unread.size, now: context.now },
        });
        const marks = due.filter(({ graphEventId }) => !unread.has(graphEventId)).slice(0, STEP);
        if (marks.length === 0) break;
        if (context.counters.isExhausted) return 'out-of-capacity';
        for (const { graphEventId } of await this.#reader.look(context, marks)) unread.add(graphEventId);
        context.counters.found(marks.length);
        context.counters.handled(marks.length);
      }
      if (!(await this.#reader.fetchMissing(context))) return 'out-of-capacity';
    }
    return context.direction !== 'pull' && canEdit ? this.#pusher.push(context) : 'complete';
  }
}
