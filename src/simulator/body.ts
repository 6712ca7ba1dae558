/** Exchange's own form of a body: whatever is written, a whole HTML document with CRLF line ends is stored. */
export interface StoredBody {
  readonly html: string;
}

const HEAD =
  '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n';

export function rewriteBody(input: { contentType?: unknown; content?: unknown }): StoredBody {
  const content = String(input.content ?? '');
  const isText = String(input.contentType ?? 'text').toLowerCase() === 'text';
  if (content === '') return { html: '' };
  if (isText) return { html: fromText(content) };
  const crlf = content.replace(/\r\n?|\n/g, '\r\n');
  if (/<html[\s>]/i.test(crlf)) return { html: crlf.endsWith('\r\n') ? crlf : `${crlf}\r\n` };
  return { html: `${HEAD}</head>\r\n<body>\r\n${crlf}\r\n</body>\r\n</html>\r\n` };
}

function fromText(text: string): string {
  const escaped = text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\r\n?|\n/g, '<br>\r\n');
  return (
    `${HEAD}<meta name="Generator" content="Microsoft Exchange Server">\r\n<!-- converted from text -->\r\n` +
    '<style><!-- .EmailQuote { margin-left: 1pt; padding-left: 4pt; border-left: #800000 2px solid; } --></style></head>\r\n' +
    `<body>\r\n<font size="2"><span style="font-size:11pt;"><div class="PlainText">${escaped}</div></span></font>\r\n</body>\r\n</html>\r\n`
  );
}

/** What `Prefer: outlook.body-content-type="text"` and `bodyPreview` show. */
export function textOf({ html }: StoredBody): string {
  const body = /<body[^>]*>([\s\S]*?)<\/body>/i.exec(html)?.[1] ?? html;
  return body
    .replace(/<br\s*\/?>(\r\n)?/gi, '\r\n')
    .replace(/<\/(p|div|li|tr|h\d)>/gi, '\r\n')
    .replace(/<style[\s\S]*?<\/style>/gi, '')
    .replace(/<[^>]*>/g, '')
    .replace(/&nbsp;/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .trim();
}
