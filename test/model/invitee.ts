import { isSyncError } from '../../src/core/errors.ts';
import { RESPONSE_KINDS } from '../../src/core/event-response.ts';
import type { UserId } from '../../src/core/ids.ts';
import { GraphError, type SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import { type Done, pickBySubject } from './application-person.ts';
import type { Calendars } from './calendars.ts';
import type { Engine } from './engine.ts';
import { type Ledger, writtenIn } from './ledger.ts';
import type { Mails } from './mails.ts';
import type { Words } from './words.ts';

const VERBS = ['accept', 'tentativelyAccept', 'decline'] as const;

/** Somebody who answers invitations, here and in Outlook; the organizer hears of it where they want. */
export class Invitee {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #mailbox: SimulatedMailbox;
  readonly #ledger: Ledger;
  readonly #calendars: Calendars;
  readonly #mails: Mails;

  constructor(parts: {
    api: Engine;
    userId: UserId;
    mailbox: SimulatedMailbox;
    ledger: Ledger;
    calendars: Calendars;
    mails: Mails;
  }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#mailbox = parts.mailbox;
    this.#ledger = parts.ledger;
    this.#calendars = parts.calendars;
    this.#mails = parts.mails;
  }

  async answerHere({ chance }: Words): Promise<Done> {
    const [place, response, sendResponse] = [chance.next(), chance.pick(RESPONSE_KINDS), chance.isLucky(0.7)];
    const { eventService, responseService } = this.#engine.services;
    return inScopeOf(this.#userId, async () => {
      const { items } = await eventService.list(this.#userId, { limit: 200 });
      const foreign = items.filter(({ subject }) => this.#ledger.eventOf(subject)?.isForeign);
      const view = pickBySubject(foreign, place, ({ subject }) => subject);
      const event = view && this.#ledger.eventOf(view.subject);
      if (!view || !event) return undefined;
      const before = view.responseStatus?.response;
      try {
        await responseService.respond(this.#userId, view.id, { response, sendResponse }, { ifMatch: view.etag });
      } catch (error) {
        const isRefused = ['conflict-state', 'version-mismatch', 'not-found'].some(
          (code) => isSyncError(error) && error.code === code,
        );
        if (!isRefused) throw error;
        return `is told that event ${event.number} cannot be answered`;
      }
      if (sendResponse) this.#mails.answered();
      // What is declined leaves the calendar as it is by then: Graph knows no guard for answers.
      if (response === 'decline') {
        event.isDeclined = true;
        this.#ledger.saw(this.#ledger.wordsIn(writtenIn(view)), undefined);
      }
      return `answers event ${event.number}, ${before}: ${response}${sendResponse ? '' : ', mailing nobody'}`;
    });
  }

  answerInOutlook({ chance }: Words): Done {
    const [place, verb, sendResponse] = [chance.next(), chance.pick(VERBS), chance.isLucky(0.7)];
    const foreign = [...this.#calendars.all()].filter(
      ([id, { content }]) => this.#ledger.eventOf(content.subject) && this.#mailbox.getEvent(id)?.isOrganizer === false,
    );
    const [id, placed] = pickBySubject(foreign, place, ([, { content }]) => content.subject) ?? [];
    const event = placed && this.#ledger.eventOf(placed.content.subject);
    if (id === undefined || !event) return undefined;
    try {
      this.#mailbox.respond(id, verb, { sendResponse });
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      return `is refused: ${error.message}`;
    }
    if (verb === 'decline') this.#ledger.deleted(event, 'outlook', placed?.content);
    return `answers event ${event.number}: ${verb}`;
  }
}
