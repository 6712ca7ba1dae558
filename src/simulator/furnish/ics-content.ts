import ICAL from 'ical.js';
import { type IcsFile, IcsRefusal, type IcsTime } from './ics-parts.ts';

type Input = Record<string, unknown>;

export interface IcsPerson {
  name: string;
  address: string;
}

const DAY_MS = 86_400_000;
const SENSITIVITY: Record<string, string> = { PRIVATE: 'private', CONFIDENTIAL: 'confidential' };
const BUSY: Record<string, string> = {
  FREE: 'free',
  TENTATIVE: 'tentative',
  BUSY: 'busy',
  OOF: 'oof',
  WORKINGELSEWHERE: 'workingElsewhere',
};
const RESPONSES: Record<string, string> = {
  ACCEPTED: 'accepted',
  TENTATIVE: 'tentativelyAccepted',
  DECLINED: 'declined',
};

export interface IcsSpan {
  start: IcsTime;
  end: IcsTime;
}

/** @throws {IcsRefusal} for an event without a start, or that ends before it */
export function spanOf(file: IcsFile, event: ICAL.Component): IcsSpan {
  const dtstart = event.getFirstProperty('dtstart');
  if (dtstart === null) throw new IcsRefusal('there is no DTSTART');
  const start = file.time(dtstart);
  const dtend = event.getFirstProperty('dtend');
  const duration = event.getFirstPropertyValue('duration');
  const byDefault = start.isDate ? DAY_MS : 0;
  const lengthMs = duration instanceof ICAL.Duration ? duration.toSeconds() * 1000 : byDefault;
  let end = dtend === null ? { ...start, local: start.local + lengthMs } : file.time(dtend);
  if (end.isDate !== start.isDate) throw new IcsRefusal('DTSTART and DTEND are of different kinds');
  // A day that ends on itself is what careless writers mean by one day.
  if (start.isDate && end.local <= start.local) end = { ...end, local: start.local + DAY_MS };
  return { start, end };
}

/** What Graph is told of a VEVENT, its times and its series apart. */
export function contentOf(event: ICAL.Component): Input {
  const text = (name: string) => {
    const value = event.getFirstPropertyValue(name);
    return typeof value === 'string' ? value : undefined;
  };
  const html = event.getFirstProperty('x-alt-desc');
  const isHtml = html !== null && /^text\/html$/i.test(html.getFirstParameter('fmttype') ?? '');
  const body = isHtml ? String(html.getFirstValue()) : text('description');
  const location = text('location');
  const categories = event.getAllProperties('categories').flatMap((each) => each.getValues().map(String));
  return {
    subject: text('summary') ?? '',
    ...(body === undefined ? {} : { body: { contentType: isHtml ? 'html' : 'text', content: body } }),
    ...(location === undefined || location === '' ? {} : { location: { displayName: location } }),
    ...(categories.length === 0 ? {} : { categories: categories.filter((each) => each !== '') }),
    sensitivity: SENSITIVITY[text('class')?.toUpperCase() ?? ''] ?? 'normal',
    showAs: showAs(text),
    ...reminderOf(event),
    ...attendeesOf(event),
  };
}

function showAs(text: (name: string) => string | undefined): string {
  const named = BUSY[text('x-microsoft-cdo-busystatus')?.toUpperCase() ?? ''];
  if (named !== undefined) return named;
  if (text('transp')?.toUpperCase() === 'TRANSPARENT') return 'free';
  return text('status')?.toUpperCase() === 'TENTATIVE' ? 'tentative' : 'busy';
}

/** The first alarm that counts from the start; Outlook has one only. */
function reminderOf(event: ICAL.Component): Input {
  for (const alarm of event.getAllSubcomponents('valarm')) {
    const trigger = alarm.getFirstProperty('trigger');
    const value = trigger?.getFirstValue();
    if (!(value instanceof ICAL.Duration) || /^end$/i.test(trigger?.getFirstParameter('related') ?? '')) continue;
    return { isReminderOn: true, reminderMinutesBeforeStart: Math.max(0, Math.round(-value.toSeconds() / 60)) };
  }
  return { isReminderOn: false };
}

function attendeesOf(event: ICAL.Component): Input {
  const attendees = event.getAllProperties('attendee').flatMap((property) => {
    const emailAddress = personOf(property);
    return emailAddress === undefined ? [] : [{ type: typeOf(property), emailAddress }];
  });
  return attendees.length === 0 ? {} : { attendees };
}

function typeOf(property: ICAL.Property): string {
  if (/^(room|resource)$/i.test(property.getFirstParameter('cutype') ?? '')) return 'resource';
  return /^opt-participant$/i.test(property.getFirstParameter('role') ?? '') ? 'optional' : 'required';
}

/** Who an ORGANIZER or ATTENDEE is; undefined without a mail address. */
export function personOf(property: ICAL.Property | null): IcsPerson | undefined {
  const address = /^mailto:(.+@.+)$/i.exec(String(property?.getFirstValue() ?? '').trim())?.[1];
  if (address === undefined) return undefined;
  return { name: property?.getFirstParameter('cn') ?? address, address };
}

/** What one of the attendees answered. */
export function responseOf(event: ICAL.Component, address: string): string {
  const own = event
    .getAllProperties('attendee')
    .find((each) => personOf(each)?.address.toLowerCase() === address.toLowerCase());
  return RESPONSES[own?.getFirstParameter('partstat')?.toUpperCase() ?? ''] ?? 'notResponded';
}
