import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { describe, expect, it } from 'vitest';
import { SAFE_ATTRIBUTES, SAFE_ELEMENTS, safeBody } from './safe-html.ts';

const shown = (content: string, withImages = false) => safeBody({ contentType: 'html', content }, { withImages });
const htmlOf = (content: string, withImages = false) => shown(content, withImages).html;

/** What a real parser finds in markup that no page should be given. */
function complaintsAbout(html: string, withImages: boolean): string[] {
  const found: string[] = [];
  const parser = new Parser({
    onopentag: (name, attributes) => {
      if (!SAFE_ELEMENTS.includes(name)) found.push(`<${name}>`);
      const allowed = [...(SAFE_ATTRIBUTES['*'] ?? []), ...(SAFE_ATTRIBUTES[name] ?? [])];
      for (const [attribute, value] of Object.entries(attributes)) {
        if (!allowed.includes(attribute)) found.push(`${name} ${attribute}`);
        if (attribute === 'style' && /url|expression|@|\\|position|behavior|binding|\(\s*(?!\d)/i.test(value))
          found.push(`style ${value}`);
        if (attribute === 'href' && !/^(https?:\/\/|mailto:|tel:)/.test(value)) found.push(`href ${value}`);
        if (attribute === 'src' && !(withImages ? /^(https?:\/\/|data:image\/)/ : /^data:image\//).test(value))
          found.push(`src ${value}`);
      }
      if (attributes['href'] !== undefined) {
        const { target, rel } = attributes;
        if (target !== '_blank' || rel !== 'noopener noreferrer nofollow') found.push(`a target=${target} rel=${rel}`);
      }
    },
    oncomment: () => void found.push('a comment'),
    onprocessinginstruction: (name) => void found.push(`<${name}>`),
  });
  parser.end(html);
  return found;
}

const fragments = fc.constantFrom(
  ...['<script>', '</script>', '<style>', '</style>', '<svg>', '</svg>', '<math>', '<mtext>', '<title>', '</title>'],
  ...[
    '<iframe srcdoc="<p>">',
    '</iframe>',
    '<noscript>',
    '</noscript>',
    '<template>',
    '</template>',
    '<xmp>',
    '</xmp>',
  ],
  ...['<p title="', '">', "'>", '<a href="javascript:alert(1)">', '<a href=" java\tscript:alert(1)">', '</a>'],
  ...[
    '<a href="https://example.com/?a=1&amp;b=2">',
    '<a href="//example.com">',
    '<a href="/calendar">',
    '<a href="data:text/html,x">',
  ],
  ...[
    '<img src=x onerror=alert(1)>',
    '<img src="https://example.com/a.png">',
    '<img src="data:image/png;base64,AAAA">',
  ],
  ...['<img src="data:image/svg+xml;base64,AAAA">', '<img srcset="https://example.com/a.png 2x">', '<base href="//x">'],
  ...[
    '<meta http-equiv=refresh content="0;url=https://example.com">',
    '<form action="https://example.com">',
    '<input>',
  ],
  ...['<div style="position:fixed;color:red">', '<p style="background:url(https://example.com)">', '<div onclick=x>'],
  ...[
    '<b style="color:rgb(1,2,3);width:expression(alert(1))">',
    '<i style="font-family:\'Segoe UI\', x">',
    '</div>',
    '</p>',
  ],
  ...['<!--', '-->', '<![CDATA[', ']]>', '<!doctype html>', '<?xml ?>', '&lt;script&gt;', '&#x6a;', '&amp;amp;', '\0'],
  ...[
    '<table>',
    '<tr>',
    '<td>',
    '</table>',
    '<select>',
    '<option>',
    '<textarea>',
    '</textarea>',
    '<plaintext>',
    '/>',
    '<a',
    '=',
  ],
);
const hostile = fc.array(fc.oneof({ weight: 4, arbitrary: fragments }, fc.string(), fc.string({ unit: 'binary' })), {
  maxLength: 30,
});
const markup = hostile.map((parts) => parts.join(''));

describe('a body made safe to show', () => {
  it('has no element, attribute or address that is not on the list, whatever it was made of', () => {
    fc.assert(
      fc.property(markup, fc.boolean(), (content, withImages) => {
        expect(complaintsAbout(htmlOf(content, withImages), withImages)).toEqual([]);
      }),
      { numRuns: 1_500 },
    );
  });

  it('is the same when it is made safe once more, and nothing more is taken out', () => {
    fc.assert(
      fc.property(markup, fc.boolean(), (content, withImages) => {
        const { html: once, isReduced } = shown(content, withImages);
        expect(isReduced).toBe(false);
        const again = shown(once, withImages);
        expect(again.html).toBe(once);
        expect({ ...again.blocked }).toEqual({ scripts: 0, embeds: 0, remoteImages: 0, otherImages: 0, links: 0 });
      }),
      { numRuns: 1_500 },
    );
  });

  it('leaves out control characters that are written as references', () => {
    expect(htmlOf('a&#1b&#x1;c&#7')).toBe('abc');
  });

  it('keeps what a person wrote, as they formatted it', () => {
    const written =
      '<h2>Agenda</h2><p>Bring <b>samples</b> &amp; <i style="color: rgb(1, 2, 3); font-family: \'Segoe UI\', sans-serif">tiles</i></p><table border="1"><tbody><tr><td colspan="2">Room 1</td></tr></tbody></table><ul><li>One</li></ul>';
    expect(htmlOf(`<html><head><meta charset="utf-8"></head><body>\r\n${written}\r\n</body></html>`)).toBe(written);
  });

  it('reduces styles to how text looks', () => {
    const style =
      'color:red; position:fixed; top:0; margin-left:-900px; background:url(https://example.com/x); z-index:9';
    expect(htmlOf(`<p style="${style}">x</p>`)).toBe('<p style="color: red">x</p>');
    expect(htmlOf('<p style="width:calc(100vw);font:12px \'a;b\';color:\\72 ed;behavior:url(#x)">x</p>')).toBe(
      '<p>x</p>',
    );
  });

  it('opens links elsewhere, and only those that lead to pages, mail and telephones', () => {
    expect(htmlOf('<a href="https://example.com/a?b=1" target="_top" rel="opener">x</a>')).toBe(
      '<a href="https://example.com/a?b=1" target="_blank" rel="noopener noreferrer nofollow">x</a>',
    );
    const refused = [
      'javascript:alert(1)',
      ' javascript:alert(1)',
      'jav&#x09;ascript:alert(1)',
      'vbscript:x',
      'data:text/html,x',
    ];
    for (const address of [
      ...refused,
      'file:///etc/passwd',
      '/calendar/events',
      '//example.com',
      '#top',
      'blob:https://x/y',
    ]) {
      expect(shown(`<a href="${address}">x</a>`), address).toMatchObject({ html: '<a>x</a>', blocked: { links: 1 } });
    }
  });

  it('loads images from elsewhere only when it is asked to, and then without telling where from', () => {
    const content = '<img src="https://example.com/pixel.gif" alt="Logo" width="1"><img src="cid:logo@example.com">';
    expect(shown(content)).toMatchObject({
      html: '<img alt="Logo" width="1" /><img />',
      blocked: { remoteImages: 1, otherImages: 1 },
    });
    expect(shown(content, true)).toMatchObject({
      html: '<img alt="Logo" width="1" src="https://example.com/pixel.gif" loading="lazy" referrerpolicy="no-referrer" /><img />',
      blocked: { remoteImages: 0, otherImages: 1 },
    });
  });

  it('shows small pictures that are in the body itself, and no drawings or large ones', () => {
    const small = '<img src="data:image/png;base64,iVBORw0KGgo=" />';
    expect(htmlOf(small)).toBe(small);
    const large = `<img src="data:image/png;base64,${'A'.repeat(300_000)}">`;
    for (const other of [
      large,
      '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
      '<img src="data:text/html;base64,AAAA">',
    ]) {
      expect(shown(other)).toMatchObject({ html: '<img />', blocked: { otherImages: 1 } });
    }
  });

  it('counts what it took out', () => {
    const content =
      '<body onload="x()"><script>x()</script><iframe src="https://example.com"></iframe><form><input></form><meta http-equiv="Refresh" content="0;url=https://example.com">Hello<b onclick="x()">!</b>';
    expect(shown(content)).toEqual({
      html: 'Hello<b>!</b>',
      text: 'Hello!',
      isReduced: false,
      blocked: { scripts: 3, embeds: 4, remoteImages: 0, otherImages: 0, links: 0 },
    });
  });

  it('shows text as it was typed', () => {
    const content = 'Bring <samples> & "tiles"\r\n  at 9\0';
    expect(safeBody({ contentType: 'text', content }, { withImages: false })).toMatchObject({
      html: '<div style="white-space: pre-wrap">Bring &lt;samples&gt; &amp; "tiles"\n  at 9</div>',
      text: 'Bring <samples> & "tiles"\n  at 9',
      isReduced: false,
    });
    expect(safeBody(null, { withImages: false })).toMatchObject({ html: '', text: '', isReduced: false });
  });

  it.each([
    ['is nested too deeply', `${'<div>'.repeat(5_000)}Hello${'</div>'.repeat(5_000)}`],
    ['nests without looking so', `${'<p><td>'.repeat(2_000)}Hello`],
    ['is too long', `Hello ${'<b></b>'.repeat(100_000)}`],
  ])('shows the text of markup that %s', (_why, content) => {
    expect(shown(content)).toMatchObject({
      html: '<div style="white-space: pre-wrap">Hello</div>',
      text: 'Hello',
      isReduced: true,
    });
  });

  it.each([
    ['paragraphs', '<p>x</p>', '<p>x</p>'],
    ['paragraphs nobody closed', '<p>x', '<p>x</p>'],
    ['cells nobody closed', '<li>x', '<li>x</li>'],
    ['lines', 'x<br>', 'x<br />'],
    ['pictures', '<img src="cid:x">', '<img />'],
    ['links', '<a href="javascript:x">x</a>', '<a>x</a>'],
    ['elements of a word processor', '<p>x<o:p></o:p></p>', '<p>x</p>'],
    ['scripts', 'x<script>y</script>', 'x'],
  ])('is no deeper for having thousands of %s one after the other', (_what, one, expected) => {
    const { html, isReduced } = shown(one.repeat(2_000));
    expect({ isReduced, html }).toEqual({ isReduced: false, html: expected.repeat(2_000) });
  });

  it('may be nested as deeply as it may be, and no deeper', () => {
    const nested = (depth: number) => `${'<div>'.repeat(depth)}x${'</div>'.repeat(depth)}`;
    expect(shown(nested(200))).toMatchObject({ html: nested(200), isReduced: false });
    expect(shown(nested(201)).isReduced).toBe(true);
  });

  it('takes for a refresh only what is one', () => {
    const embedsOf = (content: string) => shown(content).blocked.embeds;
    for (const name of ['refresh', 'Refresh', ' refresh ']) {
      expect(embedsOf(`<meta http-equiv="${name}" content="0;url=x">`), name).toBe(1);
    }
    for (const other of ['x-refresh', 'refresh-x', 'content-type']) {
      expect(embedsOf(`<meta http-equiv="${other}" content="x">`), other).toBe(0);
    }
    expect(embedsOf('<meta charset="utf-8"><p http-equiv="refresh">x</p>')).toBe(0);
  });

  it('leads nowhere by an address that is too long, or becomes so once it is written out', () => {
    const link = (length: number, letter = 'a') => {
      const address = 'https://example.com/';
      return shown(`<a href="${address}${letter.repeat(length - address.length)}">x</a>`).blocked.links;
    };
    expect([link(8_000), link(8_001), link(4_000, 'é')]).toEqual([0, 1, 1]);
  });

  it('has lines as they were meant, whatever ends them, and nothing where nothing can be seen', () => {
    const typed = (content: string) => safeBody({ contentType: 'text', content }, { withImages: false });
    expect(typed('a\rb\r\nc\n\rd').text).toBe('a\nb\nc\n\nd');
    expect(typed('\0\x01')).toMatchObject({ html: '', text: '' });
  });

  it('has styles in one spelling, and none that say nothing or say too much', () => {
    expect(htmlOf('<p style="COLOR:\n  red ;; font:\tbold   12px  x">x</p>')).toBe(
      '<p style="color: red; font: bold 12px x">x</p>',
    );
    expect(htmlOf(`<p style="color:;width: ;font-family:${'x'.repeat(201)}">x</p>`)).toBe('<p>x</p>');
    const longest = 'x'.repeat(200);
    expect(htmlOf(`<p style="font-family:${longest}">x</p>`)).toBe(`<p style="font-family: ${longest}">x</p>`);
  });

  it('is no longer than it may be', () => {
    const { html, text, isReduced } = safeBody(
      { contentType: 'text', content: 'x'.repeat(3_000_000) },
      { withImages: false },
    );
    expect([html.length < 600_000, text.length, isReduced]).toEqual([true, 500_000, true]);
  });

  it.each([
    ['end tags without a beginning', (n: number) => `${'<b>'.repeat(190)}${'</x>'.repeat(n)}`],
    ['brackets', (n: number) => '<'.repeat(4 * n)],
    ['attributes', (n: number) => `<p ${Array.from({ length: n / 2 }, (_none, index) => `a${index}=b `).join('')}>`],
    ['comments', (n: number) => '<!--'.repeat(n)],
    ['quotes', (n: number) => '<a href="'.repeat(n / 2)],
    ['text elements', (n: number) => '<div><noscript></div>'.repeat(n / 5)],
    ['frames', (n: number) => '<iframe>'.repeat(n / 2)],
    ['declarations', (n: number) => `<p style="${'a:b;'.repeat(n)}">`],
    ['spaces in a style', (n: number) => `<p style="color:${' '.repeat(4 * n)}x">`],
    ['addresses', (n: number) => `<a href="https://${'a.'.repeat(2 * n)}">`],
  ])('takes little time for %s', (_what, make) => {
    const markup = make(50_000);
    const before = process.cpuUsage();
    shown(markup);
    // Anything quadratic takes minutes here. Time of our own is counted: the machine may have others to serve.
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(10);
  });
});
