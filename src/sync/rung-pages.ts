import { isSyncError, type SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { CalendarGraph, DeltaItem, DeltaOutcome, DeltaPage, DeltaStart } from '../graph/calendar-graph.ts';
import { lastOfEach } from './delta-page.ts';
import type { RunContext } from './run-context.ts';
import type { Rung } from './window-ladder.ts';

/** Where a rung's next page is. */
export function startOf({ cursor, round }: Rung, { graphCalendarId }: Pick<RunContext, 'graphCalendarId'>): DeltaStart {
  return cursor ? { link: cursor.link } : { calendarId: graphCalendarId, window: round.window };
}

/** All of its pages are applied already; what came after them was not. */
export function isRead({ cursor }: Rung): boolean {
  return cursor?.linkKind === 'delta' && cursor.completedAt === undefined;
}

/**
 * The first pages of all rungs of a calendar, in one request. Read together, they know of each other: what one rung shows
 * is not missing because another does not, and what was asked for once need not be asked for again.
 */
export class FirstPages {
  static readonly NONE = new FirstPages(new Map());
  readonly #outcomes: ReadonlyMap<number, DeltaOutcome>;
  readonly #shown = new Map<GraphEventId, Set<number>>();
  readonly #asked = new Map<GraphEventId, number>();

  private constructor(outcomes: ReadonlyMap<number, DeltaOutcome>) {
    this.#outcomes = outcomes;
    for (const [rung, outcome] of outcomes) {
      if (!outcome.ok) continue;
      for (const id of lastOfEach(outcome.page.items).flatMap(idsShownBy)) {
        this.#shown.set(id, (this.#shown.get(id) ?? new Set()).add(rung));
      }
    }
  }

  /** @throws {SyncError} `cursor-expired` when the tokens of all rungs are dead: then everything is read again at once */
  static async fetch(graph: CalendarGraph, context: RunContext, rungs: readonly Rung[]): Promise<FirstPages> {
    const due = rungs.filter((rung) => !isRead(rung));
    // A single stream needs no batch: its page is fetched when it is needed, the next one while that is applied.
    if (rungs.length < 2 || due.length === 0) return new FirstPages(new Map());
    const pages = await graph.fetchDeltaPages(
      context.session,
      due.map((rung) => startOf(rung, context)),
    );
    const dead = pages.flatMap((page) => (page.ok || !isSyncError(page.error, 'cursor-expired') ? [] : [page.error]));
    if (dead[0] && dead.length === due.filter(({ cursor }) => cursor).length) throw dead[0];
    return new FirstPages(new Map(due.map(({ number }, index) => [number, pages[index] as DeltaOutcome])));
  }

  /** A rung's page; `undefined` where it was not fetched with others. */
  pageOf(rung: number): DeltaPage | undefined {
    const outcome = this.#outcomes.get(rung);
    if (outcome?.ok === false) throw outcome.error;
    return outcome?.page;
  }

  /** Why a rung cannot be read now, although others can: its own token is dead, or Graph did not get to it. */
  failureOf(rung: number): SyncError | undefined {
    const outcome = this.#outcomes.get(rung);
    return outcome?.ok === false ? outcome.error : undefined;
  }

  /**
   * Those tombstones of a rung's first page that are to be proven: of everything outside of its slice that was touched a rung
   * says the same as of what was deleted (graph contract 5.4).
   */
  unexplained(rung: number, removed: readonly GraphEventId[]): GraphEventId[] {
    const unexplained = removed.filter((id) => {
      const isShownElsewhere = [...(this.#shown.get(id) ?? [])].some((other) => other !== rung);
      return !isShownElsewhere && (this.#asked.get(id) ?? rung) === rung;
    });
    for (const id of unexplained) this.#asked.set(id, rung);
    return unexplained;
  }
}

function idsShownBy(item: DeltaItem): GraphEventId[] {
  if (item.kind === 'removed') return [];
  if (item.kind === 'occurrence') return [item.id, item.seriesMasterId];
  return item.event.seriesMasterId ? [item.event.id, item.event.seriesMasterId] : [item.event.id];
}
