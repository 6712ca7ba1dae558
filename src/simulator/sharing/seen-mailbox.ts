import { itemNotFound } from '../http/graph-error.ts';
import { encodeId, type IdForm, type ObjectId, readId } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Seen, StoredItem } from '../mailbox/model.ts';
import { type Blinds, behind, isPrivate, isSecretDate } from './masking.ts';

interface Look {
  seen: Seen;
  /** The mailbox whose list has the entry. */
  holder: Mailbox;
  blinds: Blinds;
  /** What is found is going to be changed, so it must be the stored object itself, whole. */
  isWrite: boolean;
  /** A list with a private item in it is refused as a whole. */
  refusesPrivateLists: boolean;
}

/**
 * A mailbox as somebody else sees it. Everything is the owner's own, so changes land there, except the ids, which
 * are of the sharee's id space when the way leads through an entry of their calendar list, and whatever the
 * blinds take away.
 */
export function seenMailbox(owner: Mailbox, look: Look): Mailbox {
  const { seen, blinds } = look;
  const ids = seen.entry === undefined ? undefined : idsThrough(look.holder, seen.entry);
  const shown = (item: StoredItem) => {
    const each = behind(blinds, item);
    return each !== undefined && look.isWrite ? item : each;
  };
  function* shownOf(items: Iterable<StoredItem>): Generator<StoredItem> {
    for (const item of items) {
      if (look.refusesPrivateLists && isPrivate(item.content)) throw itemNotFound();
      const each = shown(item);
      if (each !== undefined) yield each;
    }
  }
  const replaced: Partial<Mailbox> = {
    seen,
    // A hidden item is as good as deleted: not found by its id, a tombstone in delta.
    item(n) {
      const item = owner.item(n);
      return item === undefined ? undefined : (shown(item) ?? { ...item, deleted: true });
    },
    itemsIn: (folder) => shownOf(owner.itemsIn(folder)),
    itemsNear: (folder, startMs, endMs) => shownOf(owner.itemsNear(folder, startMs, endMs)),
    numbersIn(folder) {
      const shownNumbers = new Set([...this.itemsIn!(folder)].map(({ n }) => n));
      return owner.numbersIn(folder).filter((n) => shownNumbers.has(n));
    },
    idSpace: `${look.holder.state.id} ${seen.entry?.folder} ${JSON.stringify(blinds)}`,
    ...ids,
    decodeId(text) {
      const id = (ids ?? owner).decodeId(text);
      if (isSecretDate(blinds, owner.item(id.n), id.date)) throw itemNotFound();
      return id;
    },
  };
  return new Proxy(owner, {
    get(target, name) {
      if (Object.hasOwn(replaced, name)) return replaced[name as keyof Mailbox];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function idsThrough(
  holder: Mailbox,
  entry: NonNullable<Seen['entry']>,
): Pick<Mailbox, 'calendarId' | 'itemId' | 'decodeId'> {
  const { link, folder } = entry;
  return {
    calendarId: () => holder.calendarId(folder),
    itemId(item: { n: number; generation?: number | undefined }, form: IdForm, date = '') {
      const kind = date === '' ? 'item' : 'occurrence';
      const { n, generation } = item;
      return encodeId(holder.state.id, { kind, form, folder, n, date, generation, isLinked: true });
    },
    decodeId(text): ObjectId {
      const id = readId(holder.state.id, text);
      if (id.isLinked !== true || id.folder !== folder) throw itemNotFound();
      return { ...id, folder: link!.folder };
    },
  };
}
