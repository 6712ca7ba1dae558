import { eventRetryMs } from '../core/event-retry.ts';
import type { StoredAttachment } from '../store/attachment.repository.ts';

/**
 * Graph broke down over this one file, in a mailbox it has just served: it is left alone for a while, longer each time, and
 * everything else goes on.
 */
export function postponed(attachment: StoredAttachment, now: Date): StoredAttachment {
  const failures = (attachment.failures ?? 0) + 1;
  const retryAtMs = Math.max(now.getTime() + eventRetryMs(failures), attachment.retryAt?.getTime() ?? 0);
  return { ...attachment, failures, retryAt: new Date(retryAtMs) };
}

/**
 * The event was not as we knew it, or not there: the next run sees what it is like, and tries again at once. A file that Graph
 * answers like that time and again is left alone as well.
 */
export function putOff(attachment: StoredAttachment, now: Date): StoredAttachment {
  const failures = (attachment.failures ?? 0) + 1;
  const retryAt = failures > 1 ? new Date(now.getTime() + eventRetryMs(failures - 1)) : undefined;
  return { ...attachment, failures, retryAt };
}

export function isDue({ retryAt }: StoredAttachment, now: Date): boolean {
  return retryAt === undefined || retryAt <= now;
}
