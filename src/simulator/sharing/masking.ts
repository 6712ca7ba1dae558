import { noLocation } from '../mailbox/locations.ts';
import type { Content, StoredException, StoredItem } from '../mailbox/model.ts';
import type { Sight } from './roles.ts';

/** What a free/busy reader finds in place of a title. */
const STATUS_WORDS: Record<string, string> = {
  free: 'Free',
  tentative: 'Tentative',
  busy: 'Busy',
  oof: 'Away',
  workingElsewhere: 'Working elsewhere',
};

export const isPrivate = ({ sensitivity }: Pick<Content, 'sensitivity'>): boolean => sensitivity === 'private';

/** How a calendar shows itself to somebody who may not see everything. */
export interface Blinds {
  sight: Exclude<Sight, 'nothing'>;
  privateItems: 'shown' | 'hidden' | 'blanked';
}

/** Whether one date of a series is private, and not to be found. */
export function isSecretDate({ privateItems }: Blinds, item: StoredItem | undefined, date: string): boolean {
  const override = item?.exceptions[date]?.override;
  return privateItems !== 'shown' && override !== undefined && isPrivate({ ...item!.content, ...override });
}

/** An item as these blinds show it, a copy where they show less; undefined when they hide it altogether. */
export function behind(blinds: Blinds, item: StoredItem): StoredItem | undefined {
  const { sight, privateItems } = blinds;
  if (privateItems === 'hidden' && isPrivate(item.content)) return undefined;
  const members = Object.entries(item.exceptions);
  const memberContent = ({ override }: StoredException): Content => ({ ...item.content, ...override });
  const secret = privateItems === 'shown' ? [] : members.filter(([, member]) => isPrivate(memberContent(member)));
  const isSecret = privateItems !== 'shown' && isPrivate(item.content);
  if (sight === 'details' && !isSecret && secret.length === 0) return item;

  const gone = privateItems === 'hidden' ? secret.map(([date]) => date) : [];
  const exceptions = members
    .filter(([date]) => !gone.includes(date))
    .map(([date, member]) => [date, veiledMember(member, veil(memberContent(member), blinds), blinds)]);
  return {
    ...(sight === 'details' && !isSecret ? item : bare(item)),
    content: veil(item.content, blinds),
    exceptions: Object.fromEntries(exceptions),
    cancelled: [...item.cancelled, ...gone].sort(),
  };
}

/** Without what hangs on an event besides its content. */
function bare(item: StoredItem): StoredItem {
  const { attachments, extensions, multiExtended, ...rest } = item;
  return { ...rest, extended: [], transactionId: null };
}

function veiledMember(member: StoredException, content: Content, blinds: Blinds): StoredException {
  if (blinds.sight === 'details' && !isPrivate(content)) return member;
  const { attachments, extensions, multiExtended, extended, ...rest } = member;
  const keys = [...Object.keys(member.override), 'subject'] as (keyof Content)[];
  return { ...rest, override: Object.fromEntries(keys.map((key) => [key, content[key]])) };
}

function veil(content: Content, { sight, privateItems }: Blinds): Content {
  const isSecret = privateItems !== 'shown' && isPrivate(content);
  if (sight === 'details' && !isSecret) return content;
  const shown: Content = {
    ...content,
    bodyHtml: '',
    categories: [],
    attendees: [],
    isReminderOn: false,
    isOnlineMeeting: false,
    onlineMeetingProvider: 'unknown',
    onlineMeeting: null,
  };
  if (sight === 'titles' && !isSecret) return shown;
  const subject = isSecret ? 'Private Appointment' : (STATUS_WORDS[content.showAs] ?? 'Busy');
  return { ...shown, subject, location: noLocation(), locations: [] };
}
