import type { Mailbox, MailboxSnapshot } from '../mailbox/mailbox.ts';
import type { StoredCalendar, StoredItem } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';

/**
 * Puts a mailbox back from a backup, as after a disaster or a move to another tenant: every id is a new one, immutable
 * ids too, and so are calendar ids; delta links are dead. What the events say stays, their iCalUIds as well.
 *
 * @param backup the mailbox as it was; as it is now unless given
 */
export function restoreFromBackup(world: World, mailbox: Mailbox, backup?: MailboxSnapshot): void {
  world.onReplaced?.(mailbox);
  const source = backup ?? mailbox.snapshot();
  const { state, items } = structuredClone({ state: source.state, items: source.items });
  discardAll(world, mailbox);
  const folders = new Map<number, number>();
  for (const calendar of state.calendars) {
    if (calendar.deleted) continue;
    const folder = mailbox.state.nextFolder++;
    folders.set(calendar.folder, folder);
    mailbox.state.calendars.push({ ...calendar, folder, version: mailbox.nextVersion() });
  }
  for (const item of items) {
    const folder = folders.get(item.folder);
    if (!item.deleted && folder !== undefined) mailbox.put(renumbered(mailbox, item, folder), 'all', world.now());
  }
  mailbox.state.oldestToken = mailbox.state.tokensIssued + 1;
  mailbox.markDirty();
}

/** Everything that was: gone for every path, the default calendar too. */
function discardAll(world: World, mailbox: Mailbox): void {
  for (const calendar of mailbox.calendars) {
    emptyCalendar(world, mailbox, calendar);
    calendar.deleted = true;
    calendar.isDefault = false;
  }
}

function renumbered(mailbox: Mailbox, item: StoredItem, folder: number): StoredItem {
  const version = mailbox.nextVersion();
  return { ...item, n: mailbox.nextItemNumber(), folder, version, contentVersion: version };
}

/** All events of a calendar are gone at once, and nobody is mailed. */
export function emptyCalendar(world: World, mailbox: Mailbox, calendar: StoredCalendar): void {
  for (const item of [...mailbox.itemsIn(calendar.folder)]) {
    item.deleted = true;
    item.modifiedMs = world.now();
    mailbox.put(item, 'removed', world.now());
  }
}
