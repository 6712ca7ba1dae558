import type { Traveller } from '../traveller.ts';
import { WINDOW } from '../traveller.ts';
import { anEvent, at } from './bodies.ts';

/** What hangs on an event: attachments of every kind, open extensions, extended properties. */
export async function tourResources(t: Traveller, base: string): Promise<void> {
  const { body: event } = await t.post(`${base}/events`, anEvent({ subject: 'With things on it' }));
  const path = `${base}/events/${event.id}`;
  await attachments(t, path);
  await extensions(t, path);
  await t.get(`${path}?$expand=attachments,extensions`);
  await t.get(`${base}/events?$expand=extensions($filter=id eq 'com.example.sync')&$top=2`);
}

async function attachments(t: Traveller, event: string): Promise<void> {
  const list = `${event}/attachments`;
  const file = await t.post(list, {
    '@odata.type': '#microsoft.graph.fileAttachment',
    name: 'menu.txt',
    contentType: 'text/plain',
    contentBytes: 'bWFjIGFuZCBjaGVlc2UgdG9kYXk=',
  });
  await t.post(list, {
    '@odata.type': '#microsoft.graph.itemAttachment',
    name: 'Holiday event',
    item: { '@odata.type': 'microsoft.graph.event', subject: 'Discuss gifts', start: at('09:00'), end: at('10:00') },
  });
  await t.post(list, { '@odata.type': '#microsoft.graph.fileAttachment' });
  await t.post(list, { name: 'of no type' });
  const item = { attachmentType: 'file', name: 'kiln.mov', size: 5_000_000 };
  await t.post(`${list}/createUploadSession`, { AttachmentItem: item });
  await t.get(list);
  await t.get(`${list}/${file.body.id}`);
  await t.get(`${list}/${file.body.id}/$value`);
  await t.delete(`${list}/${file.body.id}`);
  await t.get(`${list}/${file.body.id}`);
}

async function extensions(t: Traveller, event: string): Promise<void> {
  const list = `${event}/extensions`;
  const type = { '@odata.type': 'microsoft.graph.openTypeExtension' };
  await t.post(list, { ...type, extensionName: 'com.example.sync', origin: 'crm', tries: 1 });
  await t.get(list);
  await t.get(`${list}/com.example.sync`);
  await t.patch(`${list}/com.example.sync`, { ...type, origin: 'erp' });
  await t.delete(`${list}/com.example.sync`);
  await t.get(`${list}/com.example.sync`);
}

/** Categories and reminders belong to the mailbox. */
export async function tourMailbox(t: Traveller, root: string): Promise<void> {
  const list = `${root}/outlook/masterCategories`;
  await t.get(list);
  const { body } = await t.post(list, { displayName: `Travel ${root}`, color: 'preset9' });
  await t.get(`${list}/${body.id}`);
  await t.patch(`${list}/${body.id}`, { color: 'preset3' });
  await t.delete(`${list}/${body.id}`);
  const [start, end] = WINDOW.split('&').map((each) => each.split('=')[1]);
  await t.get(`${root}/reminderView(startDateTime='${start}',endDateTime='${end}')`);
}
