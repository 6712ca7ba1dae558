import { convert } from 'html-to-text';
import type { ItemBody } from './event.ts';

/**
 * A body without what Exchange adds to it. Exchange stores its own document whatever it is given: it wraps fragments, adds
 * a charset, turns text into HTML and line ends into CRLF; none of that is a person's change.
 */
export function canonicalBody(body: ItemBody | null): string {
  if (!body) return '';
  const content = body.content.replace(/\r\n?/g, '\n');
  if (body.contentType === 'text') return `text:${content.trim()}`;
  const inner = withoutWrapper(content);
  const text = convertedText(content);
  if (text !== undefined) return text === '' ? '' : `text:${text}`;
  return inner === '' ? '' : `html:${inner}`;
}

/** What a reader sees, for comparing the two sides' spellings of one body. */
export function bodyText(body: ItemBody | null): string {
  if (!body) return '';
  const text = body.contentType === 'text' ? body.content : renderText(body.content);
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ *\n */g, '\n')
    .replace(/\n{2,}/g, '\n')
    .trim();
}

/** The longest body whose text is worth rendering for a comparison; longer ones are compared by their markup. */
const MAX_RENDERED_CHARACTERS = 2_000_000;

function renderText(html: string): string {
  if (html.length > MAX_RENDERED_CHARACTERS) return withoutWrapper(html);
  return convert(html, {
    wordwrap: false,
    selectors: [
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
      { selector: 'img', format: 'skip' },
    ],
  });
}

function withoutWrapper(html: string): string {
  const body = /<body[^>]*>([\s\S]*?)(?:<\/body>|$)/i.exec(html);
  return (body?.[1] ?? html).replace(/\r\n?/g, '\n').replace(/\n+/g, '\n').trim();
}

/** @returns the text of a body that Exchange marked as converted from text, as it was given */
function convertedText(html: string): string | undefined {
  if (!/<!--\s*converted from text\s*-->/i.test(html)) return undefined;
  const plain = /<div class="PlainText">([\s\S]*?)<\/div>/i.exec(html)?.[1];
  if (plain === undefined) return undefined;
  return plain
    .replace(/<br\s*\/?>\n?/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&nbsp;/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
    .trim();
}
