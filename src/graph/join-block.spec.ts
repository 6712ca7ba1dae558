import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJoinBlock, withJoinBlock } from './join-block.ts';

const URL = 'https://teams.example.com/l/meetup-join/19%3ameeting_ab%40thread.v2/0?context=%7b%7d&anon=true';
const TEAMS =
  '<div class="me-email-text" lang="en-US"><div><span class="me-email-text">Microsoft Teams</span></div>' +
  `<div><a class="me-email-headline" href="${URL.replaceAll('&', '&amp;')}">Join the meeting now</a></div>` +
  '<div><br>Meeting ID: 123</div></div>';
const html = (content: string) => ({ contentType: 'html', content }) as const;
const text = (content: string) => ({ contentType: 'text', content }) as const;
const page = (inner: string) =>
  `<html>\r\n<head>\r\n<meta charset="utf-8">\r\n</head>\r\n<body>\r\n${inner}\r\n</body>\r\n</html>\r\n`;

describe('the join block', () => {
  it('is Teams’ own element, whatever is in it and around it', () => {
    expect(findJoinBlock(page(`<div>Agenda</div><hr>${TEAMS}<p>Kind regards</p>`), URL)).toBe(TEAMS);
  });

  it('is found although its link is hidden behind a mail filter', () => {
    const safe = TEAMS.replace(
      /href="[^"]*"/,
      `href="https://safelinks.example.com/?url=${encodeURIComponent(URL)}&amp;data=1"`,
    );
    expect(findJoinBlock(page(`<p>Agenda</p>${safe}`), URL)).toBe(safe);
    const unmarked = `<div><a href="https://safelinks.example.com/?url=${encodeURIComponent(URL)}">Join</a></div>`;
    expect(findJoinBlock(page(`<p>Agenda</p>${unmarked}`), URL)).toBe(unmarked);
  });

  it('without Teams’ mark is the innermost block around the link', () => {
    const old = `<div style="margin:0"><a href="${URL}">Join Microsoft Teams Meeting</a></div>`;
    expect(findJoinBlock(page(`<div>Agenda<div>Details</div>${old}</div>`), URL)).toBe(old);
  });

  it('is the bare link where the block around it is somebody’s whole text', () => {
    const link = `<a href="${URL}">Join</a>`;
    expect(findJoinBlock(page(`<div class="WordSection1">Agenda ${link} and more</div>`), URL)).toBe(link);
  });

  it('cannot be told from a text that merely contains the address', () => {
    expect(findJoinBlock(page(`<div class="PlainText">Agenda<br>${URL}<br>Bring samples</div>`), URL)).toBeUndefined();
    expect(findJoinBlock(URL, URL)).toBeUndefined();
  });

  it('survives markup that is not closed', () => {
    expect(findJoinBlock(`<body><p>Agenda<br><b>bold<p>more</b>${TEAMS}`, URL)).toBe(TEAMS);
  });

  it('is found in time linear in the length of the body', () => {
    const hostile = [
      '<a>'.repeat(200_000) + '</b>'.repeat(200_000) + TEAMS,
      `<b>${'<a>'.repeat(200_000)}${'</b>'.repeat(200_000)}${TEAMS}`,
      `${'<div class="'.repeat(100_000)}${TEAMS}`,
      `${'</body '.repeat(100_000)}${TEAMS}`,
    ];
    for (const body of hostile) expect(withJoinBlock(text('x'), html(body), URL)).toBeDefined();
  }, 10_000);
});

describe('a new body of an online meeting', () => {
  const current = html(page(`<p>Agenda</p>${TEAMS}`));

  it('keeps the block behind what was written as text', () => {
    expect(withJoinBlock(text('1 < 2\nand  more'), current, URL)).toEqual(
      html(`<div>1 &lt; 2<br>\r\nand &nbsp;more</div>\r\n${TEAMS}\r\n`),
    );
  });

  it('keeps the block inside the document that was written', () => {
    expect(withJoinBlock(html('<html><body><p>New</p></body></html>'), current, URL)).toEqual(
      html(`<html><body><p>New</p>\r\n${TEAMS}\r\n</body></html>`),
    );
  });

  it('keeps the block when everything else is cleared', () => {
    expect(withJoinBlock(null, current, URL)?.content).toContain(TEAMS);
  });

  it('is sent as it is when it still has its block', () => {
    const edited = html(page(`<p>Agenda, edited</p>${TEAMS}`));
    expect(withJoinBlock(edited, current, URL)).toBe(edited);
  });

  it.each([null, html(page('<p>Agenda</p>'))])('is sent as it is when there is no block to lose', (without) => {
    expect(withJoinBlock(text('New'), without, URL)).toEqual(text('New'));
    expect(withJoinBlock(null, without, URL)).toEqual(text(''));
  });

  it('is not sent when the block cannot be told from the rest', () => {
    expect(withJoinBlock(text('New'), html(page(`<div class="PlainText">${URL}</div>`)), URL)).toBeUndefined();
  });

  it('holds the whole block and the whole text, whatever both are', () => {
    const words = fc.string({ unit: 'grapheme', maxLength: 60 });
    const before = fc.constantFrom('', '<p>Agenda</p>', '<table><tr><td>x</td></tr></table>', '<b>', '</div>', '<br>');
    fc.assert(
      fc.property(words, before, before, (wanted, head, tail) => {
        const body = withJoinBlock(html(`<p>${wanted}</p>`), html(page(head + TEAMS + tail)), URL);
        expect(body?.content).toContain(TEAMS);
        expect(body?.content).toContain(wanted);
      }),
    );
  });
});
