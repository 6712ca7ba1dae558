import { readAttachment } from '../event-resources/attachment-input.ts';
import {
  extensionKey,
  type MultiValue,
  mergeMulti,
  mergeSingle,
  namesOf,
  rememberNames,
  type SingleValue,
} from '../event-resources/named-properties.ts';
import { readExtensions } from '../event-resources/open-extensions.ts';
import { GraphError } from '../http/graph-error.ts';
import type { EventInput } from './event-schema.ts';
import type { Mailbox } from './mailbox.ts';
import type { Hangings, StoredAttachment } from './model.ts';
import type { World } from './world.ts';

interface Where {
  world: World;
  mailbox: Mailbox;
}

/**
 * Extended properties, extensions and attachments sent along with a create.
 *
 * @throws {GraphError} 400 for bad ones, 409 when the switch says so, 507 for a name too many
 */
export function hangingOnCreate(where: Where, input: EventInput): Hangings & { extended: SingleValue[] } {
  const { switches } = where.world;
  const extended = mergeSingle([], input['singleValueExtendedProperties']);
  const multiExtended = mergeMulti([], input['multiValueExtendedProperties']);
  const extensions = readExtensions(input['extensions']);
  const attachments = switches.attachmentsOnCreate === 'stored' ? readAttachments(where, input) : [];
  if (extensions.length > 0 && switches.extensionOnCreate === 'conflict') throw conflict();
  const accepted = switches.extensionOnCreate === 'accepted' ? extensions : [];
  rememberNames(where, [
    ...namesOf([...extended, ...multiExtended]),
    ...accepted.map(({ name }) => extensionKey(name)),
  ]);
  return {
    extended,
    ...(multiExtended.length > 0 ? { multiExtended } : {}),
    ...(accepted.length > 0 ? { extensions: accepted } : {}),
    ...(attachments.length > 0 ? { attachments, lastAttachment: attachments.length } : {}),
  };
}

/** @throws {GraphError} 409 for a create with an extension whose event stands nevertheless */
export function refuseAfterCreate({ world }: Where, input: EventInput): void {
  const isRefused = world.switches.extensionOnCreate === 'conflict-after-create';
  if (isRefused && readExtensions(input['extensions']).length > 0) throw conflict();
}

const conflict = (): GraphError =>
  new GraphError(
    409,
    'ErrorIrresolvableConflict',
    'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.',
  );

function readAttachments({ world }: Where, input: EventInput): StoredAttachment[] {
  const sent = input['attachments'];
  if (!Array.isArray(sent)) return [];
  return sent.map((each, at) => ({ ...readAttachment(each), k: at + 1, modifiedMs: world.now() }));
}

/** Extended properties after a PATCH; those not named stay as they are. */
export function extendedAfter(
  where: Where,
  before: { extended?: SingleValue[]; multiExtended?: MultiValue[] },
  input: EventInput,
): { extended?: SingleValue[]; multiExtended?: MultiValue[] } {
  const single = input['singleValueExtendedProperties'];
  const multi = input['multiValueExtendedProperties'];
  const extended = mergeSingle(before.extended ?? [], single);
  const multiExtended = mergeMulti(before.multiExtended ?? [], multi);
  if (single || multi) rememberNames(where, namesOf([...extended, ...multiExtended]));
  return {
    ...(single === undefined || single === null ? {} : { extended }),
    ...(multi === undefined || multi === null ? {} : { multiExtended }),
  };
}
