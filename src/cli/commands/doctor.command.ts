import type { Command } from 'commander';
import { type JsonOption, jsonCommand } from '../options.ts';
import { CommandError, printJson, printLine, type Terminal } from '../terminal.ts';

export function doctorCommand(terminal: Terminal): Command {
  return jsonCommand(
    'doctor',
    'check configuration, database, Graph and clock; exit code 1 if anything is wrong',
  ).action(async ({ json }: JsonOption) => {
    const { runDiagnosis } = await import('../../app.ts');
    let failures = 0;
    for await (const finding of runDiagnosis(terminal.env)) {
      if (!finding.isOk) failures += 1;
      if (json) {
        printJson(terminal.out, finding);
        continue;
      }
      printLine(terminal.out, `${finding.isOk ? 'ok    ' : 'failed'}  ${finding.check}: ${finding.message}`);
      if (finding.whatToDo) printLine(terminal.out, `        → ${finding.whatToDo}`);
    }
    if (failures > 0) throw new CommandError(`${failures} of the checks failed`);
  });
}
