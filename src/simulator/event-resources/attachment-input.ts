import { GraphError, unreadableBody } from '../http/graph-error.ts';
import { readEventInput } from '../mailbox/event-schema.ts';
import type { StoredAttachment } from '../mailbox/model.ts';

/** Larger files need an upload session (Microsoft Graph "Attach large files to Outlook messages or events"). */
export const MAX_INLINE_BYTES = 3 * 1024 * 1024;

export type NewAttachment = Omit<StoredAttachment, 'k' | 'modifiedMs'>;

const COMMON = ['name', 'contentType', 'isInline', 'size', 'lastModifiedDateTime', 'id'];
const PROPERTIES: Record<StoredAttachment['type'], ReadonlySet<string>> = {
  file: new Set([...COMMON, 'contentBytes', 'contentId', 'contentLocation']),
  item: new Set([...COMMON, 'item']),
  reference: new Set(COMMON),
};

/** @throws {GraphError} 400 for a shape the schema does not know, 413 for a file above 3 MB */
export function readAttachment(value: unknown): NewAttachment {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadableBody('The request body is expected to be a JSON object of type microsoft.graph.attachment.');
  }
  const input = value as Record<string, unknown>;
  const type = typeOf(input['@odata.type']);
  for (const name of Object.keys(input)) {
    if (!name.includes('@odata.') && !PROPERTIES[type].has(name)) {
      throw unreadableBody(
        `The property '${name}' does not exist on type 'microsoft.graph.${type}Attachment'. Make sure to only use property names that are defined by the type.`,
      );
    }
  }
  const attachment: NewAttachment = {
    type,
    name: text(input, 'name') ?? missing('Name'),
    contentType: text(input, 'contentType') ?? null,
    isInline: flag(input, 'isInline'),
    contentId: text(input, 'contentId') ?? null,
    contentLocation: text(input, 'contentLocation') ?? null,
    size: 0,
  };
  if (type === 'file') return { ...attachment, ...contentOf(input) };
  if (type === 'item') return { ...attachment, ...itemOf(input['item']) };
  return attachment;
}

function typeOf(value: unknown): StoredAttachment['type'] {
  const found = /^#?microsoft\.graph\.(file|item|reference)Attachment$/i.exec(typeof value === 'string' ? value : '');
  if (found === null) {
    throw unreadableBody(
      "Cannot create an abstract class: 'microsoft.graph.attachment' needs '@odata.type' to say which attachment it is.",
    );
  }
  return found[1]!.toLowerCase() as StoredAttachment['type'];
}

function contentOf(input: Record<string, unknown>): { bytes: string; size: number; contentType: string } {
  const encoded = text(input, 'contentBytes') ?? missing('ContentBytes');
  // OData takes both alphabets of base64.
  const standard = encoded.replaceAll('-', '+').replaceAll('_', '/');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(standard) || standard.replace(/=+$/, '').length % 4 === 1) {
    throw unreadableBody("Cannot convert the value of 'contentBytes' to the expected type 'Edm.Binary'.");
  }
  const bytes = Buffer.from(standard, 'base64');
  if (bytes.length > MAX_INLINE_BYTES) throw new GraphError(413, 'BadRequest', 'Maximum request length exceeded.');
  return {
    bytes: bytes.toString('base64'),
    size: bytes.length,
    contentType: text(input, 'contentType') ?? 'application/octet-stream',
  };
}

function itemOf(value: unknown): { item: Record<string, unknown>; size: number; contentType: string | null } {
  if (typeof value !== 'object' || value === null) missing('Item');
  const item = value as Record<string, unknown>;
  const type = String(item['@odata.type'] ?? '')
    .replace(/^#/, '')
    .toLowerCase();
  if (!['microsoft.graph.event', 'microsoft.graph.message', 'microsoft.graph.contact'].includes(type)) {
    throw unreadableBody("'microsoft.graph.outlookItem' needs '@odata.type' to say which item it is.");
  }
  if (type === 'microsoft.graph.event') readEventInput(item);
  return { item, size: Buffer.byteLength(JSON.stringify(item)), contentType: null };
}

function text(input: Record<string, unknown>, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string')
    throw unreadableBody(`Cannot convert the value of '${name}' to the expected type 'Edm.String'.`);
  return value;
}

function flag(input: Record<string, unknown>, name: string): boolean {
  const value = input[name] ?? false;
  if (typeof value !== 'boolean')
    throw unreadableBody(`Cannot convert the value of '${name}' to the expected type 'Edm.Boolean'.`);
  return value;
}

function missing(property: string): never {
  throw new GraphError(400, 'ErrorRequiredPropertyMissing', `Required property is missing. PropertyName: ${property}`);
}
