import type { ItemBody } from '../core/event.ts';

/**
 * The block by which an online meeting is joined lives in the event's body, and a body written without it ends the meeting
 * (graph contract 1.4). So what a person wrote is put in front of the block that stands at Graph, never in its place.
 *
 * Bodies come from strangers' mail: everything here takes time linear in their length.
 */

/** Teams' own mark on its block; blocks of before 2020 lack it and are found by their link. */
const TEAMS_MARK = 'me-email-text';
const BLOCK_ELEMENTS = new Set(['div', 'p', 'td', 'section', 'blockquote']);
/** Elements that hold a whole document of somebody's words, so that they cannot be the join block. */
const WHOLE_TEXT = /plaintext|wordsection/i;
/** Elements without an end tag never enclose anything. */
const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'wbr']);
const TAG = /<(\/?)([a-z][a-z\d]{0,20})\b[^<>]*>/gi;

interface Element {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly openTag: string;
}

/**
 * @param joinUrl  the meeting's link, as Graph tells it; empty when it does not
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
  if (!current || placeOfBlock(current.content, joinUrl) < 0) return asIs;
  if (asIs.contentType === 'html' && placeOfBlock(asIs.content, joinUrl) >= 0) return asIs;
  const block = findJoinBlock(current.content, joinUrl);
  if (block === undefined) return undefined;
  const html = asIs.contentType === 'html' ? asIs.content : asHtml(asIs.content);
  const end = html.search(/<\/body\s{0,8}>/i);
  const at = end < 0 ? html.length : end;
  return { contentType: 'html', content: `${html.slice(0, at)}\r\n${block}\r\n${html.slice(at)}` };
}

/** @returns the markup of the join block: Teams' own element, else the innermost block around the link, else the link */
export function findJoinBlock(html: string, joinUrl: string): string | undefined {
  const at = placeOfBlock(html, joinUrl);
  if (at < 0) return undefined;
  const around = elementsAround(html, at);
  const innermost = around.findLast(({ name }) => BLOCK_ELEMENTS.has(name));
  const block =
    around.find(({ openTag }) => openTag.includes(TEAMS_MARK)) ??
    (innermost && !WHOLE_TEXT.test(innermost.openTag) ? innermost : around.findLast(({ name }) => name === 'a'));
  return block && html.slice(block.start, block.end);
}

/** Where the join block is, by its mark or its link; links are written in several ways. */
function placeOfBlock(html: string, joinUrl: string): number {
  const marked = html.indexOf(TEAMS_MARK);
  if (marked >= 0 || joinUrl === '') return marked;
  const lower = html.toLowerCase();
  // As it is; in an attribute, where `&` is an entity; behind the "safe link" of a mail filter, percent-encoded.
  const spellings = [joinUrl, joinUrl.replaceAll('&', '&amp;'), encodeURIComponent(joinUrl)];
  return spellings.map((url) => lower.indexOf(url.toLowerCase())).find((place) => place >= 0) ?? -1;
}

/** The elements that contain a place, outermost first. */
function elementsAround(html: string, at: number): Element[] {
  const open: { name: string; start: number; openTag: string }[] = [];
  const openByName = new Map<string, number>();
  const count = (name: string, change: number) => openByName.set(name, (openByName.get(name) ?? 0) + change);
  const around: Element[] = [];
  for (const match of html.matchAll(TAG)) {
    const [tag, slash, tagName = ''] = match;
    const name = tagName.toLowerCase();
    if (VOID.has(name)) continue;
    if (!slash) {
      open.push({ name, start: match.index, openTag: tag });
      count(name, 1);
    } else if ((openByName.get(name) ?? 0) > 0) {
      // What was opened inside and never closed ends here as well.
      for (let closed = open.pop(); closed; closed = open.pop()) {
        count(closed.name, -1);
        const end = match.index + tag.length;
        if (closed.name === name && closed.start <= at && at < end) around.push({ ...closed, end });
        if (closed.name === name) break;
      }
    }
  }
  return around.reverse();
}

function asHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<div>${escaped.replaceAll('  ', ' &nbsp;').replace(/\r\n?|\n/g, '<br>\r\n')}</div>`;
}
