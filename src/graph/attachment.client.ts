import type { AttachmentKind, ListedAttachment } from '../core/attachment.ts';
import { isSyncError, SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { GraphSession } from './calendar-graph.ts';
import type { GraphClient } from './graph.client.ts';
import { itemsOf } from './graph-access.ts';
import { type BatchItem, sendBatch } from './graph-batch.ts';
import { isBreakdown, isGone } from './graph-errors.ts';
import { eventPath, query, segment } from './graph-paths.ts';
import { members, optionalText, text, type WireEvent } from './wire-values.ts';

/** Content is asked for file by file: a list with all of it could be of any size. */
const LISTED = query({
  $select: 'id,name,contentType,size,isInline,lastModifiedDateTime,microsoft.graph.fileAttachment/contentId',
});
/** An event with more attachments than this many pages hold is turning in a circle. */
const MAX_PAGES = 50;
const MAX_FILES = 50_000;

export interface NewAttachment {
  readonly name: string;
  readonly contentType: string;
  readonly contentId?: string | undefined;
  readonly isInline: boolean;
  readonly content: Uint8Array;
}

/** Attachments of events at Microsoft Graph v1.0 (graph contract 1.8). */
export class AttachmentClient {
  readonly #client: GraphClient;
  readonly #batchSize: number;

  constructor(parts: { client: GraphClient; batchSize: number }) {
    this.#client = parts.client;
    this.#batchSize = parts.batchSize;
  }

  /**
   * What hangs on each of these events, read in batches.
   *
   * @returns for an event that is not there any more, or whose attachments Graph does not list, the error
   */
  async list(
    session: GraphSession,
    events: readonly GraphEventId[],
  ): Promise<Map<GraphEventId, readonly ListedAttachment[] | SyncError>> {
    const items = [...new Set(events)].map(
      (id): BatchItem => ({ key: id, method: 'GET', path: `${attachmentsPath(session, id)}${LISTED}` }),
    );
    const found = new Map<GraphEventId, readonly ListedAttachment[] | SyncError>();
    for (const outcome of await sendBatch(this.#client, session, items, this.#batchSize)) {
      const id = outcome.key as GraphEventId;
      if (outcome.ok) found.set(id, await this.#allPages(session, outcome.body));
      else if (outcome.error.recovery === 'give-up' || isBreakdown(outcome.error)) found.set(id, outcome.error);
      else throw outcome.error;
    }
    return found;
  }

  /** @returns the file's bytes, or that it is gone */
  async download(session: GraphSession, event: GraphEventId, attachment: string): Promise<Uint8Array | 'gone'> {
    try {
      const path = `${attachmentsPath(session, event)}/${segment(attachment)}`;
      const { body } = await this.#client.send(session, { method: 'GET', path });
      const { contentBytes } = members(body);
      if (typeof contentBytes === 'string') return Buffer.from(contentBytes, 'base64');
      throw new SyncError('rejected', 'Graph answered an attachment without its content');
    } catch (error) {
      if (isSyncError(error) && isGone(error)) return 'gone';
      throw error;
    }
  }

  /**
   * Not repeated when the answer is lost, because Graph has nothing to know a second one by: whoever asked looks at the list.
   *
   * @returns Graph's id of it
   */
  async add(session: GraphSession, event: GraphEventId, attachment: NewAttachment): Promise<string> {
    const { name, contentType, contentId, isInline, content } = attachment;
    const { body } = await this.#client.send(session, {
      method: 'POST',
      path: attachmentsPath(session, event),
      isOnce: true,
      body: {
        '@odata.type': '#microsoft.graph.fileAttachment',
        name,
        contentType,
        isInline,
        ...(contentId === undefined ? {} : { contentId }),
        contentBytes: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64'),
      },
    });
    const id = text(members(body)['id']);
    if (id === '') throw new SyncError('unavailable', 'Graph answered a new attachment without its id');
    return id;
  }

  /** Deleting what is gone already is a success. */
  async remove(session: GraphSession, event: GraphEventId, attachment: string): Promise<void> {
    try {
      const path = `${attachmentsPath(session, event)}/${segment(attachment)}`;
      await this.#client.send(session, { method: 'DELETE', path });
    } catch (error) {
      if (!isSyncError(error) || !isGone(error)) throw error;
    }
  }

  async #allPages(session: GraphSession, first: unknown): Promise<ListedAttachment[]> {
    const found: ListedAttachment[] = [];
    let page = members(first);
    for (let pages = 1; ; pages += 1) {
      for (const wire of itemsOf(page)) if (text(wire['id']) !== '') found.push(fromWire(wire));
      if (found.length > MAX_FILES) throw new SyncError('rejected', `Graph lists more than ${MAX_FILES} attachments`);
      const next = page['@odata.nextLink'];
      if (typeof next !== 'string') return found;
      if (pages >= MAX_PAGES)
        throw new SyncError('unavailable', `Graph lists attachments on more than ${MAX_PAGES} pages`);
      page = members((await this.#client.send(session, { method: 'GET', path: next })).body);
    }
  }
}

function attachmentsPath(session: GraphSession, event: GraphEventId): string {
  return `${eventPath(session, event)}/attachments`;
}

function fromWire(wire: WireEvent): ListedAttachment {
  const size = Number(wire['size']);
  const modifiedMs = Date.parse(text(wire['lastModifiedDateTime']));
  return {
    id: text(wire['id']),
    kind: kindOf(text(wire['@odata.type'])),
    name: text(wire['name']),
    contentType: text(wire['contentType']) || 'application/octet-stream',
    contentId: optionalText(wire['contentId']),
    size: Number.isSafeInteger(size) && size > 0 ? Math.min(size, LARGEST_SIZE) : 0,
    isInline: wire['isInline'] === true,
    lastModifiedAt: Number.isNaN(modifiedMs) ? undefined : new Date(modifiedMs),
  };
}

/** What an `integer` column holds; Outlook's files are a tenth of it. */
const LARGEST_SIZE = 2 ** 31 - 1;

/** What does not say that it is a file is none whose bytes could be asked for. */
function kindOf(type: string): AttachmentKind {
  if (/fileAttachment$/i.test(type)) return 'file';
  return /referenceAttachment$/i.test(type) ? 'reference' : 'item';
}
