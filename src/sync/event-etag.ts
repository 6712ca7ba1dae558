import { SyncError } from '../core/errors.ts';

/**
 * An event's entity tag: its revision, which moves with every change of its content and with nothing else. A strong tag,
 * because `If-Match` compares strongly (RFC 9110, 13.1.1) and would never hold for a weak one.
 */
export function etagOf(revision: bigint): string {
  return `"${revision}"`;
}

/**
 * Holds a write back when the caller has seen another version than the one that stands. `*` means any version; several
 * tags mean any of them. A tag that lost its quotes or was marked weak on the way still names its revision.
 *
 * @throws {SyncError} `version-mismatch`
 */
export function assertMatches(ifMatch: string | undefined, event: { id: string; revision: bigint }): void {
  if (ifMatch === undefined) return;
  const tags = ifMatch.split(',').map((tag) => tag.trim().replace(/^W\//i, '').replaceAll('"', ''));
  if (tags.includes('*') || tags.includes(event.revision.toString())) return;
  throw new SyncError(
    'version-mismatch',
    `event ${event.id} has changed since it was read: its etag is ${etagOf(event.revision)} now; read it again and repeat the change`,
    { details: { etag: etagOf(event.revision) } },
  );
}
