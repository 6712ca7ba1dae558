export type { FaultKind, ScriptedFault } from './faults.ts';
export { GraphError } from './graph-error.ts';
export { GraphSimulator, type SimulatorOptions } from './graph-simulator.ts';
export type { OutboxMail } from './model.ts';
export type { RequestLogEntry } from './request-log.ts';
export { SimulatedMailbox } from './simulated-mailbox.ts';
export type { SimulatorSwitches } from './switches.ts';
export { type ClientRegistration, DEFAULT_CLIENT } from './tokens.ts';
export type { WireAttendee, WireDateTime, WireEvent, WireRecurrence } from './wire-types.ts';
