import type { ItemBody } from '../core/event.ts';

/**
 * The block by which an online meeting is joined lives in the event's body, and a body written without it ends the meeting
 * (graph contract 1.4). So what a person wrote is put in front of the block that stands at Graph, never in its place.
 *
 * Bodies come from strangers' mail: everything here is linear in their length.
 */

/** Teams' own mark on its block, in the form of the last years; older ones are found by their link. */
const TEAMS_BLOCK = /^<div\s[^<>]*class="?[^"<>]*me-email-text/i;
const BLOCK_ELEMENTS = /^<(div|p|td|table|section|blockquote)\b/i;
/** Elements without an end tag never enclose anything. */
const TAG = /<(\/?)([a-z][a-z\d]{0,20})\b[^<>]*>/gi;
const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'wbr']);

interface Element {
  readonly start: number;
  readonly end: number;
  readonly openTag: string;
}

/**
 * @param joinUrl  the meeting's link, as Graph tells it
 * @returns the body to write: with the join block of `current` behind what is new; `undefined` when the block cannot be
 *   told from the text around it
 */
export function withJoinBlock(
  wanted: ItemBody | null,
  current: ItemBody | null,
  joinUrl: string,
): ItemBody | undefined {
  const asIs = wanted ?? { contentType: 'text', content: '' };
  // Nothing to lose, or nothing lost: a body that was pulled from Outlook and edited still has its block.
  if (!current || !mentions(current.content, joinUrl)) return asIs;
  if (asIs.contentType === 'html' && mentions(asIs.content, joinUrl)) return asIs;
  const block = findJoinBlock(current.content, joinUrl);
  if (block === undefined) return undefined;
  const html = asIs.contentType === 'html' ? asIs.content : asHtml(asIs.content);
  const end = html.search(/<\/body\s*>/i);
  const at = end < 0 ? html.length : end;
  return { contentType: 'html', content: `${html.slice(0, at)}\r\n${block}\r\n${html.slice(at)}` };
}

/** @returns the markup of the join block: Teams' own element, or the innermost block element around the link */
export function findJoinBlock(html: string, joinUrl: string): string | undefined {
  const at = indexOfUrl(html, joinUrl);
  if (at < 0) return undefined;
  const around = elementsAround(html, at);
  const block =
    around.find(({ openTag }) => TEAMS_BLOCK.test(openTag)) ??
    around.findLast(({ openTag }) => BLOCK_ELEMENTS.test(openTag));
  if (!block) return undefined;
  const markup = html.slice(block.start, block.end);
  // A plain text body is one block from end to end: the link cannot be told from the person's words.
  return /class="?PlainText\b/i.test(block.openTag) ? undefined : markup;
}

/** The elements that contain a place, outermost first. */
function elementsAround(html: string, at: number): Element[] {
  const open: { name: string; start: number; openTag: string }[] = [];
  const around: Element[] = [];
  for (const match of html.matchAll(TAG)) {
    const [openTag, slash, tagName = ''] = match;
    const name = tagName.toLowerCase();
    if (VOID.has(name)) continue;
    if (!slash) {
      if (match.index <= at) open.push({ name, start: match.index, openTag });
      else open.push({ name, start: -1, openTag });
      continue;
    }
    const index = open.findLastIndex((element) => element.name === name);
    if (index < 0) continue;
    const [element] = open.splice(index);
    const end = match.index + openTag.length;
    if (element && element.start >= 0 && element.start <= at && at < end) around.push({ ...element, end });
    if (around.length > 0 && open.every(({ start }) => start < 0)) break;
  }
  return around.sort((a, b) => a.start - b.start);
}

function mentions(html: string, joinUrl: string): boolean {
  return indexOfUrl(html, joinUrl) >= 0;
}

/** In an attribute `&` is usually written as an entity. */
function indexOfUrl(html: string, joinUrl: string): number {
  const plain = html.indexOf(joinUrl);
  return plain >= 0 ? plain : html.indexOf(joinUrl.replaceAll('&', '&amp;'));
}

function asHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<div>${escaped.replace(/\r\n?|\n/g, '<br>\r\n')}</div>`;
}
