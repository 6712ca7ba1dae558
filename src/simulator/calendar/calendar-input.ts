import { GraphError, invalidRequest, unreadableBody } from '../http/graph-error.ts';
import type { SimulatorSwitches } from '../switches.ts';

/** Graph's colours, with what it makes of them in `hexColor`. */
const COLORS: Readonly<Record<string, string>> = {
  auto: '',
  lightBlue: '#a6d1f5',
  lightGreen: '#87d28e',
  lightOrange: '#fcab73',
  lightGray: '#c0c0c0',
  lightYellow: '#f5e98b',
  lightTeal: '#84d5d9',
  lightPink: '#f08cc0',
  lightBrown: '#cba287',
  lightRed: '#f88c9b',
  maxColor: '',
};

export const hexColorOf = (color: string): string => COLORS[color] ?? '';

const PROVIDERS = ['unknown', 'skypeForBusiness', 'skypeForConsumer', 'teamsForBusiness'];

/** Properties that belong to the service: sent values are ignored. */
const READ_ONLY = new Set([
  ...['id', 'hexColor', 'changeKey', 'canEdit', 'canShare', 'canViewPrivateItems', 'isRemovable'],
  ...['isTallyingResponses', 'owner', 'allowedOnlineMeetingProviders'],
]);

export interface CalendarInput {
  name?: string;
  color?: string;
  isDefaultCalendar?: boolean;
  defaultOnlineMeetingProvider?: string;
}

const WRITABLE = ['name', 'color', 'isDefaultCalendar', 'defaultOnlineMeetingProvider'];

/** @throws {GraphError} 400 for unknown properties and values of the wrong kind */
export function readCalendar(body: unknown, switches: SimulatorSwitches): CalendarInput {
  if (typeof body !== 'object' || body === null) throw unreadableBody('A calendar was expected.');
  const input: CalendarInput = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.') || READ_ONLY.has(name)) continue;
    if (!WRITABLE.includes(name)) throw unknownProperty(name, 'microsoft.graph.calendar');
    Object.assign(input, { [name]: converted(name as keyof CalendarInput, value) });
  }
  if (input.name !== undefined && input.name.trim() === '')
    throw new GraphError(400, 'ErrorInvalidRequest', 'The calendar has no name.');
  if (input.isDefaultCalendar !== undefined) {
    if (switches.patchDefaultCalendar === '400')
      throw invalidRequest("The property 'isDefaultCalendar' cannot be changed.");
    if (switches.patchDefaultCalendar === 'ignored') delete input.isDefaultCalendar;
  }
  return input;
}

function converted(name: keyof CalendarInput, value: unknown): unknown {
  if (name === 'isDefaultCalendar') {
    if (typeof value !== 'boolean') throw wrongType(name, 'Edm.Boolean');
    return value;
  }
  if (typeof value !== 'string') throw wrongType(name, 'Edm.String');
  if (name === 'name') return value;
  const names = name === 'color' ? Object.keys(COLORS) : PROVIDERS;
  const found = names.find((each) => each.toLowerCase() === value.toLowerCase());
  if (found === undefined) throw unreadableBody(`Requested value '${value}' was not found.`);
  return found;
}

const wrongType = (name: string, type: string): GraphError =>
  unreadableBody(`Cannot convert the value of '${name}' to the expected type '${type}'.`);

export const unknownProperty = (name: string, type: string): GraphError =>
  unreadableBody(
    `The property '${name}' does not exist on type '${type}'. Make sure to only use property names that are defined by the type.`,
  );
