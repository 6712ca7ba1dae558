/**
 * What Exchange does to bodies: it stores one HTML document of its own making, whatever was written,
 * and renders text from it on request. So `read(write(body)) != body`; but writing back what was read
 * changes nothing, which is also true of the real thing.
 */
const META = '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">';
const BLOCKS = 'p|div|tr|table|ul|ol|li|h[1-6]|blockquote|pre|hr|section|article|header|footer';

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Documents of recent writes by what was sent: the same text comes often, and is then kept once for all events. */
const stored = new Map<string, string>();
const STORED_MAX = 500;
/** Longer ones are hardly ever sent twice. */
const STORED_LENGTH = 20_000;

export function storeBody({ contentType, content }: { contentType: string; content: string }): string {
  if (content.trim() === '') return '';
  const make = () => (contentType === 'text' ? textToHtml(content) : normaliseHtml(content));
  if (content.length > STORED_LENGTH) return make();
  const key = `${contentType} ${content}`;
  let document = stored.get(key);
  if (document === undefined) {
    document = make();
    if (stored.size >= STORED_MAX) stored.clear();
    stored.set(key, document);
  }
  return document;
}

function normaliseHtml(content: string): string {
  const source = content.replace(/\r\n?/g, '\n');
  const bodyOpen = /<body\b[^>]*>/i.exec(source);
  const bodyClose = source.search(/<\/body\s*>/i);
  const inner =
    bodyOpen === null
      ? source.replace(/<!doctype[^>]*>|<\/?html\b[^>]*>|<head\b[\s\S]*?<\/head\s*>/gi, '')
      : source.slice(bodyOpen.index + bodyOpen[0].length, bodyClose === -1 ? undefined : bodyClose);
  const headInner = /<head\b[^>]*>([\s\S]*?)<\/head\s*>/i.exec(source)?.[1] ?? '';
  const head = headInner.replace(/<meta\b[^>]*(?:http-equiv\s*=\s*["']?content-type|charset)[^>]*>/gi, '').trim();
  return document(head, bodyOpen?.[0] ?? '<body>', inner.trim());
}

function textToHtml(content: string): string {
  const lines = content.replace(/\r\n?/g, '\n').replace(/\n+$/, '').split('\n');
  const escaped = lines.map((line) =>
    line
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('\t', '&nbsp; &nbsp; ')
      .replace(/^ | (?= )/g, '&nbsp;'),
  );
  const head =
    '<meta name="Generator" content="Microsoft Exchange Server">\n<!-- converted from text -->\n' +
    '<style><!-- .EmailQuote { margin-left: 1pt; padding-left: 4pt; border-left: #800000 2px solid; } --></style>';
  const text = `<font size="2"><span style="font-size:11pt;"><div class="PlainText">${escaped.join('<br>\n')}</div></span></font>`;
  return document(head, '<body>', text);
}

function document(head: string, bodyTag: string, inner: string): string {
  const parts = [
    '<html>',
    '<head>',
    META,
    ...(head === '' ? [] : [head]),
    '</head>',
    bodyTag,
    inner,
    '</body>',
    '</html>',
  ];
  return `${parts.join('\n')}\n`.replaceAll('\n', '\r\n');
}

/** Renderings of recent documents: the occurrences of a series all show the same one. */
const rendered = new Map<string, string>();
const RENDERED_MAX = 500;

/** The text rendering of a stored document: block elements end lines, CRLF throughout. */
export function renderText(html: string): string {
  if (html === '') return '';
  let text = rendered.get(html);
  if (text === undefined) {
    text = toText(html);
    if (rendered.size >= RENDERED_MAX) rendered.clear();
    rendered.set(html, text);
  }
  return text;
}

function toText(html: string): string {
  const text = html
    .replace(/<head\b[\s\S]*?<\/head\s*>/gi, '')
    .replace(/<(style|script)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?<br\s*\/?> ?/gi, '\n')
    .replace(/<hr\b[^>]*>/gi, '\n________________________________\n')
    .replace(/<li\b[^>]*>/gi, '\n* ')
    .replace(/<\/t[dh]\s*>/gi, '\t')
    .replace(new RegExp(` ?</?(?:${BLOCKS})\\b[^>]*> ?`, 'gi'), '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/\n{3,}/g, '\n\n');
  const lines = decodeEntities(text)
    .split('\n')
    .map((line) => line.trimEnd());
  const joined = lines
    .join('\n')
    .replace(/^\n+/, '')
    .replace(/\s+$/, '')
    .replace(/^ (?=\S)/, '');
  return joined === '' ? '' : `${joined.replaceAll('\n', '\r\n')}\r\n`;
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|[a-z]+);/gi, (whole, name: string) => {
    if (name.startsWith('#')) {
      const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    }
    return ENTITIES[name.toLowerCase()] ?? whole;
  });
}

/** `bodyPreview`: at most 255 characters of text on one line. */
export function previewOf(html: string): string {
  let preview = previews.get(html);
  if (preview === undefined) {
    const text = renderText(html).trim();
    preview = text.length <= PREVIEW_LENGTH ? text : [...text].slice(0, PREVIEW_LENGTH).join('');
    if (previews.size >= RENDERED_MAX) previews.clear();
    previews.set(html, preview);
  }
  return preview;
}

const previews = new Map<string, string>();
const PREVIEW_LENGTH = 255;

/** What Teams appends to the body of an online meeting; the meeting lives and dies with it. */
function joinBlock(joinUrl: string): string {
  return (
    '<div class="me-email-text"><hr><div><span style="font-size:24px">Microsoft Teams meeting</span></div>' +
    `<div><a id="meet_invite_block.action.join_link" href="${joinUrl}">Join the meeting now</a></div><hr></div>`
  );
}

/** Adds the join block at the end of a document, which may be empty. */
export function withJoinBlock(html: string, joinUrl: string): string {
  const base = html === '' ? document('', '<body>', '') : html;
  return base.replace(/\s*<\/body>/i, () => `\r\n${joinBlock(joinUrl)}\r\n</body>`);
}
