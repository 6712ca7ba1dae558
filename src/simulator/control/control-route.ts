import type { Static, TSchema } from 'typebox';
import type { GraphSimulator } from '../graph-simulator.ts';

/** What a control route is given. */
export interface ControlContext<Body = unknown> {
  simulator: GraphSimulator;
  /** From the path, percent-decoded. */
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  body: Body;
}

interface Shape {
  /** Status of success; 204 by itself when `run` returns nothing. */
  status?: number;
  /** Names the query may have. */
  query?: readonly string[];
  /** A body may be left out altogether; it is `{}` then. */
  isBodyOptional?: boolean;
}

export interface ControlRoute extends Shape {
  method: string;
  /** Below `/simulator`, with `{names}`. */
  path: string;
  does: string;
  body?: TSchema;
  run: (context: ControlContext) => unknown;
}

/** @param address method and path, such as `GET /mailboxes/{mailbox}` */
export function route(
  address: string,
  does: string,
  run: (context: ControlContext<undefined>) => unknown,
  shape: Shape = {},
): ControlRoute {
  const [method = '', path = ''] = address.split(' ');
  return { method, path, does, ...shape, run: run as ControlRoute['run'] };
}

export function bodyRoute<S extends TSchema>(
  address: string,
  does: string,
  body: S,
  run: (context: ControlContext<Static<S>>) => unknown,
  shape: Shape = {},
): ControlRoute {
  const [method = '', path = ''] = address.split(' ');
  return { method, path, does, body, ...shape, run: run as ControlRoute['run'] };
}

/** The values of the names in a path, or undefined when it is another path. */
export function matchPath(template: string, segments: readonly string[]): Record<string, string> | undefined {
  const parts = template.split('/').slice(1);
  const wanted = parts.length === 1 && parts[0] === '' ? [] : parts;
  if (wanted.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const given = segments[at]!;
    if (part.startsWith('{')) params[part.slice(1, -1)] = given;
    else if (part !== given.toLowerCase()) return undefined;
  }
  return params;
}

/** A document that is JSON text already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
