import { type Command, InvalidArgumentError } from 'commander';
import { DEMO_USER, type JsonOption, jsonCommand, wholeNumber } from '../options.ts';
import { printJson, printLine, type Terminal } from '../terminal.ts';
import { DEVELOPMENT_TOKEN_DAYS, developmentToken } from '../token.ts';

const ROLES = ['user', 'operator', 'admin'];

interface TokenOptions extends JsonOption {
  readonly user: string;
  readonly roles?: string[];
  readonly email?: string;
  readonly days: number;
}

export function tokenCommand(terminal: Terminal): Command {
  return jsonCommand('token', 'make a token for a development service; impossible in production')
    .option('--user <id>', 'the caller (`sub`)', DEMO_USER)
    .option('--roles <roles>', `any of ${ROLES.join(', ')}, separated by commas`, rolesOf)
    .option('--email <address>', 'the caller’s own mailbox')
    .option('--days <count>', 'how long it is good for', wholeNumber(1, 365), DEVELOPMENT_TOKEN_DAYS)
    .action(async ({ user, roles, email, days, json }: TokenOptions) => {
      const token = await developmentToken(terminal.env, { user, roles, email, days }, terminal.clock);
      if (json) printJson(terminal.out, { token, user, roles: roles ?? ['user'], days });
      else printLine(terminal.out, token);
    });
}

function rolesOf(text: string): string[] {
  const roles = text.split(',').map((role) => role.trim());
  const unknown = roles.find((role) => !ROLES.includes(role));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${ROLES.join(', ')}.`);
  return roles;
}
