import { compile } from 'html-to-text';
import type { ItemBody } from './event.ts';

/**
 * A body without what Exchange adds to it. Exchange stores its own document whatever it is given: it wraps fragments, adds
 * a charset, turns text into HTML and line ends into CRLF; none of that is a person's change.
 *
 * Bodies come from strangers' mail, so everything here takes time linear in their length: no pattern may backtrack over
 * the whole document.
 */
export function canonicalBody(body: ItemBody | null): string {
  if (!body) return '';
  const content = withUnixLines(body.content);
  const text = body.contentType === 'text' ? content.trim() : convertedText(content);
  if (text !== undefined) return text === '' ? '' : `text:${text}`;
  const inner = withoutWrapper(content);
  return inner === '' ? '' : `html:${inner}`;
}

/** What a reader sees, for comparing the two sides' spellings of one body. */
export function bodyText(body: ItemBody | null): string {
  if (!body) return '';
  const text = body.contentType === 'text' ? body.content : renderText(body.content);
  return withUnixLines(text)
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n+/g, '\n')
    .trim();
}

/** The longest body whose text is worth rendering for a comparison; longer ones are compared by their words. */
const MAX_RENDERED_CHARACTERS = 2_000_000;

const render = compile({
  wordwrap: false,
  selectors: [
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
    { selector: 'img', format: 'skip' },
    // Teams adds its join block to what a person wrote, and keeps adding it.
    { selector: '.me-email-text', format: 'skip' },
    // Otherwise headings would be in capitals, and the cells of a row one word.
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    ...['td', 'th'].map((selector) => ({ selector, format: 'block' })),
  ],
});

function renderText(html: string): string {
  const isTooMuch = html.length > MAX_RENDERED_CHARACTERS || isDeeperThan(MAX_RENDERED_DEPTH, html);
  return isTooMuch ? withoutTags(withoutWrapper(html)) : render(html);
}

/** The renderer is recursive, and the time it takes grows with the square of the depth; mail nests a few dozen deep. */
const MAX_RENDERED_DEPTH = 500;
const VOID_ELEMENTS = new Set(['br', 'img', 'hr', 'meta', 'link', 'input', 'col', 'wbr', 'area', 'base']);
/** Which elements a start tag ends when one of them is the innermost: their end tags may be left out. */
const ENDED_BY: Readonly<Record<string, readonly string[]>> = {
  p: ['p'],
  li: ['li'],
  dd: ['dd', 'dt'],
  dt: ['dd', 'dt'],
  td: ['td', 'th'],
  th: ['th'],
  tr: ['td', 'th', 'tr'],
};

function isDeeperThan(limit: number, html: string): boolean {
  const open: string[] = [];
  for (const [, slash, tag = ''] of html.matchAll(/<(\/?)([a-z][a-z\d]{0,20})/gi)) {
    const name = tag.toLowerCase();
    if (slash) {
      const at = open.lastIndexOf(name);
      if (at >= 0) open.splice(at);
    } else if (!VOID_ELEMENTS.has(name)) {
      const ended = ENDED_BY[name] ?? [];
      while (ended.includes(open.at(-1) ?? '')) open.pop();
      open.push(name);
      if (open.length > limit) return true;
    }
  }
  return false;
}

/** What is inside the body element, or the fragment itself without a head. */
function withoutWrapper(html: string): string {
  const inner = elementContent(html, /<body[\s>]/i, '</body>') ?? afterHead(html);
  return withUnixLines(inner).replace(/\n+/g, '\n').trim();
}

function afterHead(html: string): string {
  const end = html.search(/<\/head\s{0,8}>/i);
  const rest = end < 0 ? html : html.slice(html.indexOf('>', end) + 1);
  return rest.replace(/^\s*<!doctype[^<>]{0,500}>/i, '').replace(/<\/?html[^<>]{0,500}>/gi, '');
}

const TEXT_MARK = /<!--\s{0,8}converted from text\s{0,8}-->/i;
const TEXT_START = /<div\s[^<>]{0,200}?class="?PlainText\b/i;

/** @returns the text of a body that Exchange marked as converted from text, as it was given */
function convertedText(html: string): string | undefined {
  if (!TEXT_MARK.test(html)) return undefined;
  const plain = elementContent(html, TEXT_START, '</div>');
  return plain === undefined ? undefined : withoutTags(plain.replace(/<br\s{0,8}\/?>\n?/gi, '\n')).trim();
}

/** @returns what is between the tag that starts where `start` matches and the next end tag, or the end of the document */
function elementContent(html: string, start: RegExp, endTag: string): string | undefined {
  const tag = html.search(start);
  const open = tag < 0 ? -1 : html.indexOf('>', tag);
  if (open < 0) return undefined;
  const rest = html.slice(open + 1);
  const end = rest.search(new RegExp(endTag, 'i'));
  return end < 0 ? rest : rest.slice(0, end);
}

const ENTITIES: Readonly<Record<string, string>> = { nbsp: ' ', lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function withoutTags(html: string): string {
  return html
    .replace(/<[^<>]*>/g, '')
    .replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,4}));/gi, (entity, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES[name] ?? entity;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
    });
}

function withUnixLines(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}
