import sanitizeHtml from 'sanitize-html';
import { bodyText } from './canonical-body.ts';
import type { ItemBody } from './event.ts';
import { safeStyle } from './safe-style.ts';

/** What was taken out of a body so that it can be shown. */
export interface BlockedParts {
  /** Script elements and event handlers. */
  readonly scripts: number;
  /** Frames, objects, forms, media, drawings, refreshes and styles for the whole page. */
  readonly embeds: number;
  /** Images that would have told their sender that the event was looked at. */
  readonly remoteImages: number;
  /** Images that are attached, too large, or of a kind that is none. */
  readonly otherImages: number;
  /** Links to what is no web page, mail address or telephone. */
  readonly links: number;
}

/** A body that a page may show as it is. */
export interface SafeBody {
  readonly html: string;
  readonly text: string;
  /** It was too long or too deeply nested for its markup to be looked through: what is shown is its text. */
  readonly isReduced: boolean;
  readonly blocked: BlockedParts;
}

/** The longest body whose markup is looked through, and the longest text that is shown instead of one that is longer. */
const MAX_CHARACTERS = 500_000;
/** Mail nests a few dozen deep; the time to close an element grows with the depth. */
const MAX_DEPTH = 200;
/** One is enough for mail; what needs more was made to need it. */
const MAX_PASSES = 4;
const MAX_LINK_CHARACTERS = 8_000;
/** A logo, not a photograph. */
const MAX_INLINE_IMAGE_CHARACTERS = 200_000;

const LINK_SCHEMES = new Set(['http:', 'https:', 'mailto:', 'tel:']);
const IMAGE_SCHEMES = new Set(['http:', 'https:']);
const INLINE_IMAGE = /^data:image\/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

export const SAFE_ELEMENTS: readonly string[] = [
  ...['a', 'abbr', 'address', 'article', 'aside', 'b', 'bdi', 'bdo', 'big', 'blockquote', 'br', 'caption', 'center'],
  ...['cite', 'code', 'col', 'colgroup', 'dd', 'del', 'dfn', 'div', 'dl', 'dt', 'em', 'figcaption', 'figure', 'font'],
  ...['footer', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'header', 'hr', 'i', 'img', 'ins', 'kbd', 'li', 'main', 'mark'],
  ...['ol', 'p', 'pre', 'q', 'rp', 'rt', 'ruby', 's', 'samp', 'section', 'small', 'span', 'strike', 'strong', 'sub'],
  ...['sup', 'table', 'tbody', 'td', 'tfoot', 'th', 'thead', 'time', 'tr', 'tt', 'u', 'ul', 'var', 'wbr'],
];
const SIZED = ['width', 'height'];
const CELL = [...SIZED, 'colspan', 'rowspan', 'bgcolor', 'nowrap', 'scope'];
/** No `id`, `name` or `class`: they are names of the page's own. */
export const SAFE_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  '*': ['style', 'dir', 'lang', 'title', 'align', 'valign'],
  a: ['href', 'target', 'rel'],
  img: ['src', 'alt', ...SIZED, 'loading', 'referrerpolicy'],
  table: ['border', 'cellpadding', 'cellspacing', 'bgcolor', ...SIZED],
  td: CELL,
  th: CELL,
  tr: ['bgcolor'],
  col: ['span', 'width'],
  colgroup: ['span', 'width'],
  ol: ['start', 'type'],
  li: ['value'],
  font: ['color', 'face', 'size'],
  time: ['datetime'],
};
/** What stands in them is no text of the body. */
const WITHOUT_CONTENT = [
  ...[
    'script',
    'style',
    'title',
    'textarea',
    'select',
    'option',
    'xmp',
    'plaintext',
    'noscript',
    'noembed',
    'noframes',
  ],
  ...['template', 'iframe', 'frameset', 'object', 'applet', 'audio', 'video', 'canvas', 'svg', 'math'],
];
const EMBEDS = new Set([
  ...['iframe', 'frame', 'frameset', 'object', 'embed', 'applet', 'audio', 'video', 'canvas', 'svg', 'math'],
  ...['form', 'input', 'button', 'select', 'textarea', 'style', 'link', 'base', 'template'],
]);

class TooDeep extends Error {}

/**
 * A body for a page to show: markup of a list of harmless elements, and nothing that runs, loads, navigates or reaches out
 * of its place. The stored body is not touched: what is synchronised is what was written.
 *
 * Bodies come from strangers' mail, so the time it takes is linear in their length.
 *
 * @param how.withImages  images from other hosts too: their senders learn that and when they were looked at
 */
export function safeBody(body: ItemBody | null, how: { readonly withImages: boolean }): SafeBody {
  const counts = { scripts: 0, embeds: 0, remoteImages: 0, otherImages: 0, links: 0 };
  if (!body || body.content === '') return { html: '', text: '', isReduced: false, blocked: counts };
  const content = plain(body.content);
  if (body.contentType === 'text') return textBody(content, counts);
  const text = plain(bodyText({ ...body, content }));
  const html = content.length > MAX_CHARACTERS ? undefined : settled(content, how.withImages, counts);
  // What was counted before it became too deep would be no count of anything.
  if (html === undefined) return textBody(text, { ...NOTHING_BLOCKED }, true);
  return { html, text, isReduced: false, blocked: counts };
}

