import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuTimer } from '../../test/support/cpu-time.ts';
import { arbitraryBody } from '../../test/support/events.ts';
import { converted, storedBody, wrapped } from '../../test/support/graph-spelling.ts';
import { bodyText, canonicalBody } from './canonical-body.ts';
import type { ItemBody } from './event.ts';

const html = (content: string): ItemBody => ({ contentType: 'html', content });
const text = (content: string): ItemBody => ({ contentType: 'text', content });

function rewritten(body: ItemBody | null): ItemBody {
  return storedBody(body) ?? html('');
}

describe('within one side', () => {
  it.each([
    ['a wrapped fragment', html('<p>Hello</p>'), html(wrapped('<p>Hello</p>'))],
    ['a charset put into the head', html('<html><head></head><body>Hello</body></html>'), html(wrapped('Hello'))],
    [
      'a head without a body element',
      html('<p>Hello</p>'),
      html('<html><head><meta charset="x"></head><p>Hello</p></html>'),
    ],
    [
      'attributes on the body element',
      html('Hello'),
      html('<html><body lang="EN-GB" link="#467886">\r\nHello\r\n</body></html>'),
    ],
    ['line ends', html('<p>one</p>\n<p>two</p>'), html('<p>one</p>\r\n<p>two</p>\r\n')],
    ['text turned into HTML', text('one\ntwo & <three>'), html(converted('one\ntwo & <three>'))],
    ['a text with a line end after it', text('Hello'), text('Hello\r\n')],
    ['no body and an empty text', null, text('')],
    ['no body and an empty document', null, html(wrapped(''))],
    ['no body and an empty converted text', null, html(converted(''))],
  ])('does not take %s for a change', (_what, before, after) => {
    expect(canonicalBody(after)).toBe(canonicalBody(before));
  });

  it.each([
    ['a word', html('<p>Hello</p>'), html('<p>Goodbye</p>')],
    ['bold', html('<p>Hello</p>'), html('<p><b>Hello</b></p>')],
    ['a link', html('<a href="https://example.com/a">a</a>'), html('<a href="https://example.com/b">a</a>')],
    ['an emptied body', html('<p>Hello</p>'), null],
    ['a line of text', text('one\ntwo'), text('one two')],
  ])('takes %s for a change', (_what, before, after) => {
    expect(canonicalBody(after)).not.toBe(canonicalBody(before));
  });
});

describe('across sides', () => {
  it('reads the same whatever Exchange makes of a body', () => {
    fc.assert(
      fc.property(arbitraryBody(), (body) => {
        expect(bodyText(rewritten(body))).toBe(bodyText(body));
        expect(bodyText(rewritten(rewritten(body)))).toBe(bodyText(body));
      }),
    );
  });

  it.each([
    ['paragraphs and lines', html('<p>one</p><p>two</p>'), text('one\n\ntwo')],
    ['a heading, in its own letters', html('<h1>Agenda</h1><p>Grüße</p>'), text('Agenda\nGrüße')],
    ['hard spaces and entities', html('a&nbsp;b &#8217;&amp;'), text('a b ’&')],
    [
      'a link that says where it leads',
      html('<a href="https://example.com/a">https://example.com/a</a>'),
      text('https://example.com/a'),
    ],
  ])('reads %s', (_what, one, other) => {
    expect(bodyText(one)).toBe(bodyText(other));
  });

  it('leaves out the join block that Teams adds to an online meeting', () => {
    const block =
      '<div class="me-email-text" lang="en-US"><hr><div><a href="https://teams.example.com/x">Join</a></div></div>';
    const stored = `<html><head></head><body><div>Agenda</div>\r\n${block}\r\n</body></html>`;
    expect(bodyText({ contentType: 'html', content: stored })).toBe('Agenda');
    expect(bodyText({ contentType: 'html', content: block })).toBe('');
  });

  it('keeps the cells of a row apart', () => {
    expect(bodyText(html('<table><tr><td>ab</td><td>c</td></tr></table>'))).not.toBe(
      bodyText(html('<table><tr><td>a</td><td>bc</td></tr></table>')),
    );
  });
});

describe('hostile bodies', () => {
  it.each([
    ['deep nesting', `${'<div>'.repeat(50_000)}x${'</div>'.repeat(50_000)}`],
    ['tags that never end', '<body '.repeat(100_000)],
    ['brackets', '<'.repeat(500_000)],
    ['plain-text marks', `<!-- converted from text -->${'<div class="PlainText">'.repeat(30_000)}`],
    ['white space', ' \n'.repeat(300_000)],
    ['heads', '</head'.repeat(100_000)],
    ['elements that mostly close each other, in an order in which they nest', '<p><td>'.repeat(70_000)],
    ['lists whose items are never closed', '<li><p>'.repeat(70_000)],
    ['end tags without a beginning', `${'<b>'.repeat(490)}${'</x>'.repeat(200_000)}`],
  ])('takes little time for %s', (_what, content) => {
    const spentMs = cpuTimer();
    canonicalBody(html(content));
    bodyText(html(content));
    // Anything quadratic takes minutes here; a busy machine does not.
    expect(spentMs()).toBeLessThan(5_000);
  });

  it('still tells deep documents apart', () => {
    const deep = (word: string) => html(`${'<div>'.repeat(5_000)}${word}${'</div>'.repeat(5_000)}`);
    expect(bodyText(deep('one'))).toBe('one');
    expect(bodyText(deep('two'))).toBe('two');
  });
});
