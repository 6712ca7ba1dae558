import { GraphError } from '../http/graph-error.ts';
import type { View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredItem } from '../mailbox/model.ts';
import { renderAttachments } from './attachments.ts';
import { hangingOn } from './hangings.ts';
import { propertiesWith } from './named-properties.ts';
import { findExtension, renderExtension } from './open-extensions.ts';

/** What `$expand` adds to an event of what hangs on it. `expand`: lower-case names with their nested options. */
export function expandHangings(
  o: { mailbox: Mailbox; item: StoredItem; date: string; view: View },
  expand: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const { mailbox, item, date, view } = o;
  const hanging = hangingOn(item, date);
  const shown: Record<string, unknown> = {};
  const single = expand.get('singlevalueextendedproperties');
  if (single !== undefined) {
    const properties = propertiesWith(hanging.extended, idsIn(single));
    if (properties.length > 0) shown['singleValueExtendedProperties'] = properties;
  }
  const multi = expand.get('multivalueextendedproperties');
  if (multi !== undefined) {
    const properties = propertiesWith(hanging.multiExtended, idsIn(multi));
    if (properties.length > 0) shown['multiValueExtendedProperties'] = properties;
  }
  const wanted = expand.get('extensions');
  if (wanted !== undefined) {
    const ids = idsIn(wanted);
    const extensions =
      ids.length === 0 ? hanging.extensions : ids.flatMap((id) => findExtension(hanging.extensions, id) ?? []);
    if (extensions.length > 0) shown['extensions'] = extensions.map(renderExtension);
  }
  const attachments = expand.get('attachments');
  if (attachments !== undefined) {
    const nested = /\$select=([\w,\s./]+)/i.exec(attachments)?.[1];
    const select =
      nested === undefined
        ? undefined
        : new Set(
            nested.split(',').map((name) =>
              name
                .trim()
                .toLowerCase()
                .replace(/^microsoft\.graph\.\w+\//, ''),
            ),
          );
    shown['attachments'] = renderAttachments(mailbox, { item, date }, view, select);
  }
  return shown;
}

/** The ids of `$filter=id eq '…' or id eq '…'`. @throws {GraphError} 400 for any other filter */
function idsIn(options: string): string[] {
  const filter = /\$filter=([^;]*)/i.exec(options)?.[1];
  if (filter === undefined) return [];
  const equals = /id\s+eq\s+'((?:[^']|'')*)'/gi;
  const rest = filter.replaceAll(equals, '').replaceAll(/\bor\b|[\s()]/gi, '');
  if (rest !== '') {
    throw new GraphError(
      400,
      'ErrorInvalidUrlQueryFilter',
      'The query filter of $expand can only compare ids with eq.',
    );
  }
  return [...filter.matchAll(equals)].map(([, id]) => id!.replaceAll("''", "'"));
}
