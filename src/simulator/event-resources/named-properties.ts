import { GraphError, validationFailure } from '../http/graph-error.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';

/**
 * Legacy extended properties (Microsoft Graph "Outlook extended properties overview"), and the quota that
 * they share with open extensions: the store remembers each name for ever.
 */
export interface SingleValue {
  id: string;
  value: string;
}

export interface MultiValue {
  id: string;
  value: string[];
}

const ID =
  /^(String|Integer|Boolean|SystemTime|Binary|Double|Float|Short|Long|Currency|ApplicationTime|CLSID)(Array)?\s+(?:\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?\s+(?:Name\s+(\S.*)|Id\s+(0x[0-9a-f]+|\d+))|(0x[0-9a-f]{1,8}))$/i;

/** One spelling of an id: types, GUIDs and numbers in any case, a name exactly as it is. */
function canonicalId(id: string): string {
  let known = canonical.get(id);
  if (known === undefined) {
    known = spell(id);
    if (canonical.size === KNOWN_MAX) canonical.clear();
    canonical.set(id, known);
  }
  return known;
}

/** A filter compares the ids of every event with one: spelling each anew would be most of its work. */
const canonical = new Map<string, string>();
const KNOWN_MAX = 1000;

function spell(id: string): string {
  const found = ID.exec(id.trim());
  if (found === null) return id;
  const [, type, array = '', guid, name, number, tag] = found;
  const kind = `${type}${array}`.toLowerCase();
  if (tag !== undefined) return `${kind} ${Number(tag)}`;
  return `${kind} ${guid!.toLowerCase()} ${name === undefined ? `id ${Number(number)}` : `name ${name}`}`;
}

export const sameId = (a: string, b: string): boolean => canonicalId(a) === canonicalId(b);

/** The properties an `$expand` or `$filter` names. */
export function propertiesWith<T extends { id: string }>(properties: readonly T[], ids: readonly string[]): T[] {
  return properties.filter((property) => ids.some((id) => sameId(id, property.id)));
}

/** `singleValueExtendedProperties` after a write. @throws {GraphError} 400 for ids and values Exchange refuses */
export function mergeSingle(before: readonly SingleValue[], sent: unknown): SingleValue[] {
  let after = [...before];
  for (const { id, value } of (sent ?? []) as { id?: string | null; value?: string | null }[]) {
    if (typeof id !== 'string' || typeof value !== 'string') throw validationFailure();
    const { type } = checkId(id, false);
    checkValue(type, value);
    after = [...after.filter((property) => !sameId(property.id, id)), { id, value }];
  }
  return after;
}

/** `multiValueExtendedProperties` after a write. @throws {GraphError} as {@link mergeSingle} */
export function mergeMulti(before: readonly MultiValue[], sent: unknown): MultiValue[] {
  let after = [...before];
  for (const { id, value } of (sent ?? []) as { id?: string | null; value?: (string | null)[] | null }[]) {
    if (typeof id !== 'string' || !Array.isArray(value)) throw validationFailure();
    const { type } = checkId(id, true);
    const values = value.map((each) => each ?? '');
    for (const each of values) checkValue(type, each);
    after = [...after.filter((property) => !sameId(property.id, id)), { id, value: values }];
  }
  return after;
}

function checkId(id: string, isMulti: boolean): { type: string } {
  const found = ID.exec(id.trim());
  if (found === null || (found[2] !== undefined) !== isMulti) {
    throw new GraphError(400, 'ErrorInvalidExtendedProperty', `The extended property '${id}' is invalid.`);
  }
  return { type: found[1]!.toLowerCase() };
}

function checkValue(type: string, value: string): void {
  const valid =
    type === 'integer' || type === 'short' || type === 'long'
      ? /^-?\d+$/.test(value)
      : type === 'boolean'
        ? /^(true|false)$/i.test(value)
        : type === 'double' || type === 'float' || type === 'currency'
          ? value.trim() !== '' && Number.isFinite(Number(value))
          : true;
  if (valid) return;
  throw new GraphError(
    400,
    'ErrorInvalidExtendedPropertyValue',
    `The value '${value}' is not valid for an extended property of its type.`,
  );
}

/** Names the properties take up in the store; a property tag (`String 0x4001001E`) takes none. */
export function namesOf(properties: readonly { id: string }[]): string[] {
  return properties
    .map(({ id }) => canonicalId(id))
    .filter((id) => / name | id /.test(id))
    .map((id) => id.slice(id.indexOf(' ') + 1));
}

/** `extension:` and the name of an open extension, as it is remembered. */
export const extensionKey = (name: string): string => `extension:${name.toLowerCase()}`;

/**
 * Remembers names, all of them or none.
 *
 * @throws {GraphError} 507 when the mailbox has no place left for a name it never saw
 */
export function rememberNames(o: { world: World; mailbox: Mailbox }, names: readonly string[]): void {
  const { state } = o.mailbox;
  const known = new Set(state.propertyNames ?? []);
  const fresh = [...new Set(names)].filter((name) => !known.has(name));
  if (fresh.length === 0) return;
  if (known.size + fresh.length > o.world.switches.namedPropertyQuota) {
    throw fresh.some((name) => name.startsWith('extension:'))
      ? new GraphError(507, 'QuotaExceededException', 'Target mailbox quota exceeded.')
      : new GraphError(507, 'ErrorQuotaExceeded', 'Cannot get ID from name.');
  }
  state.propertyNames = [...known, ...fresh];
  o.mailbox.markDirty();
}
