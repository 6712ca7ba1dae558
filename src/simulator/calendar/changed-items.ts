import type { Mailbox } from '../mailbox/mailbox.ts';
import type { LogEntry } from '../mailbox/model.ts';

/** The change log of one round, by item. */
export interface ChangedItems {
  /** In ascending order. */
  numbers: readonly number[];
  /** What the log says of each (see {@link LogEntry}). */
  what: ReadonlyMap<number, ReadonlySet<string>>;
}

/** Rounds in progress at a time, as far as anybody cares how fast they are. */
const ROUNDS_KEPT = 4;
const rounds = new WeakMap<Mailbox, Map<string, ChangedItems>>();

/**
 * Changes after `since` up to and including `until`. The log is only ever written at its end, so the answer for
 * a closed stretch stays good and the next pages of its round take it from here.
 */
export function changedItems(mailbox: Mailbox, folder: number, since: number, until: number): ChangedItems {
  let known = rounds.get(mailbox);
  if (known === undefined) {
    known = new Map();
    rounds.set(mailbox, known);
  }
  const key = `${folder} ${since} ${until}`;
  const changed = known.get(key) ?? group(mailbox.logBetween(folder, since, until));
  known.delete(key);
  known.set(key, changed);
  if (known.size > ROUNDS_KEPT) known.delete(known.keys().next().value!);
  return changed;
}

/** What nearly every entry says, kept once. */
const ALL: ReadonlySet<string> = new Set(['all']);

function group(log: readonly LogEntry[]): ChangedItems {
  const changes = new Map<number, ReadonlySet<string>>();
  for (const { n, what } of log) {
    const known = changes.get(n);
    if (known === undefined) changes.set(n, what === 'all' ? ALL : new Set([what]));
    else if (!known.has(what)) changes.set(n, new Set([...known, what]));
  }
  return { numbers: [...changes.keys()].sort((a, b) => a - b), what: changes };
}