const NOTHING_BLOCKED: BlockedParts = { scripts: 0, embeds: 0, remoteImages: 0, otherImages: 0, links: 0 };

function textBody(given: string, blocked: BlockedParts, isReduced = false): SafeBody {
  const isLong = given.length > MAX_CHARACTERS;
  const text = isLong ? given.slice(0, MAX_CHARACTERS).toWellFormed() : given;
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const html = text === '' ? '' : `<div style="white-space: pre-wrap">${escaped}</div>`;
  return { html, text, isReduced: isReduced || isLong, blocked };
}

type Counts = { -readonly [Part in keyof BlockedParts]: number };

/**
 * Markup out of which something was taken can read differently from before (a link inside a link is two links, once nothing
 * stands between them): it is gone through until it stays as it is.
 *
 * @returns `undefined` for what is nested too deeply, and for what keeps changing
 */
function settled(html: string, withImages: boolean, counts: Counts): string | undefined {
  let before = sanitised(html, withImages, counts);
  for (let pass = 0; pass < MAX_PASSES && before !== undefined; pass += 1) {
    const after = sanitised(before, withImages, { ...NOTHING_BLOCKED });
    if (after === before) return before;
    before = after;
  }
  return undefined;
}

/** @returns `undefined` for what is nested too deeply */
function sanitised(html: string, withImages: boolean, counts: Counts): string | undefined {
  let depth = 0;
  try {
    const clean = sanitizeHtml(html, {
      allowedTags: [...SAFE_ELEMENTS],
      allowedAttributes: Object.fromEntries(Object.entries(SAFE_ATTRIBUTES).map(([tag, names]) => [tag, [...names]])),
      nonTextTags: WITHOUT_CONTENT,
      // Addresses are judged below, and styles as well.
      allowedSchemes: [...LINK_SCHEMES].map((scheme) => scheme.slice(0, -1)),
      allowedSchemesByTag: { img: ['http', 'https', 'data'] },
      allowProtocolRelative: false,
      parseStyleAttributes: false,
      transformTags: { '*': (name, attributes) => ({ tagName: name, attribs: judged(name, attributes) }) },
      onOpenTag: (name, attributes) => {
        depth += 1;
        if (depth > MAX_DEPTH) throw new TooDeep();
        count(name, attributes, counts);
      },
      onCloseTag: () => {
        depth -= 1;
      },
    });
    // References may stand for what no text has; what is left without it is gone through again.
    return plain(clean).trim();
  } catch (error) {
    if (error instanceof TooDeep) return undefined;
    throw error;
  }

  function judged(name: string, { style, ...attributes }: Attributes): Attributes {
    const safe = style === undefined ? '' : safeStyle(style);
    const styled = safe === '' ? attributes : { ...attributes, style: safe };
    if (name === 'a') return link(styled, counts);
    return name === 'img' ? image(styled, withImages, counts) : styled;
  }
}

type Attributes = Record<string, string>;

function count(name: string, attributes: Attributes, counts: Counts): void {
  if (name === 'script') counts.scripts += 1;
  if (EMBEDS.has(name) || (name === 'meta' && /^\s*refresh\s*$/i.test(attributes['http-equiv'] ?? '')))
    counts.embeds += 1;
  for (const attribute of Object.keys(attributes)) if (/^on/i.test(attribute)) counts.scripts += 1;
}

function link({ href, target: _target, rel: _rel, ...others }: Attributes, counts: Counts): Attributes {
  if (href === undefined) return others;
  const address = absolute(href, LINK_SCHEMES);
  if (address === undefined) {
    counts.links += 1;
    return others;
  }
  return { ...others, href: address, target: '_blank', rel: 'noopener noreferrer nofollow' };
}

/** One that is not shown leaves its place and its words. */
function image(attributes: Attributes, withImages: boolean, counts: Counts): Attributes {
  const { src, loading: _loading, referrerpolicy: _policy, ...others } = attributes;
  if (src === undefined) return others;
  if (src.length <= MAX_INLINE_IMAGE_CHARACTERS && INLINE_IMAGE.test(src)) return { ...others, src };
  const address = absolute(src, IMAGE_SCHEMES);
  if (address !== undefined && withImages)
    return { ...others, src: address, loading: 'lazy', referrerpolicy: 'no-referrer' };
  if (address !== undefined) counts.remoteImages += 1;
  else counts.otherImages += 1;
  return others;
}

/** As a browser understands it; relative addresses would be pages of whoever shows the body. */
function absolute(address: string, schemes: ReadonlySet<string>): string | undefined {
  if (address.length > MAX_LINK_CHARACTERS || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  return schemes.has(url.protocol) && url.href.length <= MAX_LINK_CHARACTERS ? url.href : undefined;
}

/** Without control characters, which mean nothing and confuse readers, and halves of characters. */
function plain(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/\r\n?/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
  );
}
