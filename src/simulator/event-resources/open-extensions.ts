import { GraphError, unreadableBody } from '../http/graph-error.ts';
import type { StoredExtension } from '../mailbox/model.ts';

/** Outlook puts this before the name of an open extension (Microsoft Graph "openTypeExtension"). */
const ID_PREFIX = 'Microsoft.OutlookServices.OpenTypeExtension.';
/** Members that say what an extension is; the rest is the caller's data. */
const OWN = new Set(['@odata.type', '@odata.context', 'id', 'extensionName']);

export function renderExtension({ name, data }: StoredExtension): Record<string, unknown> {
  return {
    '@odata.type': '#microsoft.graph.openTypeExtension',
    id: `${ID_PREFIX}${name}`,
    extensionName: name,
    ...data,
  };
}

/** By name, or by the long id answers carry; names are compared without regard to case. */
export function findExtension(
  extensions: readonly StoredExtension[] | undefined,
  nameOrId: string,
): StoredExtension | undefined {
  const wanted = shortName(nameOrId);
  return extensions?.find(({ name }) => name.toLowerCase() === wanted);
}

const shortName = (nameOrId: string): string => {
  const lower = nameOrId.toLowerCase();
  return lower.startsWith(ID_PREFIX.toLowerCase()) ? lower.slice(ID_PREFIX.length) : lower;
};

/** The extensions of a create, in `extensions: [...]`. @throws {GraphError} 400 */
export function readExtensions(value: unknown): StoredExtension[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw unreadableBody('A collection was expected.');
  const extensions: StoredExtension[] = [];
  for (const each of value) {
    const extension = readExtension(each);
    if (findExtension(extensions, extension.name) !== undefined) throw nameTaken();
    extensions.push(extension);
  }
  return extensions;
}

/** A new extension. @throws {GraphError} 400 without type or name */
export function readExtension(value: unknown): StoredExtension {
  const input = asObject(value);
  const type = input['@odata.type'];
  if (typeof type !== 'string' || !/^#?microsoft\.graph\.openTypeExtension$/i.test(type)) {
    throw unreadableBody(
      "A type named '@odata.type' is required: 'microsoft.graph.extension' is abstract, 'microsoft.graph.openTypeExtension' was expected.",
    );
  }
  const name = input['extensionName'];
  if (typeof name !== 'string' || name.trim() === '') {
    throw new GraphError(
      400,
      'ErrorRequiredPropertyMissing',
      'Required property is missing. PropertyName: ExtensionName',
    );
  }
  return { name, data: dataOf(input) };
}

/** The data after a PATCH. A member set to null stays as it was: only DELETE gets rid of it. */
export function patchedData(before: StoredExtension, value: unknown): Record<string, unknown> {
  return { ...before.data, ...dataOf(asObject(value)) };
}

function dataOf(input: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([name, value]) => !OWN.has(name) && value !== null));
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadableBody('The request body is expected to be a JSON object of type microsoft.graph.openTypeExtension.');
  }
  return value as Record<string, unknown>;
}

export const nameTaken = (): GraphError =>
  new GraphError(409, 'NameAlreadyExists', 'An extension already exists with given id.');
