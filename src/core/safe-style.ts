/** How text looks; not where it is, what lies over it, or what it loads. */
const PROPERTIES = new Set([
  ...['background', 'background-color', 'border', 'border-bottom', 'border-collapse', 'border-color', 'border-left'],
  ...['border-radius', 'border-right', 'border-spacing', 'border-style', 'border-top', 'border-width', 'color'],
  ...['direction', 'font', 'font-family', 'font-size', 'font-style', 'font-variant', 'font-weight', 'height'],
  ...['letter-spacing', 'line-height', 'list-style-type', 'margin', 'margin-bottom', 'margin-left', 'margin-right'],
  ...['margin-top', 'max-width', 'min-width', 'padding', 'padding-bottom', 'padding-left', 'padding-right'],
  ...['padding-top', 'text-align', 'text-decoration', 'text-indent', 'text-transform', 'vertical-align', 'white-space'],
  ...['width', 'word-break', 'word-wrap', 'overflow-wrap'],
]);
const MAX_DECLARATIONS = 60;
const MAX_VALUE_CHARACTERS = 200;
/** The only functions there are for a value: others compute, load or refer to the page. */
const COLOURS = /\b(?:rgb|hsl)a?\([\d.,%\s/]{1,60}\)/gi;
const PLAIN_VALUE = /^[\w\s.,%#'"/+!-]*$/;
/** A negative length reaches out of its place. */
const NEGATIVE = /(?:^|[\s,/])-[\d.]/;

/** @returns the harmless declarations of a style attribute in one spelling; empty when there are none */
export function safeStyle(style: string): string {
  const safe: string[] = [];
  for (const declaration of style.split(';', MAX_DECLARATIONS)) {
    const colon = declaration.indexOf(':');
    const property = declaration.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    const value = declaration.slice(colon + 1).trim();
    if (PROPERTIES.has(property) && isPlainValue(value)) safe.push(`${property}: ${value.replace(/\s+/g, ' ')}`);
  }
  return safe.join('; ');
}

function isPlainValue(value: string): boolean {
  if (value === '' || value.length > MAX_VALUE_CHARACTERS || NEGATIVE.test(value)) return false;
  const isQuotedWhole = ['"', "'"].every((quote) => value.split(quote).length % 2 === 1);
  return isQuotedWhole && PLAIN_VALUE.test(value.replace(COLOURS, 'colour'));
}
