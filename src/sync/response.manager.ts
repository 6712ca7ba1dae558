import { isSyncError, SyncError } from '../core/errors.ts';
import { planResponse, type ResponseStep } from '../core/event-response.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { Logger } from '../core/runtime.ts';
import { isStaleChange } from '../core/stale-change.ts';
import type { CalendarGraph, RemoteEvent } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { ResponseRepository, StoredResponse } from '../store/response.repository.ts';
import { findCopy, type InvitationCopy, type PlannedResponse } from './invitation-copy.ts';
import type { ResponseRecorder } from './response-recorder.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';

/** Answers looked at in one run of a calendar; a person gives no more in between two runs. */
const MAX_RESPONSES = 200;
/** An answer of which nobody hears is looked for this often, and sent again if it did not arrive. */
const MAX_ATTEMPTS = 5;

/**
 * Sends answers to invitations. An answer cannot be guarded or marked, so each is noted as being sent before it leaves, and
 * one whose receipt is unknown is looked for in the event itself before anything is sent again: nobody is mailed twice.
 *
 * This comes first in a run: what answering did to the event at Graph is then read by the pull like any other change.
 */
export class ResponseManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #responses: ResponseRepository;
  readonly #leases: LeaseRepository;
  readonly #recorder: ResponseRecorder;
  readonly #logger: Logger;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    events: EventRepository;
    bases: BaseRepository;
    responses: ResponseRepository;
    leases: LeaseRepository;
    recorder: ResponseRecorder;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#responses = parts.responses;
    this.#leases = parts.leases;
    this.#recorder = parts.recorder;
    this.#logger = parts.logger;
  }

  /**
   * @returns why an answer is still owed, for the run to end with once everything else is done
   * @throws {SyncError} what Graph says to all requests alike
   */
  async push(context: RunContext): Promise<SyncError | undefined> {
    let owed: SyncError | undefined;
    for (const response of await this.#owed(context)) {
      assertNotCancelled(context);
      const failure = await this.#pushOne(context, response);
      if (failure) owed = failure;
    }
    return owed;
  }

  /** What `push` would do now. Nothing is written. */
  async plan(context: RunContext): Promise<PlannedResponse[]> {
    const planned: PlannedResponse[] = [];
    for (const response of await this.#owed(context)) planned.push(await this.#planOne(context, response));
    return planned;
  }

  #owed(context: RunContext): Promise<StoredResponse[]> {
    return this.#responses.listOwed(this.#db, context.userId, context.calendarId, MAX_RESPONSES);
  }

  async #pushOne(context: RunContext, response: StoredResponse): Promise<SyncError | undefined> {
    const planned = await this.#planOne(context, response);
    const { step, copy } = planned;
    if (step.do !== 'send' || copy.event === 'gone') {
      await this.#recorder.settle(context, planned);
      return undefined;
    }
    const isStanding = await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      return this.#responses.markSending(tx, response);
    });
    // Somebody answered otherwise meanwhile: the later answer is the one to send.
    if (!isStanding) return undefined;
    try {
      await this.#graph.respond(context.session, copy.event.id, response);
    } catch (error) {
      return this.#failed(context, planned, error);
    }
    await this.#recorder.settle(context, { ...planned, copy: await this.#readBack(context, planned, copy.event) });
    return undefined;
  }

  async #failed(context: RunContext, planned: PlannedResponse, error: unknown): Promise<SyncError | undefined> {
    if (!isSyncError(error)) throw error;
    if (isUnsent(error)) {
      await this.#db.transaction(async (tx) => {
        await this.#leases.assert(tx, context.lease);
        await this.#responses.unmarkSending(tx, planned.response);
      });
      throw error;
    }
    if (error.code === 'unavailable') {
      const { id, attempts } = planned.response;
      this.#logger.warn({ jobId: context.jobId, response: id, attempts: attempts + 1 }, 'an answer went unheard');
      // Before the pull, which would not know the copy again under the id it may have now.
      const found = await this.#planOne(context, { ...planned.response, state: 'sending' });
      if (found.step.do === 'settle') {
        await this.#recorder.settle(context, found);
        return undefined;
      }
      if (attempts + 1 < MAX_ATTEMPTS) return error;
    } else if (error.recovery === 'retry' || error.recovery === 'reauthorize' || error.recovery === 'abandon') {
      throw error;
    }
    const { message, graphCode, code } = error;
    const step = { do: 'refuse' as const, code: graphCode ?? code, message };
    await this.#recorder.settle(context, { ...planned, step }, error);
    return undefined;
  }

  async #planOne(context: RunContext, response: StoredResponse): Promise<PlannedResponse> {
    const { userId } = context;
    const base = (await this.#bases.findByEventIds(this.#db, userId, [response.eventId])).get(response.eventId);
    const event = await this.#events.find(this.#db, userId, response.eventId);
    const zone = event?.content.start.timeZone ?? base?.local?.start.timeZone ?? 'UTC';
    const known = { graphEventId: base?.graphEventId, iCalUId: base?.iCalUId, zone };
    const copy = await findCopy(this.#graph, context.session, { ...known, originalDate: response.originalDate });
    const isSent = response.state === 'sending';
    const step = planResponse(
      { response: response.response, hasComment: response.comment !== undefined, isSent },
      copy.event === 'gone' ? 'gone' : invitationOf(copy.event),
    );
    const isLate = isStaleChange({ madeAt: response.requestedAt, endsAt: undefined, now: context.now });
    return {
      response,
      base,
      copy,
      step: step.do === 'send' && isLate ? TOO_LATE : step,
      organizer: copy.event === 'gone' ? undefined : copy.event.facts.organizer,
    };
  }

  /** Accepting may have given the copy another id; declining usually takes it away. What cannot be read now is pulled later. */
  async #readBack(
    context: RunContext,
    { base, response }: PlannedResponse,
    sent: RemoteEvent,
  ): Promise<InvitationCopy> {
    if (response.originalDate !== '') return { event: sent, master: base?.graphEventId };
    const id: GraphEventId = sent.id;
    const iCalUId = response.response === 'decline' ? undefined : (sent.facts.iCalUId ?? base?.iCalUId);
    return findCopy(this.#graph, context.session, { graphEventId: id, iCalUId, originalDate: '', zone: 'UTC' });
  }
}

const TOO_LATE: ResponseStep = {
  do: 'refuse',
  code: 'STALE_RESPONSE',
  message: 'the answer could not be sent for so long that the organizer would be surprised by it: answer again',
};

/** Graph did not get as far as the answer: one that was given before, with other words, is not taken for it. */
function isUnsent({ code, details }: SyncError): boolean {
  return code === 'throttled' || code === 'unauthenticated' || details?.['isUnasked'] === true;
}

function invitationOf({ facts }: RemoteEvent) {
  const { isOrganizer, isCancelled, responseStatus } = facts;
  return { isOrganizer, isCancelled, response: responseStatus?.response };
}

/** For the end of the run: everything else is done. */
export function throwOwed(owed: SyncError | undefined): void {
  if (owed)
    throw new SyncError(owed.code, `an answer to an invitation is still owed: ${owed.message}`, { cause: owed });
}
