/** The raw material of the sample mailbox: one person's working life. Dates are offsets in days from today. */
export const PEOPLE = [
  { name: 'Grace Okafor', address: 'grace@example.com' },
  { name: 'Jonas Weiß', address: 'jonas@example.com' },
  { name: 'Mei-Ling Zhao 赵美玲', address: 'meiling@example.net' },
  { name: 'Σοφία Παππά', address: 'sofia@example.org' },
  { name: 'Tomás Núñez', address: 'tomas@example.net' },
] as const;

export const OFFICE = 'W. Europe Standard Time';

export const TOPICS = [
  'Budget review',
  'Design critique',
  'Customer call: Kiln & Co.',
  'Interview – backend engineer',
  'Quarterly numbers',
  'Supplier visit 🏭',
  'Release retrospective',
  'Security questionnaire',
  'Lunch with Tomás 🍜',
  'Contract – Σύμβαση',
  'Roadmap draft',
  'Onboarding: first week',
  'Dentist',
  'Car inspection',
  '計画会議 (planning)',
  'Focus time',
] as const;

export const PLACES = [
  'Room 1',
  'Room 2 (Atrium)',
  'Café Böll',
  'Kiln & Co., 4 Harbour Street',
  'https://meet.example.com/kiln',
  '',
] as const;

const row = (week: number) =>
  `<tr><td style="border:1px solid #999">Week ${week}</td><td>${week * 3} open</td><td>${week} closed &amp; verified</td></tr>`;

/** A body as people paste them: styled, nested, long, with a quoted thread below. */
export const LONG_HTML = [
  '<html><head><style>p.MsoNormal {margin:0cm; font-size:11.0pt}</style></head><body lang="EN-GB" style="word-wrap:break-word">',
  '<div class="WordSection1"><p class="MsoNormal">Hello everyone,</p><p class="MsoNormal">&nbsp;</p>',
  '<p class="MsoNormal">please read the <b>numbers</b> below before we meet. Tea ☕ is on me.</p>',
  `<table>${Array.from({ length: 40 }, (_, week) => row(week + 1)).join('')}</table>`,
  '<ul><li>What slipped, and why?</li><li>What do we stop doing?</li><li>Who needs help?</li></ul>',
  '<hr><blockquote>From: Grace Okafor<br>Subject: RE: RE: numbers<br><br>Could we have them by week, please?</blockquote>',
  '</div></body></html>',
].join('\n');

export const SHORT_HTML = '<p>Agenda:</p><ol><li>Numbers</li><li>Next steps</li></ol>';
export const SHORT_TEXT = 'Bring the printed plan.\nParking is behind the house.\n\nAda';
