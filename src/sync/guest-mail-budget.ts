import { SyncError } from '../core/errors.ts';
import type { Clock, Logger } from '../core/runtime.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { Db } from '../store/db.ts';
import { countGuestMails, guestMailsOfTheDay } from '../store/guest-mails.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { mailCountOf, mailCountOfDeletion } from './outgoing-mails.ts';
import type { RunContext } from './run-context.ts';

const SERVICE_UNAVAILABLE = 503;

/**
 * How many mails a day our writes may make Exchange send to one user's guests, where their policy allows any. A loop, a
 * wrong import or a bulk edit then mails a few people too many, never everybody for hours.
 */
export class GuestMailBudget {
  readonly #db: Db;
  readonly #leases: LeaseRepository;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #mailsPerDay: number;

  /** @param parts.guestMailsPerDay  `CALENDAR_GUEST_MAILS_PER_DAY` */
  constructor(parts: { db: Db; leases: LeaseRepository; clock: Clock; logger: Logger; guestMailsPerDay: number }) {
    this.#db = parts.db;
    this.#leases = parts.leases;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#mailsPerDay = parts.guestMailsPerDay;
  }

  /**
   * Sets mails aside for what is about to be sent, before it is: a crash then counts too many, never too few.
   *
   * @returns what may be sent, in order; the rest waits, still pending, for the day to pass
   */
  async take<Target extends Outgoing | OutgoingDeletion>(
    context: RunContext,
    targets: readonly Target[],
  ): Promise<Target[]> {
    const wanted = targets.map((target) => ({ target, mails: mailsFor(target) }));
    if (wanted.every(({ mails }) => mails === 0)) return [...targets];
    return this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      const now = this.#clock.now();
      const { count } = await guestMailsOfTheDay(tx, context.userId, now);
      let spent = count;
      const allowed = wanted.filter(({ mails }) => {
        // One meeting with more guests than the budget could never be sent otherwise.
        const isAllowed = mails === 0 || spent + mails <= this.#mailsPerDay || spent === 0;
        if (isAllowed) spent += mails;
        return isAllowed;
      });
      await countGuestMails(tx, context.userId, now, spent - count);
      return allowed.map(({ target }) => target);
    });
  }

  /**
   * Gives back what was set aside for writes that Graph did not carry out. One that it may have carried out has mailed its
   * guests, perhaps. That goes for a create, too: the next pull may find the event, and nothing of it is sent again.
   */
  async giveBack(
    context: RunContext,
    targets: readonly (Outgoing | OutgoingDeletion)[],
    outcomes: readonly WriteOutcome[],
  ): Promise<void> {
    const byKey = new Map(outcomes.map((outcome) => [outcome.key, outcome]));
    const unspent = targets.filter((target) => {
      const outcome = byKey.get('event' in target ? target.event.id : target.base.eventId);
      return outcome?.ok === false && isCertain(outcome);
    });
    const mails = unspent.reduce((sum, target) => sum + mailsFor(target), 0);
    if (mails === 0) return;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await countGuestMails(tx, context.userId, this.#clock.now(), -mails);
    });
  }

  /** What a run that had to leave changes waiting says of it. */
  async refusal(context: RunContext, waiting: number): Promise<SyncError> {
    const { count, freeAt } = await guestMailsOfTheDay(this.#db, context.userId, this.#clock.now());
    this.#logger.warn({ jobId: context.jobId, waiting, sent: count }, 'the budget of mails to guests is spent');
    return new SyncError(
      'guest-mail-budget',
      `${waiting} changes would mail guests and wait: ${count} mails went to guests within a day, of ${this.#mailsPerDay} that ` +
        'CALENDAR_GUEST_MAILS_PER_DAY allows; they go by themselves once the day has passed',
      { details: { waiting, sent: count, budget: this.#mailsPerDay, freeAt: freeAt?.toISOString() ?? null } },
    );
  }
}

function mailsFor(target: Outgoing | OutgoingDeletion): number {
  return 'event' in target ? mailCountOf(target) : mailCountOfDeletion(target);
}

/** Whether nothing was done: it was refused, or never sent. After any other breakdown nobody knows. */
function isCertain({ error, isCarriedOut }: Extract<WriteOutcome, { ok: false }>): boolean {
  if (isCarriedOut) return false;
  const { code, httpStatus, details } = error;
  if (code !== 'unavailable' || details?.['isUnasked'] === true) return true;
  return httpStatus !== undefined && (httpStatus < 500 || httpStatus === SERVICE_UNAVAILABLE);
}
