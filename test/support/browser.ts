/** What a person sees, and the buttons on it. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly html: string;
}

const MAX_HOPS = 10;

/** A browser as far as a sign-in needs one: cookies by host, redirects, forms. No scripts. */
export class Browser {
  readonly #jars = new Map<string, Map<string, string>>();

  /** Takes a cookie a page's own program was given. */
  keepCookies(url: string, headers: Headers): void {
    const jar = this.#jarOf(url);
    for (const cookie of headers.getSetCookie()) {
      const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim());
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (attributes.some((attribute) => /^max-age=0$/i.test(attribute))) jar.delete(name);
      else jar.set(name, value);
    }
  }

  async visit(url: string, form?: URLSearchParams): Promise<Page> {
    let request: { url: string; form: URLSearchParams | undefined } = { url, form };
    for (let hop = 0; hop < MAX_HOPS; hop += 1) {
      const cookie = [...this.#jarOf(request.url)].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(request.url, {
        redirect: 'manual',
        ...(request.form ? { method: 'POST', body: request.form } : {}),
        headers: cookie === '' ? {} : { cookie },
      });
      this.keepCookies(request.url, answer.headers);
      const html = await answer.text();
      const location = answer.headers.get('location');
      if (answer.status < 300 || answer.status >= 400 || !location) {
        return { url: request.url, status: answer.status, html };
      }
      request = { url: new URL(location, request.url).href, form: undefined };
    }
    throw new Error(`more than ${MAX_HOPS} redirects`);
  }

  /** Presses a button of the page's only form. */
  async press(
    page: Page,
    button: { name: string; value: string },
    choices: Record<string, string> = {},
  ): Promise<Page> {
    const action = /<form method="post" action="([^"]*)"/.exec(page.html)?.[1];
    if (action === undefined || !page.html.includes(`name="${button.name}" value="${button.value}"`)) {
      throw new Error(`there is no such button on ${page.url}`);
    }
    const hidden = [...page.html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, unescaped(value)]));
    const form = new URLSearchParams({ ...fields, ...choices, [button.name]: button.value });
    return this.visit(new URL(unescaped(action), page.url).href, form);
  }

  #jarOf(url: string): Map<string, string> {
    // Cookies know no ports, as browsers have it.
    const { hostname } = new URL(url);
    const jar = this.#jars.get(hostname) ?? new Map<string, string>();
    this.#jars.set(hostname, jar);
    return jar;
  }
}

const CHARACTERS: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

const unescaped = (text: string): string =>
  text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_all, name) => CHARACTERS[name]!);
