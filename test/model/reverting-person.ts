import { isSyncError } from '../../src/core/errors.ts';
import type { JobId, UserId } from '../../src/core/ids.ts';
import type { OwnSyncOperation } from '../../src/store/operation.repository.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import type { RevertReport } from '../../src/sync/revert-work.ts';
import { type Done, pickBySubject } from './application-person.ts';
import type { Engine } from './engine.ts';
import type { Ledger } from './ledger.ts';
import type { Story } from './story.ts';
import type { Words } from './words.ts';

const MANY = 10_000;

/** Somebody who reads the journal and takes back what a run did, all of it or to one event. */
export class RevertingPerson {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #ledger: Ledger;
  readonly #story: Story;

  constructor(parts: { api: Engine; userId: UserId; ledger: Ledger; story: Story }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#ledger = parts.ledger;
    this.#story = parts.story;
  }

  async takeBack({ chance }: Words): Promise<Done> {
    const [runPlace, isWhole, linePlace] = [chance.next(), chance.isLucky(0.5), chance.next()];
    const before = await this.#journal();
    const runs = [...Map.groupBy(before, ({ runId }) => runId)].toSorted(byTime);
    // People regret what has just happened more often than what is long over.
    const [runId, lines] = runs[Math.floor(Math.sqrt(runPlace) * runs.length)] ?? [];
    const line = lines && pickBySubject(lines, linePlace, (each) => `${subjectOf(each)} ${each.id}`);
    if (runId === undefined || !line) return undefined;
    const what = `run ${runId.slice(0, 8)}${isWhole ? '' : `, “${subjectOf(line)}” alone`}`;
    let report: RevertReport;
    try {
      const only = isWhole ? {} : { eventIds: [line.eventId] };
      report = await inScopeOf(this.#userId, () =>
        this.#engine.services.journalService.revert(this.#userId, runId as JobId, only),
      );
    } catch (error) {
      if (!isSyncError(error, 'conflict-state')) throw error;
      return `is told that ${what} is at work`;
    }
    const known = new Set(before.map(({ id }) => id));
    const added = (await this.#journal()).filter(({ id }) => !known.has(id));
    const told = report.reverted.map((done) => this.#note(done, added));
    const kept = report.kept.map(({ field, why }) => `${field} ${why}`);
    return `takes back ${what}: ${told.join(', ') || 'nothing'}${kept.length > 0 ? `; kept: ${kept.join(', ')}` : ''}`;
  }

  /** The journal has the taking back itself, with what stood there until then. */
  #note(done: RevertReport['reverted'][number], added: readonly OwnSyncOperation[]): string {
    const id = done.newEventId ?? done.eventId;
    const line = added.find(({ eventId, reason }) => eventId === id && reason.startsWith('taken back'));
    const event = line && this.#ledger.eventOf(subjectOf(line));
    if (!line || !event) {
      this.#story.blame('unrecorded', `${done.action} ${id}, and the journal does not say so`);
      return `${done.action} an event`;
    }
    // The very event, not deleted any more: what was written over it in Outlook meanwhile stays so.
    if (done.action === 'recreated' && done.newEventId === null) this.#ledger.putBack(event, 'here', line.after);
    else this.#ledger.broughtBack(this.#ledger.wordsIn(line.before), line.after);
    if (done.action === 'deleted') this.#ledger.deleted(event, 'here', undefined);
    if (done.action === 'recreated' && done.newEventId !== null) event.deletedOn.clear();
    return `${done.action} event ${event.number} ${done.fields.join(' ')}`;
  }

  async #journal(): Promise<OwnSyncOperation[]> {
    const { db, store } = this.#engine;
    const listed = await store.operations.listAllOwn(db, this.#userId, { limit: MANY });
    return listed.filter((line) => line.before ?? line.after);
  }
}

function subjectOf({ before, after }: OwnSyncOperation): string {
  return (after ?? before)?.subject ?? '';
}

function byTime([idA, a]: [string, OwnSyncOperation[]], [idB, b]: [string, OwnSyncOperation[]]): number {
  const [atA, atB] = [a, b].map((lines) => Math.max(...lines.map(({ at }) => at.getTime()))) as [number, number];
  return atA - atB || (idA < idB ? -1 : 1);
}
