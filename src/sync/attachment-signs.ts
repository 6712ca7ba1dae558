import type { EventId } from '../core/ids.ts';
import type { EventPlan } from '../core/sync-plan.ts';
import type { RemoteEvent, RemoteSeries } from '../graph/calendar-graph.ts';
import type { AttachmentSign } from '../store/attachment-mark.repository.ts';
import type { StoredEvent } from '../store/event.repository.ts';

/** A picture in a body hangs on the event as well, and Graph may not count it (graph contract 1.3). */
const INLINE = /\bcid:/i;

/**
 * What a pull saw of events that have attachments, or had some here: whether they are to be read is decided by their tags.
 * Most events have none and leave no sign.
 */
export function attachmentSignsIn(
  planned: readonly {
    readonly eventId: EventId;
    readonly plan: { readonly base: Pick<EventPlan['base'], 'kind'> };
    readonly stored: StoredEvent | undefined;
    readonly remote: RemoteEvent | RemoteSeries | undefined;
  }[],
): AttachmentSign[] {
  return planned.flatMap(({ eventId, remote, plan, stored }): AttachmentSign[] => {
    if (!remote || plan.base.kind !== 'save' || remote.etag === '') return [];
    const { facts, content } = remote;
    const hasAttachments = facts.hasAttachments === true || INLINE.test(content.body?.content ?? '');
    const own: AttachmentSign[] =
      hasAttachments || stored?.hasAttachments
        ? [{ graphEventId: remote.id, eventId, etag: remote.etag, hasAttachments }]
        : [];
    if (!('occurrenceIds' in remote)) return own;
    const dates = Object.entries(remote.occurrenceIds).flatMap(([originalDate, date]): AttachmentSign[] =>
      date.hasAttachments || stored?.hasAttachments
        ? [
            {
              graphEventId: date.id,
              eventId,
              originalDate,
              etag: date.etag,
              hasAttachments: date.hasAttachments === true,
            },
          ]
        : [],
    );
    return [...own, ...dates];
  });
}
