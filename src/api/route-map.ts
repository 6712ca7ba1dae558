/** Which methods an address takes: for the answer to those it does not. */
export class RouteMap {
  readonly #routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];

  /** @param url  Fastify's pattern, e.g. `/calendar/events/:id` */
  add(method: string | readonly string[], url: string): void {
    const pattern = url
      .split('/')
      .map((step) =>
        step === '*' ? '.*' : step.startsWith(':') ? '[^/]+' : step.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('/');
    this.#routes.push({ pattern: new RegExp(`^${pattern}$`), methods: [method].flat() });
  }

  methodsOf(path: string): string[] {
    const methods = this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
    return [...new Set(methods)].sort();
  }
}
