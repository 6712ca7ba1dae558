import { afterEach } from 'vitest';
import { type GraphSimulator, type OutboxMail, SimulatedMailbox } from '../../src/simulator/index.ts';

/**
 * Nobody is mailed unasked, in the whole suite: a test whose simulator would have sent a mail fails, unless it says that it
 * is about sending. Mails of people in Outlook do not count, and forgetting the outbox hides none.
 */

/** Mails that came of requests since the last test ended. */
const sent: OutboxMail[] = [];
const watched = new WeakSet<OutboxMail[]>();
let expected: 'none' | 'some' | 'perhaps' = 'none';
let isWatching = false;
/** Above zero while a person at a mailbox does something, which happens at once. */
let peopleAtWork = 0;

for (let kind: object = SimulatedMailbox.prototype; kind !== Object.prototype; kind = Object.getPrototypeOf(kind)) {
  for (const [name, { value, ...rest }] of Object.entries(Object.getOwnPropertyDescriptors(kind))) {
    if (name === 'constructor' || typeof value !== 'function') continue;
    Object.defineProperty(kind, name, { ...rest, value: asPerson(value) });
  }
}

function asPerson(act: (...args: unknown[]) => unknown) {
  return function (this: unknown, ...args: unknown[]): unknown {
    peopleAtWork += 1;
    try {
      return act.apply(this, args);
    } finally {
      peopleAtWork -= 1;
    }
  };
}

/** To be called by whatever puts our service, or a part of it, in front of a simulator. */
export function watchOutbox({ outbox }: GraphSimulator): void {
  isWatching = true;
  if (watched.has(outbox)) return;
  watched.add(outbox);
  // Not enumerable, so that the list still equals one without it.
  Object.defineProperty(outbox, 'push', {
    value(this: OutboxMail[], ...mails: OutboxMail[]): number {
      if (peopleAtWork === 0) sent.push(...mails);
      return Array.prototype.push.apply(this, mails);
    },
  });
}

/** The running test is about sending, and fails when nobody is mailed; unless chance decides, as it does in a property. */
export function expectMails(how: 'some' | 'perhaps' = 'some'): void {
  expected = how;
}

// Registered first, so it runs after everything a spec does at the end of a test.
afterEach(({ task }) => {
  if (isWatching) Object.assign(task.meta, { outbox: expected === 'none' ? 'watched' : 'about sending' });
  const mails = sent.splice(0);
  const wanted = expected;
  expected = 'none';
  if (wanted === 'some' && mails.length === 0 && task.result?.state !== 'fail') {
    throw new Error('the test says that people are mailed, and nobody was');
  }
  if (wanted === 'none' && mails.length > 0) {
    const said = mails.map(({ kind, to, subject }) => `${kind} to ${to.join(', ')}: ${subject}`);
    throw new Error(`people were mailed unasked (expectMails() where that is the point):\n${said.join('\n')}`);
  }
});
