import type { FastifyInstance } from 'fastify';
import { ICS_BODY_BYTES } from './limits.ts';
import { HttpProblem } from './problem.ts';

/** More than any form of ours has. */
const FORM_BYTES = 4096;

/** JSON, and nothing else unless a route says so; an empty body is no body. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      const text = decoded(body as Buffer, 'INVALID_JSON');
      parse(request, text, (error, value) => done(error ? invalidJson(text) : null, value));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** iCalendar files instead of JSON. */
export function acceptIcs(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'text/calendar',
    { parseAs: 'buffer', bodyLimit: ICS_BODY_BYTES },
    (_request, body, done) => {
      try {
        const text = decoded(body as Buffer, 'INVALID_ICALENDAR');
        if (text.includes('\0')) throw new HttpProblem(400, 'INVALID_ICALENDAR', 'the body contains the character NUL');
        done(null, text);
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

/** A page's form (WHATWG URL-encoded) instead of JSON. */
export function acceptForm(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: FORM_BYTES },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body as string))),
  );
}

/** JSON, and the empty text that Microsoft sends with the question whether an address is ours. */
export function acceptNotifications(app: FastifyInstance): void {
  app.addContentTypeParser('text/plain', { parseAs: 'string', bodyLimit: FORM_BYTES }, (_request, _body, done) =>
    done(null, undefined),
  );
}

function decoded(body: Buffer, code: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new HttpProblem(400, code, 'the body is not UTF-8', { cause });
  }
}

/** The place is passed on, the words around it are not. */
function invalidJson(text: string): HttpProblem {
  let place: string | undefined;
  try {
    JSON.parse(text);
    return new HttpProblem(400, 'INVALID_JSON', 'the body has a property of a name that is not allowed in JSON here');
  } catch (error) {
    place = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0];
  }
  return new HttpProblem(400, 'INVALID_JSON', `the body is not JSON${place ? ` ${place}` : ''}`);
}
