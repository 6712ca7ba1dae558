import { NOTIFY_POLICIES, type NotifyAttendees } from '../../src/core/settings.ts';
import type { GraphSimulator, OutboxMail } from '../../src/simulator/index.ts';
import type { Story } from './story.ts';

type Kind = OutboxMail['kind'];

/** What may be sent to guests under each policy: `changes` sends changes, and adds nobody. */
const ALLOWED: Readonly<Record<NotifyAttendees, readonly Kind[]>> = {
  never: [],
  changes: ['update', 'cancellation'],
  all: ['invitation', 'update', 'cancellation'],
};

/** Exchange's outbox, with who caused each mail: people in Outlook may, the service only as far as it was allowed. */
export class Mails {
  readonly #simulator: GraphSimulator;
  readonly #story: Story;
  #seen = 0;
  #policy: NotifyAttendees = 'never';
  /** The loosest policy a run that is at work may have begun with. */
  #loosest: NotifyAttendees = 'never';
  /** Answers people asked for here, with a mail to the organizer. */
  #answers = 0;

  constructor(parts: { simulator: GraphSimulator; story: Story }) {
    this.#simulator = parts.simulator;
    this.#story = parts.story;
  }

  /** A person chooses; whoever is at work goes on with what they began with. */
  choose(policy: NotifyAttendees, o: { isSomebodyAtWork: boolean }): void {
    const before = o.isSomebodyAtWork ? this.#loosest : policy;
    this.#loosest = rank(policy) > rank(before) ? policy : before;
    this.#policy = policy;
  }

  /** A run begins, and nobody else is at work. */
  begin(): void {
    this.#loosest = this.#policy;
  }

  answered(): void {
    this.#answers += 1;
  }

  /** What is in the outbox by now was caused by a request. */
  bySomeRequest(): void {
    for (const mail of this.#simulator.outbox.slice(this.#seen)) {
      this.#story.tell(`      Exchange mails ${mail.to.join(' ')}: ${mail.kind} “${mail.subject}”`);
      if (this.#isAllowed(mail)) continue;
      this.#story.counts.mails += 1;
      this.#story.blame('mailed', `${mail.kind} “${mail.subject}” to ${mail.to.join(' ')} under ${this.#policy}`);
    }
    this.byAPerson();
  }

  /** What has come into the outbox was a person's own doing in Outlook. */
  byAPerson(): void {
    this.#seen = this.#simulator.outbox.length;
  }

  #isAllowed({ kind }: OutboxMail): boolean {
    if (kind !== 'response') return ALLOWED[this.#loosest].includes(kind);
    this.#answers -= 1;
    return this.#answers >= 0;
  }
}

const rank = (policy: NotifyAttendees): number => NOTIFY_POLICIES.indexOf(policy);
