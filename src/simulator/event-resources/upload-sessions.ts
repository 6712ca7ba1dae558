import { GraphError, itemNotFound, unreadableBody } from '../http/graph-error.ts';
import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import { decoded } from '../http/request-log.ts';
import { type Actor, type FoundEvent, requireEditable } from '../mailbox/event-operations.ts';
import type { World } from '../mailbox/world.ts';
import { wireInstant } from '../mailbox/zones.ts';
import { encodeAttachmentId } from './attachment-ids.ts';
import { MAX_INLINE_BYTES, type NewAttachment } from './attachment-input.ts';
import { addAttachment } from './attachments.ts';

/**
 * `createUploadSession`: a file comes in ranges to an address that needs no token (Microsoft Graph "Attach large
 * files to Outlook messages or events"). An unfinished upload is not part of the saved state: it ends with the
 * process.
 */
interface Upload {
  mailboxId: string;
  found: FoundEvent;
  input: NewAttachment;
  parts: Uint8Array[];
  received: number;
  expiresMs: number;
}

interface UploadSession {
  uploadUrl: string;
  expirationDateTime: string;
  nextExpectedRanges: string[];
}

const MAX_BYTES = 150 * 1024 * 1024;
/** Of one range, less than 4 MB. */
const MAX_RANGE_BYTES = 4 * 1024 * 1024;
const LIFETIME_MS = 24 * 3_600_000;
const PATH = /^\/api\/gv1\.0\/users\('[^']+'\)\/events\('[^']+'\)\/attachmentsessions\('([^']+)'\)$/i;

interface Uploads {
  open: Map<string, Upload>;
  opened: number;
}

const uploads = new WeakMap<World, Uploads>();

function uploadsOf(world: World): Uploads {
  const known = uploads.get(world) ?? { open: new Map<string, Upload>(), opened: 0 };
  uploads.set(world, known);
  return known;
}

export const isUploadPath = (pathname: string): boolean => PATH.test(decoded(pathname));

/** @throws {GraphError} 400 for a file that must come inline, 413 for one that is too large */
export function openUpload(actor: Actor, found: FoundEvent, body: unknown, origin: string): UploadSession {
  const { world, mailbox } = actor;
  requireEditable(mailbox, found.item.folder);
  const input = readItem(body);
  const known = uploadsOf(world);
  known.opened += 1;
  for (const [key, { expiresMs }] of known.open) if (expiresMs <= world.now()) known.open.delete(key);
  // With the version, so that an address from before a restart does not lead to another upload.
  const key = `${found.item.n}-${known.opened}-${mailbox.nextVersion()}`;
  mailbox.markDirty();
  const expiresMs = world.now() + LIFETIME_MS;
  known.open.set(key, { mailboxId: mailbox.state.id, found, input, parts: [], received: 0, expiresMs });
  const event = encodeURIComponent(mailbox.itemId(found.item, 'default', found.date));
  const path = `/api/gv1.0/users('${mailbox.state.id}')/events('${event}')/AttachmentSessions('${key}')`;
  const uploadUrl = `${origin}${path}?authtoken=${world.sign(key)}`;
  return { uploadUrl, expirationDateTime: wireInstant(expiresMs), nextExpectedRanges: ['0-'] };
}

function readItem(body: unknown): NewAttachment {
  const entry = Object.entries((body ?? {}) as object).find(([name]) => name.toLowerCase() === 'attachmentitem');
  const item = entry?.[1] as Record<string, unknown> | undefined;
  if (typeof item !== 'object' || item === null) throw unreadableBody('The parameter AttachmentItem is missing.');
  const { attachmentType, name, size, contentType, isInline, contentId } = item;
  if (String(attachmentType).toLowerCase() !== 'file') {
    throw unreadableBody(`Requested value '${String(attachmentType)}' was not found.`);
  }
  if (typeof name !== 'string' || name === '' || typeof size !== 'number' || !Number.isInteger(size)) {
    throw new GraphError(400, 'ErrorRequiredPropertyMissing', 'Required property is missing. PropertyName: Name, Size');
  }
  if (size < MAX_INLINE_BYTES) {
    throw new GraphError(
      400,
      'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize',
      `Attachment size should not be less than ${MAX_INLINE_BYTES} bytes.`,
    );
  }
  if (size > MAX_BYTES) {
    throw new GraphError(413, 'ErrorAttachmentSizeLimitExceeded', 'The attachment size exceeds the allowed limit.');
  }
  return {
    type: 'file',
    name,
    size,
    contentType: typeof contentType === 'string' ? contentType : 'application/octet-stream',
    isInline: isInline === true,
    contentId: typeof contentId === 'string' ? contentId : null,
    contentLocation: null,
  };
}

/** PUT, GET and DELETE on an upload's own address. @throws {GraphError} 401, 404, 416 */
export function answerUploadRange(world: World, request: SimulatedRequest): SimulatedResponse {
  const key = PATH.exec(decoded(request.url.pathname))![1]!;
  if (!world.isSigned(key, request.url.searchParams.get('authtoken') ?? '')) {
    throw new GraphError(401, 'InvalidAuthenticationToken', 'The token of the upload session is invalid.');
  }
  const known = uploadsOf(world).open;
  const upload = known.get(key);
  if (upload === undefined || upload.expiresMs <= world.now()) throw itemNotFound();
  if (request.method === 'DELETE') {
    known.delete(key);
    return { status: 204, headers: {} };
  }
  if (request.method === 'GET') return { status: 200, headers: {}, body: progressOf(upload) };
  if (request.method !== 'PUT')
    throw new GraphError(405, 'ErrorMethodNotAllowed', 'The OData request is not supported.');
  take(upload, request);
  if (upload.received < upload.input.size) return { status: 200, headers: {}, body: progressOf(upload) };
  known.delete(key);
  return finish(world, upload, request.url.origin);
}

const progressOf = ({ expiresMs, received }: Upload) => ({
  expirationDateTime: wireInstant(expiresMs),
  nextExpectedRanges: [String(received)],
});

/** Ranges come in order and without gaps. */
function take(upload: Upload, request: SimulatedRequest): void {
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(request.headers['content-range'] ?? '');
  const bytes = request.bytes;
  if (range === null || bytes === undefined) {
    throw new GraphError(400, 'ErrorInvalidParameter', 'The Content-Range header is missing or malformed.');
  }
  const [first, last, total] = range.slice(1).map(Number) as [number, number, number];
  if (bytes.length > MAX_RANGE_BYTES) throw new GraphError(413, 'BadRequest', 'Maximum request length exceeded.');
  if (first !== upload.received || last >= total || total !== upload.input.size || last - first + 1 !== bytes.length) {
    throw new GraphError(416, 'InvalidRange', `The range is not the expected one: ${upload.received}-.`);
  }
  upload.parts.push(bytes);
  upload.received += bytes.length;
}

function finish(world: World, upload: Upload, origin: string): SimulatedResponse {
  const { found, input, parts, mailboxId } = upload;
  const mailbox = world.mailbox(mailboxId);
  const item = mailbox.item(found.item.n);
  if (item === undefined || item.deleted) throw itemNotFound();
  const bytes = Buffer.concat(parts).toString('base64');
  const attachment = addAttachment({ world, mailbox }, { item, date: found.date }, { ...input, bytes });
  const eventId = mailbox.itemId(item, 'default', found.date);
  const id = encodeAttachmentId(eventId, attachment.k);
  const location = `${origin}/api/gv1.0/users('${mailboxId}')/events('${encodeURIComponent(eventId)}')/Attachments('${encodeURIComponent(id)}')`;
  return { status: 201, headers: { location } };
}
