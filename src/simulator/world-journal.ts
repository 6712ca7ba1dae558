import type { MailboxChanges } from './mailbox/mailbox.ts';
import type { OutboxMail } from './mailbox/model.ts';
import type { World } from './mailbox/world.ts';

/** What one step changed in each mailbox, and the mails it sent: enough to repeat it. */
export interface WorldChanges {
  mailboxes: MailboxChanges[];
  outbox: OutboxMail[];
  /** The mails of before were forgotten. */
  isOutboxCleared?: boolean;
  /** State of the dice afterwards: a resumed world must not make the same ids again. */
  random: number;
  clockShift: number;
  /** Whole state of the other parts that changed. */
  parts?: Record<string, unknown>;
}

/** Tells what each step changed to whoever keeps the state, and repeats what was told. */
export class WorldJournal {
  readonly #world: World;
  #sink: ((changes: WorldChanges) => void) | undefined;
  #onReplaced: (() => void) | undefined;
  #mailsSaved = 0;
  #isOutboxCleared = false;

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * @param sink  called with every change before the request that made it is answered
   * @param onReplaced  called when the state became another one, which no list of changes tells
   */
  listen(sink: ((changes: WorldChanges) => void) | undefined, onReplaced: (() => void) | undefined): void {
    this.#onReplaced = onReplaced;
    this.#world.takeChanges();
    this.#world.takePartChanges();
    this.#mailsSaved = this.#world.outbox.length;
    this.#sink = sink;
  }

  commit(isClockMoved: boolean): void {
    const mailboxes = this.#world.takeChanges();
    const parts = this.#world.takePartChanges();
    const isOutboxCleared = this.#isOutboxCleared;
    this.#isOutboxCleared = false;
    if (this.#sink === undefined) return;
    const outbox = this.#world.outbox.slice(this.#mailsSaved);
    const isElsewhere = isClockMoved || isOutboxCleared;
    if (mailboxes.length === 0 && outbox.length === 0 && parts === undefined && !isElsewhere) return;
    this.#mailsSaved = this.#world.outbox.length;
    const { randomState: random, clockShift } = this.#world;
    const more = { ...(isOutboxCleared ? { isOutboxCleared } : {}), ...(parts === undefined ? {} : { parts }) };
    this.#sink({ mailboxes, outbox, random, clockShift, ...more });
  }

  clearOutbox(): void {
    this.#world.outbox.length = 0;
    this.#mailsSaved = 0;
    this.#isOutboxCleared = true;
  }

  /** The state is another one now: a snapshot put back, a mailbox removed. */
  replaced(): void {
    this.#mailsSaved = Math.min(this.#mailsSaved, this.#world.outbox.length);
    this.#onReplaced?.();
  }

  /** All mails there are count as told. */
  caughtUp(): void {
    this.#mailsSaved = this.#world.outbox.length;
  }

  /** Repeats changes that were told to a sink. */
  replay(changes: WorldChanges): void {
    for (const each of changes.mailboxes) {
      const mailbox = this.#world.findMailbox(each.state.id) ?? this.#world.addMailbox(each.state);
      mailbox.apply(each);
    }
    if (changes.isOutboxCleared) this.#world.outbox.length = 0;
    this.#world.outbox.push(...changes.outbox);
    this.#world.randomState = changes.random;
    this.#world.clockShift = changes.clockShift;
    if (changes.parts !== undefined) this.#world.restoreParts(changes.parts);
    this.caughtUp();
  }
}
