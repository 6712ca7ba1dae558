import type { GraphSimulator } from '../../src/simulator/index.ts';

export interface ControlAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came over the wire
  body: any;
}

export type Steer = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<ControlAnswer>;

/** Steers in-process, or over the socket at `url`. */
export function steering(simulator: GraphSimulator, url?: string): Steer {
  const send: typeof fetch = url === undefined ? (simulator.fetch as typeof fetch) : fetch;
  return async (method, path, body, headers = {}) => {
    const response = await send(`${url ?? 'http://graph.sim.test'}/simulator${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
}
