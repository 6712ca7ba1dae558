import { STATUS_CODES } from 'node:http';
import type { GraphSimulator } from '../graph-simulator.ts';
import { GraphError } from '../http/graph-error.ts';
import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import { isTooDeep } from '../http/json-depth.ts';
import { CALENDAR_ROUTES } from './calendar-routes.ts';
import { CLOCK_ROUTES } from './clock-routes.ts';
import { ControlError, wrong } from './control-error.ts';
import { type ControlRoute, JsonText, matchPath } from './control-route.ts';
import { EVENT_ROUTES } from './event-routes.ts';
import { requireSteering } from './guard.ts';
import { IDENTITY_ROUTES } from './identity-routes.ts';
import { LOG_ROUTES } from './log-routes.ts';
import { MAILBOX_ROUTES } from './mailbox-routes.ts';
import { MEETING_ROUTES } from './meeting-routes.ts';
import { MISFORTUNE_ROUTES } from './misfortune-routes.ts';
import { NOTIFICATION_ROUTES } from './notification-routes.ts';
import { overviewRoute } from './overview.ts';
import { SHARING_ROUTES } from './sharing-routes.ts';
import { SNAPSHOT_ROUTES } from './snapshot-routes.ts';
import { requireBody, requireKnownQuery } from './validation.ts';
import { WEATHER_ROUTES } from './weather-routes.ts';

const BASE = '/simulator';
/** A snapshot puts levels of its own around the deepest body Graph took. */
const MAX_DEPTH = 200;
const STEERED: readonly ControlRoute[] = [
  ...MAILBOX_ROUTES,
  ...CALENDAR_ROUTES,
  ...EVENT_ROUTES,
  ...MEETING_ROUTES,
  ...CLOCK_ROUTES,
  ...WEATHER_ROUTES,
  ...LOG_ROUTES,
  ...SNAPSHOT_ROUTES,
  ...SHARING_ROUTES,
  ...MISFORTUNE_ROUTES,
  ...NOTIFICATION_ROUTES,
  ...IDENTITY_ROUTES,
];
/** Everything below `/simulator`. */
export const CONTROL_ROUTES: readonly ControlRoute[] = [overviewRoute(STEERED), ...STEERED];

/**
 * Steers a simulator over HTTP: what tests in TypeScript do by calling methods. No part of Graph: outside the request
 * log, limits and faults.
 */
export class ControlPlane {
  readonly #simulator: GraphSimulator;
  readonly #controlKey: string | undefined;

  constructor(simulator: GraphSimulator, controlKey: string | undefined) {
    this.#simulator = simulator;
    this.#controlKey = controlKey;
  }

  async handle(request: SimulatedRequest): Promise<SimulatedResponse> {
    try {
      requireSteering(request, this.#controlKey);
      return answerOf(await this.#run(request));
    } catch (error) {
      return refusalOf(error, request);
    }
  }

  async #run(request: SimulatedRequest): Promise<{ route: ControlRoute; value: unknown }> {
    const { route, params } = find(request);
    const query = Object.fromEntries(request.url.searchParams);
    requireKnownQuery(query, route.query);
    const body = route.body === undefined ? undefined : readBody(request, route);
    return { route, value: await route.run({ simulator: this.#simulator, params, query, body }) };
  }
}

function find(request: SimulatedRequest): { route: ControlRoute; params: Record<string, string> } {
  const { pathname } = request.url;
  const segments = pathname.slice(BASE.length).split('/').filter(Boolean).map(decodedSegment);
  const here = CONTROL_ROUTES.flatMap((route) => {
    const params = matchPath(route.path, segments);
    return params === undefined ? [] : [{ route, params }];
  });
  const found = here.find(({ route }) => route.method === request.method);
  if (found !== undefined) return found;
  if (here.length === 0) {
    throw new ControlError(404, 'no-such-path', `There is no ${pathname}. GET ${BASE} lists what there is.`);
  }
  const methods = [...new Set(here.map(({ route }) => route.method))].join(', ');
  throw new ControlError(405, 'wrong-method', `${pathname} takes ${methods}, not ${request.method}.`, {
    headers: { allow: methods },
  });
}

function decodedSegment(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new ControlError(404, 'no-such-path', `The part '${raw}' of the path is no valid percent-encoding.`);
  }
}

function readBody(request: SimulatedRequest, route: ControlRoute): unknown {
  if (request.body === '' && route.isBodyOptional) return {};
  const type = request.headers['content-type'] ?? '';
  if (request.body !== '' && !/^application\/json\b/i.test(type)) {
    throw new ControlError(415, 'not-json', 'Bodies are JSON: send Content-Type: application/json.');
  }
  let body: unknown;
  try {
    body = JSON.parse(request.body);
  } catch {
    throw wrong('body', request.body === '' ? 'is required' : 'is no valid JSON');
  }
  if (isTooDeep(body, MAX_DEPTH)) throw wrong('body', 'is nested too deeply');
  requireBody(route.body!, body);
  return body;
}

const HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };

function answerOf({ route, value }: { route: ControlRoute; value: unknown }): SimulatedResponse {
  if (value === undefined) return { status: 204, headers: { 'cache-control': 'no-store' } };
  const status = route.status ?? 200;
  return value instanceof JsonText
    ? { status, headers: HEADERS, json: value.text }
    : { status, headers: HEADERS, body: value };
}

/** Refusals of the store are Graph's own, so their codes are, too. */
function refusalOf(error: unknown, request: SimulatedRequest): SimulatedResponse {
  if (!(error instanceof ControlError) && !(error instanceof GraphError)) {
    const detail = error instanceof Error ? error.message : String(error);
    return problem(new ControlError(500, 'defect', `The simulator itself failed: ${detail}`), request);
  }
  return problem(error, request);
}

function problem(error: ControlError | GraphError, { url }: SimulatedRequest): SimulatedResponse {
  const problems = error instanceof ControlError ? error.problems : [];
  return {
    status: error.status,
    headers: { ...HEADERS, 'content-type': 'application/problem+json; charset=utf-8', ...error.headers },
    body: {
      title: STATUS_CODES[error.status] ?? 'Error',
      status: error.status,
      code: error.code,
      detail: error.message,
      instance: url.pathname,
      ...(problems.length === 0 ? {} : { problems }),
    },
  };
}
