import { Type } from 'typebox';
import { DIALECTS, type DialectName } from '../http/dialects.ts';
import { FAULT_KINDS } from '../http/fault-kinds.ts';
import type { PendingFault, ScriptedFault } from '../http/faults.ts';
import { defaultSwitches, type SimulatorSwitches } from '../switches.ts';
import { ControlError, type ControlProblem, invalidInput, wrong } from './control-error.ts';
import { bodyRoute, type ControlContext, type ControlRoute, route } from './control-route.ts';
import { OneOf, Strict } from './shapes.ts';
import { isSwitch, isValueOf, SWITCH_NAMES, wantedOf } from './switch-values.ts';

const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });

/** A `ScriptedFault` as JSON carries it. */
const Fault = Strict(
  {
    method: Type.Optional(Text),
    path: Type.Optional(Text),
    mailbox: Type.Optional(Text),
    count: Type.Optional(Type.Unsafe<number | 'always'>({})),
    after: Type.Optional(Count),
    batchItem: Type.Optional(Type.Boolean()),
    batchItemId: Type.Optional(Text),
    probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    kind: Type.Optional(OneOf(FAULT_KINDS)),
    like: Type.Optional(OneOf(Object.keys(DIALECTS) as DialectName[])),
    status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599 })),
    code: Type.Optional(Text),
    message: Type.Optional(Text),
    body: Type.Optional(Type.Unknown()),
    text: Type.Optional(Text),
    retryAfter: Type.Optional(Type.Unsafe<string | number | null>({ type: ['string', 'number', 'null'] })),
    headers: Type.Optional(Type.Record(Text, Text)),
    slowMs: Type.Optional(Type.Number({ minimum: 0 })),
    afterCommit: Type.Optional(Type.Boolean()),
    location: Type.Optional(Type.Boolean()),
    reads: Type.Optional(Count),
    deltaRounds: Type.Optional(Count),
    jumpMs: Type.Optional(Type.Number()),
    momentary: Type.Optional(Type.Boolean()),
  },
  { minProperties: 1 },
);

const Switches = Type.Unsafe<Record<string, unknown>>({ type: 'object', minProperties: 1 });

export const WEATHER_ROUTES: readonly ControlRoute[] = [
  route('GET /switches', 'every switch as it stands', ({ simulator }) => simulator.switches),
  bodyRoute('PATCH /switches', 'turns some; null turns one back to its default', Switches, turn),
  route('GET /switches/{name}', 'one switch: value, default, what it takes', ({ simulator, params }) => {
    const name = params['name']!;
    if (!isSwitch(name)) throw new ControlError(404, 'no-such-switch', unknownSwitch(name));
    return { name, value: simulator.switches[name], default: defaultSwitches[name], takes: wantedOf(name) };
  }),
  route('GET /faults', 'scripted faults that still wait', ({ simulator }) => simulator.faults.list().map(shownFault)),
  bodyRoute(
    'POST /faults',
    'the next matching request fails; `path` is a regular expression',
    Fault,
    ({ simulator, body }) => {
      try {
        const { id } = simulator.failNext(body as ScriptedFault);
        return shownFault(simulator.faults.list().find((each) => each.id === id)!);
      } catch (error) {
        if (error instanceof TypeError) throw wrong('body', error.message);
        throw error;
      }
    },
    { status: 201 },
  ),
  route('DELETE /faults', 'takes all back', ({ simulator }) => simulator.clearFaults()),
  route('DELETE /faults/{id}', 'takes one back', ({ simulator, params }) => {
    if (simulator.faults.remove(Number(params['id']))) return;
    throw new ControlError(
      404,
      'no-such-fault',
      `No fault ${params['id']} waits; it may have struck. GET /simulator/faults lists those that do.`,
    );
  }),
];

function turn({ simulator, body }: ControlContext<Record<string, unknown>>): SimulatorSwitches {
  const problems = Object.entries(body).flatMap(([name, value]): ControlProblem[] => {
    if (!isSwitch(name)) return [{ at: name, message: unknownSwitch(name) }];
    return value === null || isValueOf(name, value) ? [] : [{ at: name, message: `must be ${wantedOf(name)}` }];
  });
  if (problems.length > 0) throw invalidInput(problems);
  for (const [name, value] of Object.entries(body)) {
    Object.assign(simulator.switches, { [name]: value ?? defaultSwitches[name as keyof SimulatorSwitches] });
  }
  return simulator.switches;
}

function unknownSwitch(name: string): string {
  const lower = name.toLowerCase();
  const near = SWITCH_NAMES.filter((each) => each.toLowerCase().includes(lower) || lower.includes(each.toLowerCase()));
  return `there is no switch ${name}; ${near.length > 0 ? 'there is' : 'there are'} ${(near.length > 0 ? near : SWITCH_NAMES).join(', ')}`;
}

/** A count without end is written as it was asked for. */
function shownFault({ left, ...fault }: PendingFault) {
  return { ...fault, left: left === Number.MAX_SAFE_INTEGER ? 'always' : left };
}
