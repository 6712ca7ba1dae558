import { type Actor, type FoundEvent, requireEditable } from '../mailbox/event-operations.ts';
import { shareWithAttendees } from '../mailbox/meetings.ts';
import type { Hangings, StoredAttachment, StoredExtension, StoredItem } from '../mailbox/model.ts';
import { saveException } from '../mailbox/occurrence-operations.ts';
import { instanceOf } from '../mailbox/series.ts';
import type { MultiValue, SingleValue } from './named-properties.ts';

/** What hangs on one event; an occurrence has what its master has until that is changed for it alone. */
export interface OnEvent {
  attachments: readonly StoredAttachment[];
  extensions: readonly StoredExtension[];
  extended: readonly SingleValue[];
  multiExtended: readonly MultiValue[];
}

export function hangingOn(item: StoredItem, date: string): OnEvent {
  const exception = date === '' ? undefined : item.exceptions[date];
  return {
    attachments: exception?.attachments ?? item.attachments ?? [],
    extensions: exception?.extensions ?? item.extensions ?? [],
    extended: exception?.extended ?? item.extended,
    multiExtended: exception?.multiExtended ?? item.multiExtended ?? [],
  };
}

/** Saves what hangs on an event. Doing so to an occurrence makes it an exception. */
export function saveHangings(actor: Actor, { item, date }: FoundEvent, change: Hangings): void {
  const { world, mailbox } = actor;
  requireEditable(mailbox, item.folder);
  if (date === '') {
    Object.assign(item, change);
    item.version = mailbox.nextVersion();
    item.contentVersion = item.version;
    item.modifiedMs = world.now();
    mailbox.put(item, 'all', world.now());
  } else {
    instanceOf(item, date);
    saveException(actor, item, date, {}, change);
  }
  const isShared = change.attachments !== undefined && world.switches.attachmentDelivery === 'at-once';
  if (isShared) shareWithAttendees({ world, mailbox, item });
}
