import type { MailboxSnapshot } from './mailbox/mailbox.ts';
import type { LogEntry, StoredItem } from './mailbox/model.ts';
import type { WorldSnapshot } from './mailbox/world.ts';

/** Entries of a change log on one line. */
const LOG_PER_LINE = 1_000;

type Line =
  | { world: Omit<WorldSnapshot, 'mailboxes'> }
  | { mailbox: MailboxSnapshot['state'] }
  | { item: StoredItem }
  | { log: LogEntry[] };

/** A state as lines of JSON, never as one text: that of a large mailbox takes more memory than the mailbox. */
export function* linesOf({ mailboxes, ...world }: WorldSnapshot): Generator<string> {
  yield lineOf({ world });
  for (const { state, items, log } of mailboxes) {
    yield lineOf({ mailbox: state });
    for (const item of items) yield lineOf({ item });
    for (let at = 0; at < log.length; at += LOG_PER_LINE) yield lineOf({ log: log.slice(at, at + LOG_PER_LINE) });
  }
}

const lineOf = (line: Line): string => JSON.stringify(line);

/** @throws {Error} for lines of anything else */
export function snapshotOf(lines: Iterable<string>): WorldSnapshot {
  let world: Omit<WorldSnapshot, 'mailboxes'> | undefined;
  const mailboxes: MailboxSnapshot[] = [];
  for (const text of lines) {
    const line = JSON.parse(text) as Line | WorldSnapshot;
    if ('mailboxes' in line) return line;
    if ('world' in line) world = line.world;
    else if ('mailbox' in line) mailboxes.push({ state: line.mailbox, items: [], log: [] });
    else if ('item' in line) mailboxes.at(-1)?.items.push(line.item);
    else mailboxes.at(-1)?.log.push(...line.log);
  }
  if (world === undefined) throw new Error('this is no state of a simulator');
  return { ...world, mailboxes };
}
